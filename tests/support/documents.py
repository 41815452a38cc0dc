"""PDFs for tests, written by hand: what they hold, and what is wrong with them, is there to be seen."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
from PIL import Image, ImageDraw, ImageFont

FONT: Final = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
RECEIPT: Final = (
    ("Corner Coffee Ltd", ""),
    ("12 Mill Lane, Bristol", ""),
    ("Flat white", "6.40"),
    ("Croissant", "2.35"),
    ("Subtotal", "8.75"),
    ("Total GBP", "10.68"),
    ("Date 2026-03-14", ""),
    ("Thank you for your visit!", ""),
)


class Text(msgspec.Struct, frozen=True):
    """A text from a point, which counts from the lower left; ``angle``: a quarter of the clock against it, 0 to 3."""

    x: float
    y: float
    text: str
    size: float = 11
    angle: int = 0


def content_of(texts: Sequence[Text], *, invisible: bool = False) -> bytes:
    """What draws them."""
    turns = {0: "1 0 0 1", 1: "0 1 -1 0", 2: "-1 0 0 -1", 3: "0 -1 1 0"}
    lines = [
        f"BT {3 if invisible else 0} Tr /F1 {text.size} Tf {turns[text.angle]} {text.x} {text.y} Tm ({text.text}) Tj ET"
        for text in texts
    ]
    return "\n".join(lines).encode("cp1252")


def pdf(
    *contents: bytes,
    size: tuple[float, float] = (595, 842),
    rotate: int = 0,
    image: bytes | None = None,
    filters: str = "",
    trailer: str = "",
) -> bytes:
    """A PDF with a page for each content stream. ``image``: a JPEG, drawn by ``/Im1 Do``; ``filters``: of contents."""
    objects: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    resources = "/Font<</F1 3 0 R>>"
    if image is not None:
        wide, high = Image.open(io.BytesIO(image)).size
        head = (
            f"<</Type/XObject/Subtype/Image/Width {wide}/Height {high}/ColorSpace/DeviceGray/BitsPerComponent 8"
            f"/Filter/DCTDecode/Length {len(image)}>>stream\n"
        )
        objects.append(head.encode() + image + b"\nendstream")
        resources += "/XObject<</Im1 4 0 R>>"
    pages = []
    for content in contents:
        pages.append(len(objects) + 1)
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {size[0]} {size[1]}]/Rotate {rotate}/Resources<<{resources}>>"
            f"/Contents {len(objects) + 2} 0 R>>".encode()
        )
        objects.append(f"<<{filters}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream")
    kids = " ".join(f"{number} 0 R" for number in pages)
    objects[1] = f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode()
    written = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(written)
    written += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    written += f"trailer<</Size {len(objects) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(written)


def receipt_pdf() -> bytes:
    """The receipt as text, its prices written after everything else, as programs do."""
    left = [Text(72, 760 - 18 * row, name) for row, (name, _) in enumerate(RECEIPT)]
    right = [Text(420, 760 - 18 * row, price) for row, (_, price) in enumerate(RECEIPT) if price]
    return pdf(content_of([*left, *right]))


def receipt_picture(size: int = 34) -> Image.Image:
    """The receipt as a till prints it."""
    picture = Image.new("L", (900, 90 + len(RECEIPT) * size * 2), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, size)
    for row, (name, price) in enumerate(RECEIPT):
        draw.text((50, 50 + row * size * 1.7), name, font=font, fill=10)
        draw.text((850, 50 + row * size * 1.7), price, font=font, fill=10, anchor="ra")
    return picture


def receipt_lines() -> list[str]:
    """Its lines, as they should be read."""
    return [f"{name}  {price}".strip() for name, price in RECEIPT]


def file_of(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as a file."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def nested_bomb(megabytes: int) -> bytes:
    """Blanks, compressed twice: a few hundred bytes that unfold to many."""
    outer, inner = zlib.compressobj(9), zlib.compressobj(9)
    blanks = b" " * (1 << 20)
    packed = bytearray()
    for _ in range(megabytes):
        packed += outer.compress(inner.compress(blanks))
    packed += outer.compress(inner.flush()) + outer.flush()
    return bytes(packed)
