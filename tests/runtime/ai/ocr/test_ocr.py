"""`query:ai.ocr` as extensions and programs call it, with the real Tesseract and PDFium."""

from __future__ import annotations

import base64
import collections
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from bench import ocr_pages
from PIL import Image
from tests.support.documents import (
    RECEIPT,
    Text,
    content_of,
    file_of,
    pdf,
    receipt_lines,
    receipt_pdf,
    receipt_picture,
)
from tests.support.python_jobs import PythonJobs

from perdure.runtime import DEFAULT_LIBRARY, Runtime
from perdure.runtime.ai.ocr.language_data import language_folder
from perdure.runtime.ai.ocr.messages import OcrPage
from perdure.runtime.ai.ocr.operation import DocumentRead
from perdure.runtime.ai.ocr.settings import OcrSettings
from perdure.runtime.settings import RuntimeSettings

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """One for all tests: its worker process stays warm."""
    with Runtime.in_memory(settings=RuntimeSettings(ocr=OcrSettings(processes=1))) as made:
        yield made


def read(runtime: Runtime, content: bytes, **request: Any) -> DocumentRead:
    payload = {"data": base64.b64encode(content).decode(), **request}
    answer = runtime.call("query:ai.ocr", payload, library_id=DEFAULT_LIBRARY)
    assert isinstance(answer, DocumentRead)
    return answer


def page_of(runtime: Runtime, content: bytes, **request: Any) -> OcrPage:
    (page,) = read(runtime, content, **request).pages
    return page


def lines_of(page: OcrPage) -> list[str]:
    return [line for line in page.text.splitlines() if line]


def darkest(picture: Image.Image) -> int:
    """Ink, if there is some."""
    return int(np.asarray(picture).min())


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_picture(runtime: Runtime) -> None:
    picture = receipt_picture()
    answer = read(runtime, file_of(picture))
    (page,) = answer.pages
    assert lines_of(page) == receipt_lines()
    assert (answer.media_type, answer.page_count, answer.text) == ("image/png", 1, page.text)
    assert (page.number, page.source, page.unit, page.rotation) == (1, "ocr", "pixels", 0)
    assert (page.width, page.height) == picture.size
    assert 0.9 < page.confidence == answer.confidence <= 1
    total = next(word for word in page.words if word.text == "10.68")
    left, top, right, bottom = total.box
    row = next(row for row, (name, _) in enumerate(RECEIPT) if name.startswith("Total"))
    assert page.text.split("\n")[total.line] == "Total GBP  10.68"
    assert abs(right - 850) < 6 and abs(top - (50 + row * 34 * 1.7)) < 20  # noqa: PT018 - one corner
    assert darkest(picture.crop((int(left), int(top), int(right) + 1, int(bottom) + 1))) < 60
    assert page_of(runtime, file_of(picture), words=False).words == []


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_formats(runtime: Runtime, kind: str) -> None:
    answer = read(runtime, file_of(receipt_picture(), kind))
    assert answer.media_type == f"image/{kind.lower()}"
    assert "Total GBP  10.68" in answer.text


def test_a_heic_picture(runtime: Runtime) -> None:
    content = (Path(__file__).parents[2] / "media" / "pictures" / "turned.heic").read_bytes()
    assert read(runtime, content).media_type == "image/heic"


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "CMYK", "I;16"])
def test_kinds_of_pixels(runtime: Runtime, mode: str) -> None:
    picture = receipt_picture()
    if mode == "RGBA":  # black letters on nothing
        made = Image.new("RGBA", picture.size, (0, 0, 0, 0))
        made.putalpha(picture.point(lambda value: 255 - value))
    elif mode == "I;16":
        made = picture.convert("I").point(lambda value: value * 200).convert("I;16")
    else:
        made = picture.convert(mode)
    assert "Total GBP  10.68" in read(runtime, file_of(made, "TIFF")).text


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_that_lies_on_its_side(runtime: Runtime, quarters: int) -> None:
    picture = receipt_picture()
    page = page_of(runtime, file_of(picture.rotate(90 * quarters, expand=True)))
    assert lines_of(page) == receipt_lines()
    assert page.rotation == 90 * quarters  # clockwise, which is back
    assert (page.width, page.height) == picture.size
    total = next(word for word in page.words if word.text == "10.68")
    assert abs(total.box[2] - 850) < 8


def test_the_way_up_that_the_camera_noted(runtime: Runtime) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # it is to be turned clockwise
    page = page_of(runtime, file_of(receipt_picture().rotate(90, expand=True), "JPEG", exif=tags))
    assert (lines_of(page)[0], page.rotation) == ("Corner Coffee Ltd", 0)


