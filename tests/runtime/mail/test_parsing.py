"""Reading mail: the pure parts, and that nothing that can be sent makes it fail."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.runtime.mail.parsing.charsets import decoded
from perdure.runtime.mail.parsing.dates import unix_microseconds
from perdure.runtime.mail.parsing.header_text import decoded_words
from perdure.runtime.mail.parsing.html_text import text_of_html
from perdure.runtime.mail.parsing.messages import HeaderBlocks, RawMessage, ReadMessage
from perdure.runtime.mail.parsing.parts import file_name
from perdure.runtime.mail.parsing.processor_time import OutOfTime, at_most
from perdure.runtime.mail.parsing.reading import read_message
from perdure.runtime.mail.parsing.transfer import from_base64, uuencoded
from perdure.runtime.mail.parsing.worker import read

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
encode = msgspec.msgpack.encode


def message(raw: bytes) -> ReadMessage:
    """As the worker does it, over msgpack and back, and into JSON, which an answer is."""
    found = msgspec.msgpack.decode(read(encode(RawMessage(raw, 1, 0, 100_000, True))), type=ReadMessage)
    msgspec.json.encode(found)
    assert len(found.problems) <= 60
    return found


# --- mutations -------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_mutation_of_a_mail_fails(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(CORPUS)).read_bytes())
    chance = data.draw(st.randoms(use_true_random=False))
    for _ in range(data.draw(st.integers(1, 12))):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0:  # a byte
                raw[at : at + 1] = bytes([chance.randrange(256)])
            case 1:  # a stretch is lost
                del raw[at : at + chance.randrange(80)]
            case 2:  # or comes twice
                raw[at:at] = raw[at : at + chance.randrange(400)]
            case 3:  # something that means something
                raw[at:at] = chance.choice(
                    (
                        b"=?utf-8?B?",
                        b"?=",
                        b"\r\n\r\n",
                        b"--b\n",
                        b";",
                        b'"',
                        b"\n ",
                        b"\x00",
                        b"(",
                        b"<",
                        b"name*0*=x''",
                    )
                )
            case 4:  # a piece of another mail
                other = chance.choice(CORPUS).read_bytes()
                begin = chance.randrange(len(other) + 1)
                raw[at:at] = other[begin : begin + chance.randrange(300)]
    message(bytes(raw))
    read(encode(HeaderBlocks([bytes(raw)])))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_fail(raw: bytes) -> None:
    message(raw)
    message(b"Content-Type: text/html\n\n" + raw)
    message(b"Content-Type: application/ms-tnef\n\n\x78\x9f\x3e\x22" + raw)


# --- too much --------------------------------------------------------------------------------------------------------


def nested(levels: int, head: bytes) -> bytes:
    return b"".join(head % {b"n": number} for number in range(levels)) + b"Content-Type: text/plain\n\ninnermost\n"


MULTIPART = b"Content-Type: multipart/mixed; boundary=b%(n)d\n\n--b%(n)d\n"


def test_a_hundred_levels_are_read_a_thousand_are_not() -> None:
    assert message(nested(100, MULTIPART)).text == "innermost"
    assert "levels" in " ".join(message(nested(110, MULTIPART)).problems)
    assert "nested too deep" in message(nested(3_000, MULTIPART)).problems[0]
    assert "nested too deep" in message(b"Content-Type: message/rfc822\n\n" * 3_000 + b"hi").problems[0]


def test_messages_within_messages_are_not_kept_once_for_each_level() -> None:
    raw = b"Content-Type: message/rfc822\n\n" * 50 + b"Subject: in\n\n" + b"x" * 10_000
    found = message(raw)
    assert found.text == "x" * 10_000
    assert sum(file.size for file in found.attachments) <= 5 * len(raw)
    assert "messages within messages" in " ".join(found.problems)


def test_ten_thousand_parts() -> None:
    part = b"--b\nContent-Type: application/pdf; name=x.pdf\n\n%PDF-1\n"
    found = message(b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 10_000 + b"--b--\n")
    assert len(found.attachments) == 500
    assert "more than 500" in " ".join(found.problems)


def test_a_million_addresses_and_encoded_words() -> None:
    head = b"To: " + b"a@b.c, " * 100_000 + b"\nSubject: " + b"=?utf-8?q?x?= " * 20_000 + b"\nFrom: " + b"(" * 50_000
    found = message(head + b"\n\nbody")
    assert found.text == "body"
    assert len(found.to) == 200
    assert len(found.subject) <= 1000


def test_more_lines_than_the_parser_has_time_for() -> None:
    found = message(b"Subject: lines\n\n" + b"a\n" * 2_100_000)
    assert found.subject == "lines"
    assert "too much for the reader" in found.problems[0]


def test_html_that_is_nested_deeper_than_its_parser_goes_is_read_roughly() -> None:
    text, good = text_of_html("<table><tr><td>" * 1000 + "the text" + "</td></tr></table>" * 1000)
    assert (text, good) == ("the text", False)


def test_processor_time_is_bounded() -> None:
    def for_ever() -> None:
        while True:
            pass

    with pytest.raises(OutOfTime), at_most(0.05):
        for_ever()


# --- tables ----------------------------------------------------------------------------------------------------------


def test_cells_of_a_row_stand_on_one_line_whatever_is_around_them() -> None:
    rows = "".join(f"<tr><td>Item {n}</td><td>{n}</td><td align=right>{n},00 €</td></tr>" for n in range(1, 4))
    inner = f"<table>{rows}<tr><td colspan=2>Summe</td><td>6,00&nbsp;€</td></tr></table>"
    layout = f"<table><tr><td><img src=x></td></tr><tr><td>{inner}</td></tr><tr><td>Danke</td></tr></table>"
    text, good = text_of_html(f"<body>{layout}</body>")
    lines = [" ".join(line.split()) for line in text.splitlines() if line]
    assert lines == ["Item 1 1 1,00 €", "Item 2 2 2,00 €", "Item 3 3 3,00 €", "Summe 6,00 €", "Danke"]
    assert good


def test_what_nobody_sees_is_no_text() -> None:
    markup = "<style>a</style><script>b</script><!-- c --><div style='display:none'>d</div><p>T\u200bo\u00adtal</p>"
    assert text_of_html(markup)[0] == "Total"


# --- the pure parts --------------------------------------------------------------------------------------------------


@given(st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1)), st.integers(-12, 14))
def test_dates_come_back(moment: datetime, hours: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    expected = int(moment.timestamp()) * 1_000_000
    assert unix_microseconds(format_datetime(moment)) == expected
    assert unix_microseconds(moment.isoformat()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 05 May 2020 10:00:00 +0200",
        "5 May 20 08:00 GMT",
        "Tue, 5 May 2020 10:00:00 +0200 (CEST (summer))",
        "Tue,  5 May 2020 10:00:00 GMT+0200",
        "Tue May  5 08:00:00 2020",
        "2020-05-05T10:00:00+02:00",
        "2020-05-05 08:00:00",
        "2020/05/05 08:00",
        "Tuesday, 05-May-20 08:00:00 UTC",
    ],
)
def test_dates_of_every_kind(text: str) -> None:
    assert unix_microseconds(text) == 1_588_665_600_000_000


@pytest.mark.parametrize("text", ["", "yesterday", "32 May 2020", "99999-01-01", "Tue, 5 May 1820 00:00:00 +0000"])
def test_what_is_no_date(text: str) -> None:
    assert unix_microseconds(text) is None


@given(st.binary(max_size=300), st.randoms(use_true_random=False))
def test_base64_survives_junk(data: bytes, chance: random.Random) -> None:
    text = bytearray(base64.encodebytes(data))
    for _ in range(5):
        text.insert(chance.randrange(len(text) + 1), chance.choice(b"!\r\n *#%&"))
    assert from_base64(bytes(text)) == data
    assert from_base64(base64.b64encode(data).rstrip(b"=")) == data
    assert from_base64(base64.b64encode(data) + base64.b64encode(data)) == data * 2 or len(data) % 3 == 0


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs", "Zs"]), max_size=60))
def test_encoded_words_come_back(text: str) -> None:
    words = [f"=?utf-8?B?{base64.b64encode(part.encode()).decode()}?=" for part in (text[:20], text[20:])]
    assert decoded_words(" ".join(words)) == " ".join(text.split())


@given(st.text(max_size=200))
def test_names_of_files_lead_nowhere(text: str) -> None:
    name = file_name(text)
    assert "/" not in name
    assert "\\" not in name
    assert name.isprintable() or all(ord(character) >= 32 for character in name)
    assert len(name) <= 255
    assert name not in (".", "..")


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=20)))
def test_any_bytes_are_some_text(data: bytes, charset: str | None) -> None:
    decoded(data, charset)


@pytest.mark.parametrize("codec", ["idna", "punycode", "unicode_escape", "base64", "zip", "rot13", "undefined"])
def test_codecs_that_are_no_charset(codec: str) -> None:
    assert decoded(b"abc \\x41 \xff", codec) == ("abc \\x41 ÿ", False)


def test_uuencoded_files_are_found_where_they_are() -> None:
    text = b"a\nbegin 644 x.txt\n#86)C\n`\nend\nb\n"
    assert uuencoded(text) == [("x.txt", b"abc", 2, len(text) - 2)]


def test_a_body_with_a_name_is_the_body() -> None:
    found = read_message(RawMessage(b"Content-Type: text/plain; name=body.txt\n\nhello\n", None, 0, 100, False))
    assert (found.text, found.attachments) == ("hello", [])
