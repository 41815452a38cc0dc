"""What is asked of the recognition of text and what it answers; also what goes to the worker process and back."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

Engine = Literal["auto", "text_layer", "tesseract"]
Threshold = Literal["auto", "none", "otsu", "adaptive"]
Source = Literal["text_layer", "ocr"]
Unit = Literal["points", "pixels"]

# Names of Tesseract's language data; no path can be written like that.
_LANGUAGES: Final = r"^[A-Za-z][A-Za-z0-9_]{1,31}(\+[A-Za-z][A-Za-z0-9_]{1,31}){0,7}$(?!\n)"
_PAGES: Final = r"^[1-9][0-9]{0,5}(-[1-9][0-9]{0,5})?(,[1-9][0-9]{0,5}(-[1-9][0-9]{0,5})?){0,99}$(?!\n)"

Languages = Annotated[str, msgspec.Meta(pattern=_LANGUAGES)]
Pages = Annotated[str, msgspec.Meta(pattern=_PAGES)]


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to a picture before it is recognised. The defaults look at each picture and do what it needs.

    ``grey``: without colours; off where letters differ from their ground in colour alone. ``deskew``: lines are made
    level. ``rotate``: a page that lies on its side or upside down is turned. ``crop``: a sheet photographed on a darker
    ground is cut out, and seen from straight above. ``threshold``: how ink is told from paper; ``auto`` keeps the
    shades and evens out the light where it is uneven, ``none`` keeps them as they are, ``otsu`` is one threshold for
    all, ``adaptive`` one for each place. ``scale``: a factor; null makes letters as large as Tesseract likes them.
    """

    grey: bool = True
    deskew: bool = True
    rotate: bool = True
    crop: bool = True
    threshold: Threshold = "auto"
    scale: Annotated[float, msgspec.Meta(ge=0.1, le=8.0)] | None = None


class OcrOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is read.

    ``language``: Tesseract's names of the languages that the text may be in, ``deu+fra``. ``engine``: ``text_layer``
    takes only what a PDF has as text, ``tesseract`` recognises every page, ``auto`` does so where a page has no text,
    or one that makes no sense.
    """

    language: Languages = "eng"
    engine: Engine = "auto"
    preprocessing: Preprocessing = Preprocessing()


Box = tuple[float, float, float, float]


class OcrWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word. ``box`` is left, top, right, bottom, in the page's unit, from its upper left corner; ``line`` counts the
    lines of the page's text from 0. ``confidence`` is 0 to 1."""

    text: str
    confidence: float
    box: Box
    line: int


class OcrPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page. Lines of ``text`` are the lines that one sees; two blanks stand where there is a gap in one, as between
    columns.

    ``number`` counts from 1. ``unit`` is that of ``width``, ``height`` and the boxes: points (1/72 inch) for a page of
    a PDF, pixels for a picture, both as the page is read: turned by ``rotation`` degrees clockwise from how it would be
    shown. ``confidence`` is 0 to 1; text that a PDF has as such has 1, a page without words 0.
    """

    number: int
    text: str
    confidence: float
    source: Source
    unit: Unit
    width: float
    height: float
    rotation: Literal[0, 90, 180, 270]
    words: list[OcrWord]


class Job(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a worker process is asked: a file, how to read it, and the limits."""

    content: bytes
    options: OcrOptions
    pages: str | None
    words: bool
    seconds: float
    tessdata: str | None
    dpi: int
    max_pages: int
    max_pixels: int
    max_characters: int
    page_seconds: float


class Recognised(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What it answers."""

    media_type: str
    page_count: int
    pages: list[OcrPage]
