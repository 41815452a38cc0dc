"""Mails that are no receipts, though many of them speak of money: the hard half of finding receipts."""

from __future__ import annotations

import datetime as dt
import functools
import tomllib
from decimal import Decimal
from importlib import resources
from random import Random
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFilter

from bench.receipts.labels import Attachment, Message, Split
from bench.receipts.layouts.mails import text_mail
from bench.receipts.pdf import text_pdf
from bench.receipts.photograph import jpeg, snapped, taken
from bench.receipts.purchase import (
    Purchase,
    Voice,
    Wishes,
    draw_customer,
    draw_number,
    draw_purchase,
    draw_vendor,
    plain,
)
from bench.receipts.raster import picture
from bench.receipts.sheet import A4, Sheet

TEXT_KINDS: Final = (
    "newsletter",
    "order",
    "shipping",
    "quote",
    "dunning",
    "statement",
    "reset",
    "phishing",
    "calendar",
    "chat",
    "upcoming",
    "failed",
    "cancelled",
)
PDF_KINDS: Final = ("contract", "cv")
_TITLES: Final = {
    "en": ("QUOTATION", "Valid until", "DELIVERY NOTE", "STATEMENT OF ACCOUNT"),
    "de": ("ANGEBOT", "Gültig bis", "LIEFERSCHEIN", "KONTOAUSZUG"),
    "fr": ("DEVIS", "Valable jusqu'au", "BON DE LIVRAISON", "RELEVÉ DE COMPTE"),
    "es": ("PRESUPUESTO", "Válido hasta", "ALBARÁN", "EXTRACTO"),
    "it": ("PREVENTIVO", "Valido fino al", "DOCUMENTO DI TRASPORTO", "ESTRATTO CONTO"),
    "nl": ("OFFERTE", "Geldig tot", "PAKBON", "REKENINGOVERZICHT"),
}


@functools.cache
def _mails() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "words" / "other_mails.toml").read_text("utf-8"))


def kinds_of(language: str) -> tuple[str, ...]:
    """What there is in a language, in a fixed order."""
    found = _mails().get(language, {})
    return tuple(kind for kind in TEXT_KINDS if kind in found)


def other_mail(number: int, kind: str, country: str, split: Split, draw: Random) -> Message:
    """A text mail of one of ``TEXT_KINDS``; a newsletter and an order come as HTML, too."""
    voice = Voice(country, split, draw)
    fields = _fields(voice)
    subject, text = (
        part.format(**fields) for part in _mails()[voice.style.country.language][kind][split == "held-back"]
    )
    headers: tuple[tuple[str, str], ...] = ()
    if kind == "newsletter":
        headers = (("List-Unsubscribe", "<https://shop.example/u>"), ("Precedence", "bulk"))
    return _message(
        number,
        kind,
        voice,
        fields,
        subject,
        text=text,
        html=_as_html(text) if kind in {"newsletter", "order"} else None,
        headers=headers,
    )


def document_mail(number: int, kind: str, country: str, split: Split, draw: Random) -> Message:
    """A mail with a PDF that is a contract, a CV, or with a table of amounts: a quote, a delivery note, a statement."""
    voice = Voice(country, split, draw)
    fields = _fields(voice)
    language = voice.style.country.language
    if kind in PDF_KINDS:
        templates = _mails()[language if language in {"en", "de", "fr"} else "en"]
        subject, text, page = (part.format(**fields) for part in templates[kind][split == "held-back"])
        sheets = [_page_of(page)]
    else:
        subject, text = f"{_TITLES[language][0].title()} {fields['n']}", voice.say("hello").format(fields["name"])
        if kind != "quote_pdf":
            subject = _TITLES[language][2 if kind == "delivery_note" else 3].title()
        sheets = [{"quote_pdf": _quote, "delivery_note": _delivery_note, "statement_pdf": _statement}[kind](voice)]
    name = draw.choice(("document.pdf", f"{fields['n'].replace('/', '-')}.pdf", "scan.pdf"))
    attachment = Attachment(name=name, media_type="application/pdf", content=text_pdf(sheets))
    return _message(number, kind, voice, fields, subject, text=text, attachments=(attachment,))


