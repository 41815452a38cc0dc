"""What is written for people to look at."""

from __future__ import annotations

import email
import json
import mailbox
from contextlib import closing
from email.policy import default
from pathlib import Path
from random import Random

from bench.receipts.__main__ import export, report
from bench.receipts.compare import compare
from bench.receipts.corpus import receipt_message
from bench.receipts.others import other_mail
from bench.receipts.scanning import Scanned


def test_mails_attachments_labels_and_a_mailbox(tmp_path: Path) -> None:
    invoice = receipt_message("dev-e-00", "dev", "letter", "DE", "pdf")
    letter = other_mail(1, "newsletter", "FR", "dev", Random(1))
    export([invoice, letter], tmp_path / "dev")
    labels = json.loads((tmp_path / "dev" / "dev-e-00.json").read_bytes())
    assert labels["is_receipt"]
    assert labels["documents"][0]["total"] == invoice.labels[0].total
    assert not json.loads((tmp_path / "dev" / f"{letter.id}.json").read_bytes())["is_receipt"]
    told = email.message_from_bytes((tmp_path / "dev" / "dev-e-00.eml").read_bytes(), policy=default)
    files = [part.get_content() for part in told.iter_attachments()]
    assert files == [attached.content for attached in invoice.attachments]
    for index, attached in enumerate(invoice.attachments):
        assert (tmp_path / "dev" / f"dev-e-00-{index}-{attached.name}").read_bytes() == attached.content
    with closing(mailbox.mbox(tmp_path / "dev" / "inbox.mbox", create=False)) as box:
        assert [message["Message-ID"] for message in box] == [invoice.message_id, letter.message_id]


def test_a_report_of_nothing_found() -> None:
    invoice = receipt_message("dev-e-00", "dev", "letter", "DE", "pdf")
    said = report("dev", compare([invoice], []), Scanned(found=[], warnings=["one"], seconds=3.0))
    assert "| documents | 1 | 1 | 0 | 1 | 0 | - | 0.000 |" in said
    assert "3 s for 1 messages, 3.00 s each; 1 warnings" in said
