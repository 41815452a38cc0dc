"""Nasty mails, as they are met: what must be read of each, and that what cannot be read is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.mail.parsing.messages import RawMessage, ReadMessage
from perdure.runtime.mail.parsing.reading import read_headers, read_message

CORPUS = Path(__file__).parent / "corpus"
FIVE_MAY = 1_588_665_600_000_000  # 2020-05-05T08:00Z

# By file: the text, what must be among the attachments, and in the problems; other fields as they are.
EXPECTED: dict[str, dict[str, Any]] = {
    "html-only-receipt": {
        "text": "ACME Café GmbH\n\nItem  Qty  Price\nCoffee  2  € 7,00\nTotal  € 7,00",
        "text_from": "html",
        "date": FIVE_MAY,
        "message_id": "<r1@example.com>",
    },
    "stub-and-html": {"text": "Total due  USD 1,234.50", "text_from": "html"},
    "mixed-related-nested": {
        "subject": "Rechnung für Mätz €",
        "text": "Guten Tag, anbei die Rechnung.",
        "files": {
            ("", "image/png", 8, None),
            ("Rechnung März 2020.pdf", "application/pdf", 15, None),
            ("Quittung März.PDF", "application/pdf", 14, None),
        },
    },
    "forwarded-with-pdf": {
        "text": "Room 12, total 99.00 EUR",
        "files": {("bill.eml", "message/rfc822", 251, None), ("bill.pdf", "application/pdf", 9, 1)},
    },
    "winmail": {
        "text": "Please find the invoice enclosed.",
        "files": {("winmail.dat", "application/ms-tnef", 166, None), ("invoice.pdf", "application/pdf", 22, 1)},
    },
    "winmail-broken": {"text": "hello", "problems": "winmail.dat cannot be read"},
    "uuencoded": {"text": "See the file.\n\n\nRegards", "files": {("note.txt", "text/plain", 12, None)}},
    "raw-8bit-headers": {
        "subject": "Résumé - café déjà vu",
        "sender": ("Jürgen Müller", "j@example.com"),
        "to": [("Müller, Anna", "anna@example.org")],
        "text": "Prix: 5 € \N{EN DASH} café",
        "date": 1_588_672_800_000_000,
    },
    "wrong-charset": {"text": "Grüße, 5 €", "problems": None},
    "unknown-charset": {
        "subject": "Grüße",
        "text": "Schöne Grüße aus Köln, wir wünschen Ihnen alles Gute für das nächste Jahr.",
        "problems": "x-user-defined",
    },
    "gb2312-utf16": {"subject": "发票 2020", "text": "您的发票\N{FULLWIDTH COLON}100元"},
    "split-character": {"subject": "héllo €領収書のご案内"},
    "no-headers": {"text": "Just a body, no headers at all.", "message_id": None, "problems": "no date"},
    "no-body": {"subject": "nothing follows", "text": "", "text_from": "none"},
    "garbage": {"subject": "", "message_id": None},
    "empty": {"text": "", "subject": "", "sender": ("", ""), "date": None},
    "boundary-missing": {"text": "--what\nContent-Type: text/plain\n\nthe text\n--what--", "problems": "no boundary"},
    "boundary-never-closed": {
        "text": "first",
        "files": {("x.pdf", "application/pdf", 21, None)},
        "problems": "close boundary not found",
    },
    "same-boundary-inside": {"text": "inner", "problems": "start boundary not found"},
    "crlf-mixed": {"text": "one\ntwo\nthree\nfour", "subject": "line ends"},
    "rfc2231-continued": {"files": {("Grüße aus.jpg", "image/jpeg", 6, None)}},
    "path-in-name": {"files": {("bill.pdf", "application/pdf", 8, None)}},
    "bounce": {
        "text": "Your message could not be delivered.",
        "sender": ("MAILER-DAEMON", ""),
        "headers": {"auto_submitted": "auto-replied"},
    },
    "newsletter": {
        "text": "Buy now",
        "headers": {
            "list_id": "Shop news <news.shop.example.com>",
            "list_unsubscribe": "<https://shop.example.com/u?x=1>, <mailto:u@example.com>",
            "precedence": "bulk",
        },
        "references": ["<root@example.com>", "<parent@example.com>"],
        "in_reply_to": "<parent@example.com>",
        "reply_to": [("", "help@example.com")],
    },
    "encrypted": {"text": "", "problems": "encrypted"},
    "dates": {"date": 1_588_752_000_000_000},  # of the server that received it
    "apple-pieces": {"text": "before\n\nafter", "files": {("p.jpg", "image/jpeg", 6, None)}},
    "html-fallback-namespaced": {"text": "Total: 12,50", "text_from": "html"},
    "bad-transfer-encoding": {"text": "plain after all", "problems": "rot13"},
    "quoted-printable-broken": {"text": "Café =ZZ 100% soft = end"},
    "long-header": {"text": "x"},
    "addresses": {
        "sender": ("Doe, John (Sales)", "john@example.com"),
        "to": [("", "a@example.com"), ("", "b@example.com")],
        "cc": [("", "c@example.com"), ("d", "d@example.com")],
        "reply_to": [("", "broken@example.com")],
    },
}


def read(name: str, **options: Any) -> ReadMessage:
    work = {"part": None, "offset": 0, "max_bytes": 1 << 20, "html": True, **options}
    return read_message(RawMessage((CORPUS / f"{name}.eml").read_bytes(), **work))


def test_every_file_is_expected() -> None:
    assert {path.stem for path in CORPUS.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_read(name: str) -> None:
    message = read(name)
    for field, expected in EXPECTED[name].items():
        found: Any = getattr(message, field, None)
        if field == "text" and "html" in message.text_from and name == "stub-and-html":
            assert expected in found
        elif field == "files":
            assert {(file.name, file.media_type, file.size, file.within) for file in message.attachments} == expected
        elif field == "problems":
            assert found == [] if expected is None else expected in " ".join(found)
        elif field == "sender":
            assert (found.name, found.address) == expected
        elif field in ("to", "cc", "reply_to"):
            assert [(one.name, one.address) for one in found] == expected
        else:
            assert found == expected, field


@pytest.mark.parametrize("name", EXPECTED)
def test_a_list_shows_the_same(name: str) -> None:
    message, listed = read(name), read_headers((CORPUS / f"{name}.eml").read_bytes())
    assert (listed.subject, listed.sender, listed.date) == (message.subject, message.sender, message.date)
    assert listed.message_id == message.message_id


@pytest.mark.parametrize("name", EXPECTED)
def test_the_careful_way_reads_the_headers(name: str) -> None:
    message, careful = read(name), read(name, careful=True)
    assert (careful.subject, careful.sender, careful.to) == (message.subject, message.sender, message.to)
    assert careful.attachments == []
    assert "too much" in careful.problems[0]


def test_every_part_can_be_had_and_so_can_the_whole() -> None:
    for name in EXPECTED:
        raw = (CORPUS / f"{name}.eml").read_bytes()
        assert read(name, part=0).content == raw
        for file in read(name).attachments:
            found = read(name, part=file.part)
            assert (len(found.content or b""), found.content_size) == (file.size, file.size)
        assert read(name, part=499).content is None


def test_a_part_comes_in_pieces() -> None:
    pieces = [read("winmail", part=2, offset=at, max_bytes=8).content for at in range(0, 24, 8)]
    assert b"".join(piece or b"" for piece in pieces) == b"%PDF-1.4\nfrom outlook\n"


def test_text_is_cut_at_a_character_and_that_is_said() -> None:
    message = read("html-only-receipt", max_bytes=9)
    assert message.text == "ACME Caf"
    assert "more than 9 bytes" in " ".join(message.problems)
    assert message.html is not None
    assert len(message.html.encode()) <= 9
