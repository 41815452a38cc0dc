"""The mailbox that ships with examples/finance: two dozen messages of one spring, some of them receipts, one broken.

python3 -m bench.receipts.sample
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from bench.receipts.corpus import receipt_message
from bench.receipts.labels import Arrival, Message
from bench.receipts.mailbox import mbox
from bench.receipts.others import document_mail, other_mail, photo_mail, reply_mail

FOLDER: Final = Path(__file__).parents[2] / "examples" / "finance" / "sample"
SEED: Final = "sample 1"
_RECEIPTS: Final[tuple[tuple[str, str, Arrival], ...]] = (
    ("till", "DE", "photo"),
    ("restaurant", "US", "photo"),
    ("till", "FR", "scan"),
    ("invoice", "GB", "pdf"),
    ("invoice", "DE", "pdf"),
    ("letter", "FR", "pdf"),
    ("credit_note", "DE", "pdf"),
    ("utility", "GB", "pdf"),
    ("order_html", "US", "html"),
    ("order_html", "FR", "html"),
    ("subscription_html", "GB", "html"),
    ("subscription_html", "DE", "html"),
    ("text_mail", "ES", "text"),
    ("text_mail", "CH", "text"),
)
_OTHERS: Final = (
    ("newsletter", "GB"),
    ("order", "DE"),
    ("shipping", "FR"),
    ("quote", "DE"),
    ("phishing", "GB"),
    ("statement", "FR"),
)
_FIRST, _LAST = "2026-02-01", "2026-06-30"
_MOST_BYTES: Final = 110_000  # of an attachment


class Truth(msgspec.Struct, frozen=True):
    """What is true of the mailbox: message ids, in their order, each with the labels of its documents."""

    messages: list[Sampled]


class Sampled(msgspec.Struct, frozen=True):
    """One message. ``broken``: its document cannot be read."""

    message_id: str
    about: str
    total: str | None
    currency: str | None
    vendor: str | None
    date: str | None
    broken: bool


def sample() -> list[Message]:
    """The messages, by the time they were sent."""
    found = [_receipt(layout, country, arrival) for layout, country, arrival in _RECEIPTS]
    found += _others()
    found.append(_broken())
    return sorted(found, key=lambda message: message.sent)


def truth(messages: list[Message]) -> Truth:
    """What a scan of it should find."""
    rows = []
    for message in messages:
        label = message.labels[0] if message.labels else None
        rows.append(
            Sampled(
                message_id=message.message_id,
                about=message.about,
                total=label.total if label else None,
                currency=label.currency if label else None,
                vendor=label.vendor if label else None,
                date=label.date if label else None,
                broken=message.about == "broken",
            )
        )
    return Truth(rows)


def _receipt(layout: str, country: str, arrival: Arrival) -> Message:
    """The first of a row of draws that is of this spring, and small."""
    for number in range(1_000):
        name = f"sample-{layout}-{country.lower()}-{number}"
        message = receipt_message(name, "dev", layout, country, arrival, SEED)
        small = all(len(attached.content) <= _MOST_BYTES for attached in message.attachments)
        if small and message.labels[0].date >= _FIRST and message.sent < _LAST:
            return message
    raise AssertionError("no draw is of this spring")


def _others() -> Iterator[Message]:
    for number, (kind, country) in enumerate(_OTHERS):
        yield _this_spring(other_mail(number, kind, country, "dev", Random(f"{SEED} {kind}")), number)
    number = len(_OTHERS)
    yield _this_spring(reply_mail(number, "GB", "dev", Random(f"{SEED} reply")), number)
    yield _this_spring(document_mail(number + 1, "cv", "DE", "dev", Random(f"{SEED} cv")), number + 1)
    yield _this_spring(photo_mail(number + 2, "FR", "dev", Random(f"{SEED} photo")), number + 2)


def _this_spring(message: Message, number: int) -> Message:
    sent = f"2026-{2 + number % 5:02}-{3 + 2 * number:02}T08:{number:02}:00"
    return msgspec.structs.replace(message, id=f"sample-{message.about}-{number}", sent=sent)


def _broken() -> Message:
    """An invoice whose PDF ends too early: a person has to look at it."""
    whole = _receipt("invoice", "US", "pdf")
    (attached, *_) = whole.attachments
    half = msgspec.structs.replace(attached, content=attached.content[: len(attached.content) // 3])
    return msgspec.structs.replace(
        whole,
        id="sample-broken-0",
        about="broken",
        subject="Your document",
        text="Your document is attached.\n",
        attachments=(half,),
        labels=(),
    )


def main() -> int:
    """Write the mailbox and its truth; the exit code."""
    messages = sample()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "inbox.mbox").write_bytes(mbox(messages))
    (FOLDER / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth(messages))) + b"\n")
    print(f"{len(messages)} messages, {(FOLDER / 'inbox.mbox').stat().st_size:,} bytes in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
