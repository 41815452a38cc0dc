"""A dozen documents, half of them pictures, read by the rules of examples/finance as they stand, with real OCR.

What the figures of docs/finance.md fall to when something breaks; the whole set takes minutes.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from bench.receipts.compare import compare
from bench.receipts.corpus import receipt_message
from bench.receipts.labels import Arrival, Message
from bench.receipts.others import other_mail, reply_mail
from bench.receipts.scanning import scan_in_python
from bench.receipts.tables import misses

_SEED = "receipts of the tests"
_DOCUMENTS: tuple[tuple[str, str, Arrival], ...] = (
    ("till", "DE", "photo"),
    ("till", "US", "scan"),
    ("restaurant", "FR", "photo"),
    ("restaurant", "GB", "scan"),
    ("till", "FR", "photo"),
    ("letter", "DE", "scan"),
    ("invoice", "FR", "pdf"),
    ("credit_note", "GB", "pdf"),
    ("utility", "DE", "pdf"),
    ("order_html", "US", "html"),
    ("subscription_html", "FR", "html"),
    ("text_mail", "DE", "text"),
)
_OTHERS = ("newsletter", "order", "quote", "dunning", "phishing")


def _messages() -> list[Message]:
    found = [
        receipt_message(f"dev-ci-{layout}-{country}", "dev", layout, country, arrival, _SEED)
        for layout, country, arrival in _DOCUMENTS
    ]
    found += [other_mail(number, kind, "DE", "dev", Random(f"{_SEED} {kind}")) for number, kind in enumerate(_OTHERS)]
    return [*found, reply_mail(len(_OTHERS), "GB", "dev", Random(f"{_SEED} reply"))]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_dozen_documents_are_found_and_read(tmp_path: Path) -> None:
    messages = _messages()
    scanned, answers, runtime = scan_in_python(messages, tmp_path, tmp_path / "answers")
    with runtime:
        result = compare(messages, scanned.found)
        text = misses(result)
    assert not scanned.warnings
    assert result.detected >= 11, text
    assert len(result.invented) <= 1, text
    right = {field: sum(judged.right[field] for judged in result.judged) for field in result.judged[0].right}
    assert right["total"] >= 10, text
    assert right["currency"] >= 11, text
    assert right["date"] >= 10, text
    assert right["vendor"] >= 8, text
    assert right["invoice_number"] >= 8, text
    # What was read is at hand for who looks at the misses.
    assert all(answers.ocr_text(one.content) for message in messages for one in message.attachments)