def photo_mail(number: int, country: str, split: Split, draw: Random) -> Message:
    """Pictures of a holiday, or in what is held back of a menu, which is full of prices."""
    voice = Voice(country, split, draw)
    fields = _fields(voice)
    image = _landscape(draw) if split == "dev" else taken(picture(_menu(voice), 110), snapped(draw, False), draw)
    attachment = Attachment(
        name=f"IMG_{draw.randrange(1000, 9999)}.jpg", media_type="image/jpeg", content=jpeg(image, 70)
    )
    return _message(number, "photo", voice, fields, "IMG", text=fields["name"], attachments=(attachment,))


def reply_mail(number: int, country: str, split: Split, draw: Random) -> Message:
    """An answer that quotes a whole receipt: the receipt is another mail's."""
    voice = Voice(country, split, draw)
    bought = draw_purchase(voice, Wishes(trades=("shop", "saas", "travel")))
    fields = _fields(voice) | {"s": f"{bought.vendor.name} {bought.number}"}
    language = voice.style.country.language
    subject, text = (
        part.format(**fields)
        for part in _mails()[language if language in {"en", "de", "fr"} else "en"]["reply"][split == "held-back"]
    )
    heads = {"de": "Am {d} schrieb {v}:", "fr": "Le {d}, {v} a écrit :", "en": "On {d}, {v} wrote:"}
    head = heads.get(language, heads["en"]).format(d=voice.style.day(bought.date), v=bought.vendor.name)
    quoted = "\n".join(f"> {line}".rstrip() for line in text_mail(voice, bought).splitlines())
    if split == "held-back" and draw.random() < 0.5:  # as some programs quote: no marks, a head of fields
        quoted = text_mail(voice, bought)
        head = {
            "de": f"-----Ursprüngliche Nachricht-----\nVon: {bought.vendor.name}\nBetreff: {fields['s']}\n",
            "fr": f"-----Message d'origine-----\nDe : {bought.vendor.name}\nObjet : {fields['s']}\n",
        }.get(language, f"-----Original Message-----\nFrom: {bought.vendor.name}\nSubject: {fields['s']}\n")
    headers = (("In-Reply-To", f"<order-{bought.customer.number}@{bought.vendor.domain}>"),)
    return _message(number, "reply", voice, fields, subject, text=f"{text}\n{head}\n{quoted}\n", headers=headers)


def _fields(voice: Voice) -> dict[str, str]:
    draw, style = voice.draw, voice.style
    date = dt.date(2026, 6, 30) - dt.timedelta(days=draw.randrange(540))
    things = draw.sample(voice.words["items"][draw.choice(("shop", "hardware", "services"))], 2)
    prices = [Decimal(draw.randint(round(low * 100), round(high * 100))) / 100 for _, low, high in things]
    trades = list(voice.words["vendors"])
    return {
        "v": draw_vendor(voice, draw.choice(trades)).name,
        "w": draw_vendor(voice, draw.choice(trades)).name,
        "n": draw_number(draw, date),
        "m": str(draw.randrange(100_000, 999_999)),
        "t": style.money(sum(prices, Decimal())),
        "u": style.money(Decimal(draw.randrange(50, 3000))),
        "d": style.day(date),
        "e": style.day(date + dt.timedelta(days=14)),
        "i": things[0][0],
        "j": things[1][0],
        "p": style.money(prices[0]),
        "q": style.money(prices[1]),
        "name": draw_customer(voice).name,
        "sent": date.isoformat(),
    }


def _message(number: int, about: str, voice: Voice, fields: dict[str, str], subject: str, **parts: Any) -> Message:
    from_person = about in {"reply", "chat", "calendar", "cv", "contract", "photo"}
    name = fields["name"] if from_person else fields["v"]
    domain = "mail.example" if from_person else f"{plain(fields['v']).replace(' ', '')}.example"
    return Message(
        id=f"{voice.split}-other-{number:03}",
        split=voice.split,
        about=about,
        language=voice.style.country.language,
        sender=(name, f"{'me' if from_person else 'news'}@{domain}"),
        recipient=("", "books@household.example"),
        subject=subject,
        sent=f"{fields['sent']}T09:{number % 60:02}:00",
        **parts,
    )


def _as_html(text: str) -> str:
    rows = "".join(f"<p>{line}</p>" for line in text.split("\n") if line)
    return f"<html><body><div style='max-width:600px'>{rows}</div></body></html>"


def _page_of(text: str) -> Sheet:
    sheet = Sheet(*A4)
    for index, line in enumerate(text.split("\n")):
        sheet.text(60, 80 + 18 * index, line, 10, "serif-bold" if index == 0 else "serif")
    return sheet