@pytest.mark.parametrize("degrees", [-7, 3, 12])
def test_lines_that_are_not_level(runtime: Runtime, degrees: int) -> None:
    turned = receipt_picture().rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    page = page_of(runtime, file_of(turned))
    assert lines_of(page) == receipt_lines()
    total = next(word for word in page.words if word.text == "10.68")
    left, top, right, bottom = (round(part) for part in total.box)
    assert darkest(turned.crop((left, top, right, bottom))) < 90  # the place on the page as it was given


def test_light_letters_on_a_dark_ground(runtime: Runtime) -> None:
    assert lines_of(page_of(runtime, file_of(receipt_picture().point(lambda value: 255 - value)))) == receipt_lines()


def test_a_small_picture(runtime: Runtime) -> None:
    picture = receipt_picture()
    small = picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.LANCZOS)
    assert "Total GBP  10.68" in read(runtime, file_of(small)).text


@pytest.mark.parametrize("language", ["eng", "deu", "fra"])
@pytest.mark.parametrize("damage", [ocr_pages.scanned, ocr_pages.photographed, ocr_pages.faded])
def test_what_scanners_and_telephones_do(runtime: Runtime, language: str, damage: Any) -> None:
    draw = Random(f"{language}-{damage.__name__}")
    page = ocr_pages.receipt(draw, language)
    answer = read(runtime, file_of(damage(page.image, draw)), options={"language": language}, words=False)
    truth = collections.Counter(" ".join(page.lines).split())
    found = truth & collections.Counter(answer.text.split())
    assert found.total() >= 0.8 * truth.total(), answer.text


def test_two_languages_at_once(runtime: Runtime) -> None:
    draw = Random(1)
    page = ocr_pages.letter(draw, "fra", dpi=150)
    answer = read(runtime, file_of(page.image), options={"language": "deu+fra"}, words=False)
    assert "vérification" in answer.text


@pytest.mark.parametrize(
    "preprocessing",
    [{"threshold": "otsu"}, {"threshold": "adaptive"}, {"threshold": "none", "grey": False}, {"scale": 0.8},
     {"crop": False, "deskew": False, "rotate": False}],
)  # fmt: skip
def test_preprocessing(runtime: Runtime, preprocessing: dict[str, Any]) -> None:
    answer = read(runtime, file_of(receipt_picture()), options={"preprocessing": preprocessing}, words=False)
    assert "Total GBP  10.68" in answer.text


def test_what_is_switched_off_is_not_done(runtime: Runtime) -> None:
    upside_down = file_of(receipt_picture().rotate(180))
    kept = page_of(runtime, upside_down, options={"preprocessing": {"rotate": False}})
    assert kept.rotation == 0
    assert "Total" not in kept.text


def test_a_page_without_words(runtime: Runtime) -> None:
    page = page_of(runtime, file_of(Image.new("L", (800, 600), 255)))
    assert (page.text, page.confidence, page.words) == ("", 0.0, [])


# --- PDFs -------------------------------------------------------------------------------------------------------------


def test_a_pdf_with_text(runtime: Runtime) -> None:
    answer = read(runtime, receipt_pdf())
    (page,) = answer.pages
    assert lines_of(page) == receipt_lines()
    assert (answer.media_type, page.source, page.unit, page.confidence) == (
        "application/pdf",
        "text_layer",
        "points",
        1,
    )
    assert (page.width, page.height) == (595, 842)
    total = next(word for word in page.words if word.text == "10.68")
    assert 415 < total.box[0] < 425
    assert total.box[1] < 842 - (760 - 18 * 5) < total.box[3]  # its baseline


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_a_pdf_that_is_shown_turned(runtime: Runtime, rotate: int) -> None:
    """The text runs as it is written, whichever way the page is shown."""
    texts = [Text(72, 700, "Invoice number 4711"), Text(72, 680, "Total amount"), Text(300, 680, "99.50")]
    page = page_of(runtime, pdf(content_of(texts), rotate=rotate))
    assert lines_of(page) == ["Invoice number 4711", "Total amount  99.50"]
    assert page.rotation == 360 - rotate
    assert (page.width, page.height) == (595, 842)
    assert abs(page.words[0].box[0] - 72) < 2


def test_text_that_runs_upwards_comes_last(runtime: Runtime) -> None:
    texts = [
        Text(30, 300, "Registered in England", angle=1),
        Text(72, 700, "Invoice of the month"),
        Text(72, 650, "Sum"),
    ]
    assert lines_of(page_of(runtime, pdf(content_of(texts)))) == [
        "Invoice of the month",
        "Sum",
        "Registered in England",
    ]


def test_a_scan_in_a_pdf(runtime: Runtime) -> None:
    picture = receipt_picture()
    page = page_of(runtime, file_of(picture.convert("RGB"), "PDF", resolution=200))
    assert lines_of(page) == receipt_lines()
    assert (page.source, page.unit) == ("ocr", "points")
    assert page.width == pytest.approx(picture.width * 72 / 200, abs=0.5)
    total = next(word for word in page.words if word.text == "10.68")
    assert abs(total.box[2] - 850 * 72 / 200) < 3


