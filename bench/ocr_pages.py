"""Pages whose words are known, and what scanners and telephones make of them: from a seed, for `bench.ocr`."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
_FONTS: Final = "/usr/share/fonts/truetype"
_FACES: Final = {
    "sans": f"{_FONTS}/liberation/LiberationSans-Regular.ttf",
    "narrow": f"{_FONTS}/liberation/LiberationSansNarrow-Regular.ttf",
    "serif": f"{_FONTS}/dejavu/DejaVuSerif.ttf",
    "mono": f"{_FONTS}/dejavu/DejaVuSansMono.ttf",
}
_SHOPS: Final = {
    "eng": ("Harbour Coffee Roasters", "Till 4  Served by Hannah", "Card payment approved", "Please keep your receipt"),
    "deu": ("Bäckerei Müller", "Es bediente Sie Frau Groß", "Kartenzahlung genehmigt", "Vielen Dank für Ihren Besuch"),
    "fra": ("Librairie du Château", "Vous étiez servi par Zoé", "Paiement accepté", "Merci de votre visite, à bientôt"),
}
_GOODS: Final = {
    "eng": ("Flat white", "Croissant", "Oat milk", "Carrot cake", "Still water", "Sandwich", "Orange juice", "Cookies"),
    "deu": ("Brötchen", "Käsekuchen", "Äpfel", "Weißbrot", "Frühstück groß", "Kaffee", "Süßrahmbutter", "Rührei"),
    "fra": ("Café crème", "Pâté en croûte", "Thé glacé", "Gâteau aux noix", "Crêpes", "Bière", "Fraises", "Bœuf séché"),
}
_SUMS: Final = {
    "eng": ("Subtotal", "VAT 20%", "TOTAL", "Date", "£"),
    "deu": ("Zwischensumme", "MwSt 19%", "SUMME", "Datum", "€"),
    "fra": ("Sous-total", "TVA 20%", "TOTAL", "Le", "€"),
}
_PROSE: Final = {
    "eng": "The quick inspection of the warehouse showed that most of the shelves had been filled again before the "
    "delivery arrived, although nobody remembered who had signed for it. We therefore ask you to confirm the amounts "
    "below and to return one signed copy of this letter within fourteen days.",
    "deu": "Bei der Prüfung unserer Unterlagen haben wir festgestellt, dass die Lieferung vollständig eingegangen ist, "
    "obwohl der Empfang nicht bestätigt wurde. Wir bitten Sie daher, die unten genannten Beträge zu überprüfen und uns "
    "eine unterschriebene Kopie dieses Schreibens zurückzusenden.",
    "fra": "Après vérification de nos dossiers, nous avons constaté que la livraison est arrivée complète, bien que "
    "personne n'ait signé le reçu. Nous vous prions donc de contrôler les montants indiqués ci-dessous et de nous "
    "renvoyer une copie signée de cette lettre dans un délai de quatorze jours.",
}


class Page(msgspec.Struct, frozen=True):
    """A page of a resolution, drawn; its lines as a person reads them; its language."""

    image: Image.Image
    lines: list[str]
    language: str


def receipt(draw: Random, language: str, dpi: int = 200) -> Page:
    """A till's roll, 80 mm wide, prices at its right edge."""
    face = draw.choice(("mono", "narrow", "sans", "mono"))
    size = round(dpi / 72 * draw.uniform(8, 10.5))
    wide = round(80 / 25.4 * dpi)
    shop, served, paid, thanks = _SHOPS[language]
    subtotal, tax, total, date, currency = _SUMS[language]
    goods = draw.sample(_GOODS[language], draw.randint(3, 7))
    prices = [draw.randint(45, 3999) for _ in goods]
    rows = [(shop, ""), (f"Tel 0{draw.randint(10**8, 10**9)}", ""), (served, ""), ("", "")]
    rows += [
        (f"{draw.randint(1, 4)}x {name}", _price(cents, language)) for name, cents in zip(goods, prices, strict=True)
    ]
    rows += [("", ""), (subtotal, _price(sum(prices), language)), (tax, _price(sum(prices) // 5, language))]
    rows += [(f"{total} {currency}", _price(sum(prices) * 6 // 5, language)), ("", "")]
    day = f"{draw.randint(1, 28):02}.{draw.randint(1, 12):02}.2026"
    rows += [(f"{date} {day} {draw.randint(8, 20)}:{draw.randint(10, 59)}", ""), (paid, ""), (thanks, "")]
    return _drawn(rows, wide, round(len(rows) * size * 1.5 + size * 4), size, face, round(size * 1.2), language)


def letter(draw: Random, language: str, dpi: int = 300) -> Page:
    """A page of A4: prose, then a table."""
    size = round(dpi / 72 * draw.uniform(9.5, 11.5))
    wide, high, margin = round(8.27 * dpi), round(11.69 * dpi), round(0.9 * dpi)
    face = draw.choice(("serif", "sans"))
    font = ImageFont.truetype(_FACES[face], size)
    rows = [(_SHOPS[language][0], ""), ("", "")]
    for _ in range(3):
        line = ""
        for word in _PROSE[language].split():
            if font.getlength(f"{line} {word}") > wide - 2 * margin:
                rows.append((line, ""))
                line = word
            else:
                line = f"{line} {word}".strip()
        rows += [(line, ""), ("", "")]
    rows += [(name, _price(draw.randint(100, 99999), language)) for name in _GOODS[language]]
    rows += [("", ""), (_SUMS[language][2], _price(draw.randint(10000, 999999), language))]
    return _drawn(rows, wide, high, size, face, margin, language)


def invoice(draw: Random, language: str, dpi: int = 300) -> Page:
    """A page of A4 with two blocks side by side whose lines are not level, and a table of four columns."""
    size = round(dpi / 72 * draw.uniform(8.5, 10))
    wide, high, margin = round(8.27 * dpi), round(11.69 * dpi), round(0.8 * dpi)
    font = ImageFont.truetype(_FACES[draw.choice(("sans", "narrow"))], size)
    image = Image.new("L", (wide, high), 255)
    pen = ImageDraw.Draw(image)
    lines: list[str] = []
    shop, served, paid, thanks = _SHOPS[language]
    left = [shop, f"{draw.randint(1, 99)} Long Lane", f"{draw.randint(10000, 99999)} Springfield", served]
    right = [f"No. {draw.randint(1000, 9999)}", f"{_SUMS[language][3]} {draw.randint(10, 28)}.03.2026", paid]
    for column, x, top, step in ((left, margin, margin, 1.35), (right, wide * 6 // 10, margin + size * 0.7, 1.6)):
        for number, text in enumerate(column):
            pen.text((x, top + number * size * step), text, font=font, fill=10)
        lines += column
    top = margin + size * 11
    pen.rectangle((margin, top - size * 0.4, wide - margin, top + size * 1.4), fill=210)
    for name in ("#", *_GOODS[language]):
        count, cents = draw.randint(1, 20), draw.randint(100, 9999)
        cells = [name, str(count), _price(cents, language), _price(cents * count, language)]
        for cell, (x, anchor) in zip(
            cells, ((margin, "la"), (wide // 2, "ra"), (wide * 7 // 10, "ra"), (wide - margin, "ra")), strict=True
        ):
            pen.text((x, top), cell, font=font, fill=10, anchor=anchor)
        lines.append(" ".join(cells))
        top += size * 2
        pen.line((margin, top - size * 0.4, wide - margin, top - size * 0.4), fill=90, width=3)
    total = [_SUMS[language][2], _price(draw.randint(10000, 999999), language)]
    pen.text((wide * 6 // 10, top + size), total[0], font=font, fill=10)
    pen.text((wide - margin, top + size), total[1], font=font, fill=10, anchor="ra")
    pen.text((margin, high - margin), thanks, font=font, fill=10)
    return Page(image, [*lines, " ".join(total), thanks], language)


def _price(cents: int, language: str) -> str:
    return f"{cents // 100}{'.' if language == 'eng' else ','}{cents % 100:02}"


def _drawn(rows: list[tuple[str, str]], wide: int, high: int, size: int, face: str, margin: int, language: str) -> Page:
    image = Image.new("L", (wide, high), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(_FACES[face], size)
    top = margin
    for left, right in rows:
        while left and draw.textlength(f"{left}  {right}", font=font) > wide - 2 * margin:
            left = left[:-1]  # noqa: PLW2901 - what a till does with a long name
        draw.text((margin, top), left, font=font, fill=20)
        draw.text((wide - margin, top), right, font=font, fill=20, anchor="ra")
        top += round(size * 1.5)
    lines = [" ".join(f"{left} {right}".split()) for left, right in rows if left or right]
    return Page(image, lines, language)


# --- what is done to them ---------------------------------------------------------------------------------------------


def clean(page: Image.Image, draw: Random) -> Image.Image:
    """As it was drawn."""
    return page


def scanned(page: Image.Image, draw: Random) -> Image.Image:
    """By a flatbed, not quite straight."""
    turned = page.rotate(draw.uniform(-2, 2), Image.Resampling.BICUBIC, fillcolor=250)
    return _as_pixels(turned, draw, blur=0.6, noise=6, contrast=0.85)


def faxed(page: Image.Image, draw: Random) -> Image.Image:
    """In 100 dots an inch, black and white."""
    small = page.resize((page.width // 2, page.height // 2), Image.Resampling.BOX)
    return small.point(lambda value: 255 if value > 150 else 0)


def faded(page: Image.Image, draw: Random) -> Image.Image:
    """Thermal paper after a year."""
    pale = page.rotate(draw.uniform(-1, 1), Image.Resampling.BICUBIC, fillcolor=255)
    return _as_pixels(pale, draw, blur=0.8, noise=5, contrast=0.22, lift=170)


def photographed(page: Image.Image, draw: Random) -> Image.Image:
    """On a wooden table, by lamp light, aslant."""
    return _photo(page, draw, tilt=0.06, shadow=0.5, blur=1.0, noise=7, turn=6)


def badly_photographed(page: Image.Image, draw: Random) -> Image.Image:
    """The same, in haste and in a bad light."""
    return _photo(page, draw, tilt=0.10, shadow=0.7, blur=1.8, noise=12, turn=14)


def sideways(page: Image.Image, draw: Random) -> Image.Image:
    """Scanned on its side, or upside down."""
    return scanned(page, draw).rotate(draw.choice((90, 180, 270)), expand=True)


def reversed_out(page: Image.Image, draw: Random) -> Image.Image:
    """Light letters on a dark ground."""
    return page.point(lambda value: 235 - round(value * 0.8))


DAMAGES: Final[tuple[Callable[[Image.Image, Random], Image.Image], ...]] = (
    clean,
    scanned,
    sideways,
    faxed,
    faded,
    reversed_out,
    photographed,
    badly_photographed,
)


def _photo(
    page: Image.Image, draw: Random, *, tilt: float, shadow: float, blur: float, noise: float, turn: float
) -> Image.Image:
    chance = np.random.default_rng(draw.getrandbits(32))
    paper = np.asarray(page, np.float32) * 0.85 + 30
    high, wide = paper.shape
    room = round(0.22 * max(wide, min(high, 2 * wide)))
    size = (wide + 2 * room, high + 2 * room)
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    angle = np.deg2rad(draw.uniform(-turn, turn))
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - corners.mean(axis=0)) @ spin.T + corners.mean(axis=0) + room
    moved += chance.uniform(-tilt, tilt, (4, 2)) * wide
    view = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    # Wood: bands that wave, and grain.
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    wave = np.sin(x / wide * 40 + 3 * np.sin(y / high * 5)) * 12
    seeds = chance.normal(0, 9, (size[1] // 40 + 1, size[0] // 4 + 1)).astype(np.float32)
    grain = cv2.resize(seeds, size, interpolation=cv2.INTER_CUBIC)
    table = np.clip(draw.uniform(50, 130) + wave + grain, 5, 190)
    # The paper is a little bent.
    bent_x, bent_y = np.meshgrid(np.arange(wide, dtype=np.float32), np.arange(high, dtype=np.float32))
    bent = cv2.remap(
        paper, bent_x, bent_y + draw.uniform(-6, 6) * np.sin(bent_x / wide * 3.1), cv2.INTER_LINEAR, borderValue=240
    )
    mask = cv2.warpPerspective(np.ones_like(paper), view, size, flags=cv2.INTER_LINEAR)
    pixels = cv2.warpPerspective(np.asarray(bent, np.float32), view, size, flags=cv2.INTER_CUBIC) * mask + table * (
        1 - mask
    )
    across = (np.cos(draw.uniform(0, 6.3)) * x / size[0] + np.sin(draw.uniform(0, 6.3)) * y / size[1] + 1) / 2
    spot = np.exp(-(((x / size[0] - draw.random()) ** 2 + (y / size[1] - draw.random()) ** 2) / 0.15))
    pixels = pixels * (1 - shadow * (0.5 * across + 0.4 * spot))
    pixels = cv2.GaussianBlur(pixels, (0, 0), blur) + chance.normal(0, noise, pixels.shape)
    return _jpeg(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), draw.choice((50, 70, 85)))


def _as_pixels(
    page: Image.Image, draw: Random, *, blur: float, noise: float, contrast: float, lift: float = 20
) -> Image.Image:
    chance = np.random.default_rng(draw.getrandbits(32))
    pixels = cv2.GaussianBlur(np.asarray(page, np.float32), (0, 0), blur) * contrast + lift
    return _jpeg(Image.fromarray(np.clip(pixels + chance.normal(0, noise, pixels.shape), 0, 255).astype(np.uint8)), 75)


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return Image.open(io.BytesIO(target.getvalue()))