def _quote(voice: Voice) -> Sheet:
    bought = draw_purchase(voice, Wishes(kind="invoice", trades=("services",), lines=(2, 4)))
    sheet, style = Sheet(*A4), voice.style
    heading, until, _, _ = _TITLES[style.country.language]
    sheet.text(56, 70, bought.vendor.name, 17, "sans-bold")
    sheet.text(56, 86, f"{bought.vendor.street}, {bought.vendor.city}", 9)
    sheet.text(56, 140, f"{heading} {bought.number}", 15, "sans-bold")
    sheet.text(56, 160, f"{voice.say('date')}: {style.day(bought.date)}", 9)
    sheet.text(56, 174, f"{until}: {style.day(bought.due)}", 9)
    return _amounts(voice, bought, sheet, 210)


def _amounts(voice: Voice, bought: Purchase, sheet: Sheet, y: float) -> Sheet:
    style = voice.style
    for line in bought.lines:
        sheet.text(56, y, line.description, 9)
        sheet.text(540, y, style.number(line.amount), 9, "sans", "right")
        y += 16
    sheet.rule(56, y - 8, 540)
    sheet.text(360, y + 8, voice.say("total"), 10, "sans-bold")
    sheet.text(540, y + 8, style.money(bought.total), 10, "sans-bold", "right")
    sheet.text(56, 780, f"{bought.vendor.legal} · {voice.say('tax_id')} {bought.vendor.tax_id}", 7.5)
    return sheet


def _delivery_note(voice: Voice) -> Sheet:
    bought = draw_purchase(voice, Wishes(kind="invoice", trades=("shop", "hardware"), lines=(2, 5)))
    sheet = Sheet(*A4)
    sheet.text(56, 70, bought.vendor.name, 17, "sans-bold")
    sheet.text(56, 130, f"{_TITLES[voice.style.country.language][2]} {bought.number}", 14, "sans-bold")
    sheet.text(56, 150, f"{voice.say('date')}: {voice.style.day(bought.date)}", 9)
    for index, line in enumerate(bought.lines):
        sheet.text(56, 190 + 16 * index, f"{line.quantity} x {line.description}", 9)
    return sheet


def _statement(voice: Voice) -> Sheet:
    draw, style, sheet = voice.draw, voice.style, Sheet(*A4)
    sheet.text(56, 70, _TITLES[style.country.language][3], 15, "sans-bold")
    sheet.text(56, 90, f"{voice.say('iban')}: {draw_vendor(voice, 'services').iban or draw.randrange(10**9)}", 9)
    date = dt.date(2026, 5, 1)
    for index in range(14):
        y = 130 + 16 * index
        amount = Decimal(draw.randrange(-20_000, 9_000)) / 100
        sheet.text(56, y, style.day(date + dt.timedelta(days=index * 2)), 9)
        sheet.text(150, y, draw_vendor(voice, draw.choice(list(voice.words["vendors"]))).name, 9)
        sheet.text(540, y, style.number(amount), 9, "sans", "right")
    sheet.text(150, 370, voice.say("balance"), 10, "sans-bold")
    sheet.text(540, 370, style.money(Decimal(draw.randrange(1000, 900_000)) / 100), 10, "sans-bold", "right")
    return sheet


def _menu(voice: Voice) -> Sheet:
    sheet = Sheet(300, 420)
    sheet.text(150, 46, draw_vendor(voice, "restaurant").name, 18, "serif-bold", "centre")
    for index, (name, low, high) in enumerate(voice.words["items"]["restaurant"]):
        sheet.text(30, 90 + 30 * index, name, 11, "serif")
        sheet.text(270, 90 + 30 * index, voice.style.number(Decimal(round((low + high) * 2)) / 4), 11, "serif", "right")
    return sheet


def _landscape(draw: Random) -> Image.Image:
    """Hills in front of a sky, with the grain of a cheap camera."""
    chance = np.random.default_rng(draw.getrandbits(64))
    height, width = 480, 640
    y, x = np.mgrid[0:height, 0:width]
    scene = 210 - y * 0.15
    for level in range(4):
        ridge = height * (0.45 + 0.13 * level) + 40 * np.sin(x / chance.uniform(40, 130) + chance.uniform(0, 6))
        scene = np.where(y > ridge, 150 - 35 * level + 10 * np.sin(x / 7.0), scene)
    scene = scene + chance.normal(0, 6, scene.shape)
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
