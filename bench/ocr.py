"""How well and how fast documents are read: pages whose words are known, as scanners and telephones would give them.

    python3 -m bench.ocr [--pages 3] [--only WORD]

For each kind of page and of damage: the part of the words that are found (F1, each word as it stands there), the part
of the lines that are right from end to end, and seconds of a processor for a page. Pages and damage come from a seed.
"""

from __future__ import annotations

import argparse
import collections
import io
import os
import statistics
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

import msgspec
from PIL import Image

from bench import ocr_pages
from bench.ocr_pages import DAMAGES, Page
from perdure.runtime.ai.ocr.messages import Job, OcrOptions, Recognised
from perdure.runtime.ai.ocr.settings import OcrSettings

_LANGUAGES: Final = ("eng", "deu", "fra")
_KINDS: Final = {"receipt": ocr_pages.receipt, "letter": ocr_pages.letter, "invoice": ocr_pages.invoice}


class Reading(msgspec.Struct, frozen=True):
    """How one page was read: parts from 0 to 1, seconds."""

    words: float
    lines: float
    seconds: float


def read(content: bytes, language: str) -> tuple[Recognised, float]:
    """A file's text, and the seconds of this process that it took; what a worker process does, done here."""
    from perdure.runtime.ai.ocr.worker import ocr

    settings = OcrSettings()
    job = Job(
        content=content,
        options=OcrOptions(language=language),
        pages=None,
        words=True,
        seconds=300.0,
        tessdata=settings.tessdata,
        dpi=settings.dpi,
        max_pages=settings.max_pages,
        max_pixels=settings.max_pixels,
        max_characters=settings.max_characters,
        page_seconds=settings.page_seconds,
    )
    request = msgspec.msgpack.encode(job)
    begin = time.process_time()
    answer = ocr(request)
    return msgspec.msgpack.decode(answer, type=Recognised), time.process_time() - begin


def compared(page: Page, text: str, seconds: float) -> Reading:
    """A text beside what is on the page."""
    truth, found = " ".join(page.lines).split(), text.split()
    both = collections.Counter(truth) & collections.Counter(found)
    lines = collections.Counter(" ".join(line.split()) for line in text.splitlines() if line.strip())
    right = collections.Counter(page.lines) & lines
    words = 2 * both.total() / max(len(truth) + len(found), 1)
    return Reading(words, right.total() / len(page.lines), seconds)


def readings(kind: str, damage: Callable[[Image.Image, Random], Image.Image], pages: int) -> Iterator[Reading]:
    """So many pages of a kind in each language, damaged and read."""
    for language in _LANGUAGES:
        for number in range(pages):
            draw = Random(f"{kind} {damage.__name__} {language} {number}")
            page = _KINDS[kind](draw, language)
            target = io.BytesIO()
            damage(page.image, draw).save(target, "PNG")
            recognised, seconds = read(target.getvalue(), language)
            yield compared(page, recognised.pages[0].text, seconds)


def text_layers(pages: int) -> list[float]:
    """Seconds for each page of a PDF that has its text: some 3,000 characters."""
    from tests.support.documents import Text, content_of, pdf

    lines = [
        Text(50, 790 - 12 * row, "A line of an invoice with as many words as one has: 12.50", 9) for row in range(55)
    ]
    content = pdf(*[content_of(lines)] * 20)
    read(content, "eng")
    return [read(content, "eng")[1] / 20 for _ in range(pages)]


def main() -> None:
    """Print the table."""
    os.environ["OMP_THREAD_LIMIT"] = "1"  # as in a worker process; read when Tesseract is loaded
    parser = argparse.ArgumentParser(prog="python3 -m bench.ocr", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=3, help="of each kind, damage and language (default 3)")
    parser.add_argument("--only", default="", metavar="WORD", help="rows with this in their name")
    options = parser.parse_args()
    print("| page | damage | words | lines | s a page |\n| --- | --- | --- | --- | --- |")
    if options.only in "pdf with text":
        print(f"| PDF with text | | | | {statistics.median(text_layers(options.pages)):.3f} |")
    for kind in _KINDS:
        for damage in DAMAGES:
            name = damage.__name__.replace("_", " ")
            if options.only not in f"{kind} {name}":
                continue
            found = list(readings(kind, damage, options.pages))
            words, lines = (statistics.fmean(getattr(one, part) for one in found) for part in ("words", "lines"))
            seconds = statistics.median(one.seconds for one in found)
            print(f"| {kind} | {name} | {words:.1%} | {lines:.1%} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
