"""Files that mean no good, or are broken: each has its answer, and the next one is read as ever."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.support.documents import Text, content_of, file_of, nested_bomb, pdf, receipt_pdf, receipt_picture

from perdure.runtime import DEFAULT_LIBRARY, OperationError, Runtime
from perdure.runtime.ai.ocr.settings import OcrSettings
from perdure.runtime.settings import RuntimeSettings

pytestmark = pytest.mark.timeout(300)
LIMITS = OcrSettings(
    processes=1, max_bytes=4 << 20, max_pages=3, max_pixels=4_000_000, max_characters=5_000, memory_bytes=1 << 30
)


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime.in_memory(settings=RuntimeSettings(ocr=LIMITS)) as made:
        yield made


def refused(runtime: Runtime, content: bytes, **request: Any) -> OperationError:
    payload = {"data": base64.b64encode(content).decode(), **request}
    with pytest.raises(OperationError) as caught:
        runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    return caught.value


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says how large it is."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


ENCRYPTED = pdf(
    content_of([Text(72, 700, "secret")]),
    trailer="/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -44/O<" + "41" * 32 + ">/U<" + "42" * 32 + ">>>",
)
UNKNOWN_LOCK = pdf(
    content_of([Text(72, 700, "secret")]), trailer="/ID[<00><00>]/Encrypt<</Filter/Acme/V 9/R 9/P 0/O<00>/U<00>>>"
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"just words", "no file that text can be read from"),
        (b"\x89PNG\r\n\x1a\n", "no file that text can be read from|damaged"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"%PDF-1.7\nand nothing else", "the PDF is damaged"),
        (receipt_pdf()[:300], "the PDF is damaged"),
        (ENCRYPTED, "opens with a password only"),
        (UNKNOWN_LOCK, "encrypted in a way that is not known|password"),
        (pdf(), "has no pages"),
        (file_of(receipt_picture(), "JPEG")[:9000], "damaged, or ends too early"),
        (file_of(receipt_picture(), "TIFF")[:9000], "damaged|ends too early|no file"),
        (png(100_000, 100_000), "100000 x 100000 pixels; at most 4000000"),
        (png(1000, 1000, b"\0" * 10), "damaged, or ends too early"),
        (file_of(Image.new("1", (30_000, 30_000))), "30000 x 30000 pixels"),
        (b"\0" * (5 << 20), "5,242,880 bytes"),
        (pdf(*[content_of([Text(72, 700, "x")])] * 4), "it has 4 pages; ask for at most 3"),
        (pdf(content_of([Text(72, 700, "word " * 1200, 1)])), "characters"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_is_refused(runtime: Runtime, content: bytes, words: str) -> None:
    error = refused(runtime, content)
    assert error.code == "invalid_payload"
    assert re.search(words, str(error)), str(error)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"options": {"language": "../../etc/passwd"}}, "language"),
        ({"options": {"language": "eng+"}}, "language"),
        ({"pages": "0"}, "pages"),
        ({"pages": "1-"}, "pages"),
        ({"pages": "9"}, "there is no page 9"),
        ({"options": {"engine": "magic"}}, "engine"),
        ({"options": {"engine": "text_layer"}}, "only a PDF has a text layer"),
        ({"options": {"preprocessing": {"scale": 100}}}, "scale"),
        ({"file": "share/x.png"}, "one of data, entry and file"),
    ],
)
def test_what_cannot_be_asked(runtime: Runtime, request_: dict[str, Any], words: str) -> None:
    error = refused(runtime, file_of(receipt_picture()), **request_)
    assert error.code == "invalid_payload"
    assert words in str(error)


def test_a_language_that_is_not_installed(runtime: Runtime) -> None:
    error = refused(runtime, file_of(receipt_picture()), options={"language": "eng+chi_tra"})
    assert error.code == "unavailable"
    assert "apt install tesseract-ocr-chi-tra" in str(error)
    # What needs no Tesseract needs no data.
    payload = {"data": base64.b64encode(receipt_pdf()).decode(), "options": {"language": "chi_tra"}}
    answer: Any = runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    assert answer.pages[0].source == "text_layer"


def test_language_data_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.traineddata").write_bytes(b"no data" * 100)
    with Runtime.in_memory(settings=RuntimeSettings(ocr=OcrSettings(tessdata=str(tmp_path)))) as runtime:
        error = refused(runtime, file_of(receipt_picture()), options={"language": "bad"})
        assert error.code == "unavailable"
        assert "bad" in str(error)


def test_a_page_of_ten_metres_is_drawn_smaller(runtime: Runtime) -> None:
    content = pdf(content_of([Text(2000, 14000, "Enormous", 3000)]), size=(28_346, 28_346))
    payload = {"data": base64.b64encode(content).decode(), "options": {"engine": "tesseract"}}
    answer: Any = runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    assert answer.text == "Enormous"
    assert 2000 < answer.pages[0].words[0].box[0] < 2800


def test_bombs_in_pdfs_hurt_a_process_at_most(runtime: Runtime) -> None:
    """A quarter of a gigabyte of blanks in some hundred bytes, and a picture of ten gigapixels in nothing at all."""
    content = pdf(nested_bomb(250), filters="/Filter[/FlateDecode/FlateDecode]")
    assert len(content) < 2_000
    payload = {"data": base64.b64encode(content).decode()}
    try:
        answer: Any = runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
        assert answer.text == ""
    except OperationError as error:
        assert error.code == "failed"  # noqa: PT017 - which of the two is PDFium's choice
    huge = pdf(b"q 500 0 0 500 0 0 cm /Im1 Do Q", image=file_of(Image.new("L", (8, 8)), "JPEG"))
    huge = huge.replace(b"/Width 8/Height 8", b"/Width 100000/Height 100000")
    payload = {"data": base64.b64encode(huge).decode()}
    try:
        runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    except OperationError as error:
        assert error.code in ("failed", "invalid_payload")  # noqa: PT017 - as above
    # And the next one is read as ever.
    payload = {"data": base64.b64encode(receipt_pdf()).decode()}
    answer = runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    assert "Total GBP  10.68" in answer.text


def test_a_page_that_takes_too_long() -> None:
    settings_ = RuntimeSettings(ocr=OcrSettings(page_seconds=0.001))
    with Runtime.in_memory(settings=settings_) as runtime:
        error = refused(runtime, file_of(receipt_picture()))
        assert error.code == "failed"


DOCUMENTS = (receipt_pdf(), file_of(Image.new("L", (40, 30), 255)), file_of(Image.new("L", (40, 30), 255), "TIFF"))


@settings(max_examples=40)
@given(st.sampled_from(DOCUMENTS), st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=6))
def test_damage_of_every_kind_is_an_answer(
    runtime: Runtime, document: bytes, damage: list[tuple[float, bytes]]
) -> None:
    content = bytearray(document)
    for place, data in damage:
        at = int(place * (len(content) - 1))
        content[at : at + len(data)] = data
    payload = {"data": base64.b64encode(bytes(content)).decode(), "options": {"language": "eng"}}
    try:
        runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    except OperationError as error:
        assert error.code in ("invalid_payload", "failed", "unavailable")  # noqa: PT017 - whichever it is