@pytest.mark.parametrize("layer", ["6FDQQHG GRFXPHQW 7RWDO DPRXQW ZLWKLQ WKLUWB GDBV", "Scanned with an app", ""])
def test_a_scan_whose_layer_is_worth_nothing(runtime: Runtime, layer: str) -> None:
    texts = [Text(60, 300 - 14 * row, layer, 9) for row in range(6 if " GR" in layer else 1) if layer]
    drawn = b"q 440 0 0 310 20 20 cm /Im1 Do Q\n"
    content = pdf(drawn + content_of(texts, invisible=True), size=(480, 340), image=file_of(receipt_picture(), "JPEG"))
    page = page_of(runtime, content)
    assert page.source == "ocr"
    assert "Total GBP  10.68" in page.text
    forced = page_of(runtime, content, options={"engine": "text_layer"})
    assert forced.source == "text_layer"
    assert forced.text.splitlines() == [text.text for text in texts]


def test_a_text_that_is_recognised_all_the_same(runtime: Runtime) -> None:
    page = page_of(runtime, receipt_pdf(), options={"engine": "tesseract"})
    assert (page.source, lines_of(page)) == ("ocr", receipt_lines())


def test_pages(runtime: Runtime) -> None:
    content = pdf(*(content_of([Text(72, 700, f"This is page {number}")]) for number in range(1, 8)))
    answer = read(runtime, content, pages="2-3,6")
    assert [page.number for page in answer.pages] == [2, 3, 6]
    assert answer.page_count == 7
    assert answer.text == "This is page 2\fThis is page 3\fThis is page 6"
    tiff = file_of(receipt_picture(), "TIFF", save_all=True, append_images=[receipt_picture(30), receipt_picture(28)])
    answer = read(runtime, tiff, pages="2", words=False)
    assert (answer.page_count, [page.number for page in answer.pages]) == (3, [2])


# --- callers ----------------------------------------------------------------------------------------------------------


def test_an_entry_and_a_shared_file(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "bill.pdf").write_bytes(receipt_pdf())
    with Runtime.in_memory() as runtime:
        jobs = PythonJobs(runtime, tmp_path, methods=["query:ai.*", "action:vdfs.*"])
        runtime.share_folder(jobs.extension, "papers", tmp_path / "papers")
        answer = jobs.call("query:ai.ocr", {"file": "papers/bill.pdf", "words": False})
        assert answer["pages"][0]["source"] == "text_layer"
        # What the document says is in the log, and cannot be read there.
        frames = b"".join(repr(event).encode() for event in runtime.store.read_all())
        assert b"Croissant" not in frames
        assert b"application/pdf" in frames
        content = base64.b64encode(receipt_pdf()).decode()
        entry = jobs.call("action:vdfs.create_entry", {"name": "bill.pdf", "content": content})["id"]
        assert jobs.call("query:ai.ocr", {"entry": entry, "words": False})["text"] == answer["text"]
        assert jobs.call("query:ai.ocr", {"entry": str(UUID(int=9))})["code"] == "not_found"


def test_threads_of_the_host_go_on(runtime: Runtime) -> None:
    """The host waits without the GIL: while a page is read a thread of Python does what it always does."""
    content = file_of(ocr_pages.letter(Random(5), "eng", dpi=200).image)
    read(runtime, file_of(receipt_picture()))  # the process is there
    # The machine may hold such a thread up, too, but hardly each time.
    shares = (longest_pause(lambda: read(runtime, content)) for _ in range(4))
    assert any(share < 1 / 2 for share in shares)


def longest_pause(work: Callable[[], object]) -> float:
    """For how much of the time that it takes a thread beside it did nothing at a stretch."""
    done = threading.Event()
    pauses: list[float] = []

    def busy() -> None:
        last = time.perf_counter()
        while not done.is_set():
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    thread = threading.Thread(target=busy)
    thread.start()
    begin = time.perf_counter()
    try:
        work()
    finally:
        took = time.perf_counter() - begin
        done.set()
        thread.join()
    assert len(pauses) > 1_000
    return max(pauses) / took


def test_language_data_that_the_program_brings(tmp_path: Path) -> None:
    (tmp_path / "tessdata").mkdir()
    shutil.copy(Path(language_folder("eng", None), "eng.traineddata"), tmp_path / "tessdata" / "own.traineddata")
    settings = RuntimeSettings(ocr=OcrSettings(tessdata=str(tmp_path / "tessdata")))
    with Runtime.in_memory(settings=settings) as runtime:
        answer = read(runtime, file_of(receipt_picture()), options={"language": "own"}, words=False)
        assert "Total GBP  10.68" in answer.text
