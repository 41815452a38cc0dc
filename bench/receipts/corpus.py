"""The whole set: which documents, in which layout, country and way of arrival; the same from the same seed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from html import escape
from random import Random
from typing import Final

import msgspec

from bench.receipts.labels import Arrival, Attachment, Label, Message, Split
from bench.receipts.layouts.bills import folio, ticket, utility
from bench.receipts.layouts.invoice import letter_invoice, table_invoice
from bench.receipts.layouts.mails import order_html, subscription_html, text_mail
from bench.receipts.layouts.restaurant import restaurant, slip
from bench.receipts.layouts.till import till
from bench.receipts.others import document_mail, kinds_of, other_mail, photo_mail, reply_mail
from bench.receipts.pdf import image_pdf, text_pdf
from bench.receipts.photograph import Damage, jpeg, png, scanned, snapped, taken
from bench.receipts.purchase import Purchase, Voice, Wishes, draw_purchase
from bench.receipts.raster import picture
from bench.receipts.sheet import A4, Sheet

SEED: Final = "receipts 1"
_READER: Final = ("", "books@household.example")
_PERSON: Final = ("Robin Hale", "robin@household.example")
_SMALL: Final = ("grocery", "hardware", "pharmacy", "cafe")
_SHOPS: Final = ("shop", "hotel", "travel")


class Layout(msgspec.Struct, frozen=True):
    """How it is drawn, and what is bought in it."""

    draw: Callable[[Voice, Purchase], list[Sheet] | str]
    wishes: Wishes


LAYOUTS: Final = {
    "till": Layout(
        till,
        Wishes(
            trades=_SMALL,
            lines=(2, 9),
            most=4,
            numbered=0.8,
            taxed=0.85,
            discounted=0.2,
            cash=0.4,
            weighed=0.3,
            reduced=0.12,
        ),
    ),
    "restaurant": Layout(
        restaurant, Wishes(trades=("restaurant", "cafe"), lines=(2, 6), most=4, numbered=0.6, tipped=0.3, cash=0.3)
    ),
    "slip": Layout(
        slip,
        Wishes(trades=("restaurant", "hardware", "ride"), lines=(1, 1), most=1, numbered=0.7, taxed=0.4, discounted=0),
    ),
    "invoice": Layout(
        table_invoice,
        Wishes(
            kind="invoice",
            trades=("services", "shop", "hardware", "saas"),
            lines=(1, 7),
            most=12,
            ordered=0.5,
            shipped=0.2,
        ),
    ),
    "letter": Layout(letter_invoice, Wishes(kind="invoice", trades=("services",), lines=(1, 5), most=24, ordered=0.3)),
    "credit_note": Layout(
        table_invoice, Wishes(kind="credit_note", trades=("services", "shop"), lines=(1, 2), ordered=0.4, discounted=0)
    ),
    "utility": Layout(utility, Wishes(kind="invoice", trades=("energy",), lines=(1, 3), most=1, discounted=0)),
    "folio": Layout(folio, Wishes(kind="invoice", trades=("hotel",), lines=(2, 4), most=4, discounted=0)),
    "ticket": Layout(ticket, Wishes(trades=("travel",), lines=(1, 3), most=2, numbered=0.5, ordered=1.0, taxed=0.7)),
    "order_html": Layout(
        order_html,
        Wishes(trades=_SHOPS, lines=(1, 4), numbered=0.6, ordered=1.0, taxed=0.8, discounted=0.25, shipped=0.4),
    ),
    "subscription_html": Layout(
        subscription_html, Wishes(trades=("saas", "ride"), lines=(1, 2), numbered=0.8, taxed=0.7, tipped=0.1)
    ),
    "text_mail": Layout(
        text_mail,
        Wishes(trades=("shop", "saas", "travel", "services"), lines=(1, 5), numbered=0.8, ordered=0.4, shipped=0.2),
    ),
}

# Country and way of arrival of each document. Folios, tickets and slips are in no document that rules are tuned on.
_PLAN: Final[dict[Split, dict[str, str]]] = {
    "dev": {
        "till": "US photo, GB scan, DE photo, FR photo, DE pdf, GB photo, FR scan, CH photo, ES photo, "
        "MY scan, MY photo",
        "restaurant": "US photo, DE photo, FR photo, GB photo, IT scan, AT photo, US scan",
        "invoice": "GB pdf, DE pdf, FR pdf, US pdf, DE scan, FR scan, ES pdf, IT pdf, GB photo, CH pdf",
        "letter": "DE pdf, FR pdf, DE scan, GB pdf, FR scan, AT pdf",
        "credit_note": "DE pdf, GB pdf, FR pdf",
        "utility": "DE pdf, GB pdf, FR pdf, DE scan",
        "order_html": "US html, GB html, DE html, FR html, ES html, IT html, DE html, GB html",
        "subscription_html": "US html, DE html, FR html, GB html, US html, CH html",
        "text_mail": "US text, GB text, DE text, FR text, ES text, IT text",
    },
    "held-back": {
        "till": "GB photo, DE scan, FR photo, US photo, AT photo, CH-fr photo, IT photo, NL pdf, IE photo, "
        "MY scan, MY photo",
        "restaurant": "GB photo, FR photo, DE photo, US photo, CH photo, ES photo, IE scan",
        "slip": "GB photo, DE photo, FR photo",
        "invoice": "US pdf, DE pdf, FR scan, NL pdf, IT pdf, AU pdf, IE pdf, DE photo, CH-fr pdf, GB scan",
        "letter": "DE pdf, FR pdf, CH pdf, GB scan, DE scan",
        "credit_note": "DE pdf, FR pdf, US pdf",
        "utility": "FR pdf, GB pdf, DE scan, NL pdf",
        "folio": "GB pdf, DE pdf, FR pdf, CH scan",
        "ticket": "GB pdf, FR pdf, DE pdf, IT pdf",
        "order_html": "US html, DE html, FR html, AU html, NL html, IE html, CH html",
        "subscription_html": "GB html, DE html, FR html, US html, IT html",
        "text_mail": "GB text, DE text, FR text, NL text, AU text, CH-fr text",
    },
}
_OTHER_COUNTRIES: Final[dict[Split, tuple[str, ...]]] = {
    "dev": ("GB", "DE", "FR", "ES", "IT"),
    "held-back": ("US", "AT", "CH-fr", "ES", "IT"),
}
_DOCUMENTS: Final = ("contract", "cv", "quote_pdf", "delivery_note", "statement_pdf")


class Drawn(msgspec.Struct, frozen=True):
    """A document, its truth, and the texts that are written on it."""

    bought: Purchase
    label: Label
    content: bytes
    media_type: str
    texts: tuple[str, ...]
    voice: Voice


def corpus(split: Split, seed: str = SEED, layouts: frozenset[str] | None = None) -> Iterator[Message]:
    """The messages of a split, receipts and others; ``layouts`` for some of the receipts, and then nothing else."""
    found = list(_receipts(split, seed, layouts))
    if layouts is None:
        found += _pairs(split, seed)
        found += others(split, seed)
        # As they might come: a mailbox is not sorted by kind.
        Random(f"{seed} {split} order").shuffle(found)
    yield from found


def planned(split: Split) -> Iterator[tuple[str, str, str, Arrival]]:
    """Each document in a message of its own: the message's name, layout, country, way of arrival."""
    for layout, plan in _PLAN[split].items():
        for index, entry in enumerate(plan.split(", ")):
            country, _, arrival = entry.partition(" ")
            yield f"{split}-{layout}-{index:02}", layout, country, arrival  # type: ignore[misc]  # of the table above


def _receipts(split: Split, seed: str, layouts: frozenset[str] | None) -> Iterator[Message]:
    for name, layout, country, arrival in planned(split):
        if layouts is None or layout in layouts:
            yield receipt_message(name, split, layout, country, arrival, seed)


def receipt_message(name: str, split: Split, layout: str, country: str, arrival: Arrival, seed: str = SEED) -> Message:
    """One document in a message of its own."""
    draw = Random(f"{seed} {name}")
    drawn = draw_document(draw, split, layout, country, arrival)
    voice, bought = drawn.voice, drawn.bought
    body = arrival in {"text", "html"}
    from_vendor = body or arrival == "pdf" or (arrival == "scan" and draw.random() < 0.3)
    fields = {"n": bought.number or bought.order or "", "v": bought.vendor.name}
    # A person writes of "receipt lunch", a vendor of "Invoice 4711".
    subjects = {"invoice": "subject_invoice", "receipt": "subject_receipt", "credit_note": "subject_credit"}
    term = subjects[bought.kind] if from_vendor else "subject_scan"
    sent = dt.datetime.combine(bought.date, dt.time(9)) + dt.timedelta(hours=draw.randrange(8 if body else 60))
    if from_vendor:
        sender = (
            bought.vendor.name if draw.random() < 0.8 else "",
            f"{draw.choice(('billing', 'noreply', 'info', 'service'))}@{bought.vendor.domain}",
        )
        text = f"{voice.say('hello').format(bought.customer.name)}\n\n{voice.say('attached')}\n\n{bought.vendor.name}\n"
    else:
        sender, text = _PERSON, draw.choice((voice.say("forwarded") + "\n", ""))
    message = Message(
        id=name,
        split=split,
        about=layout,
        language=voice.style.country.language,
        sender=sender,
        recipient=_READER,
        subject=voice.say(term).format(**fields),
        sent=sent.isoformat(),
        text=drawn.content.decode() if arrival == "text" else None if arrival == "html" else text,
        html=drawn.content.decode() if arrival == "html" else None,
        attachments=() if body else _attached(draw, drawn),
        charset="iso-8859-15" if arrival == "text" and draw.random() < 0.3 else "utf-8",
        labels=(drawn.label,),
    )
    return _forwarded(message, voice) if body and draw.random() < 0.2 else message


def _forwarded(message: Message, voice: Voice) -> Message:
    """The same, sent on by a person a day later: the receipt came to this mailbox in no other way."""
    sender = f"{message.sender[0]} <{message.sender[1]}>".strip()
    heads = {
        "de": ("---------- Weitergeleitete Nachricht ---------", "Von", "Datum", "Betreff", "An"),
        "fr": ("---------- Message transféré ----------", "De", "Date", "Objet", "À"),
        "es": ("---------- Mensaje reenviado ---------", "De", "Fecha", "Asunto", "Para"),
        "it": ("---------- Messaggio inoltrato ----------", "Da", "Data", "Oggetto", "A"),
    }
    first, *names = heads.get(
        message.language, ("---------- Forwarded message ---------", "From", "Date", "Subject", "To")
    )
    day = voice.style.day(dt.datetime.fromisoformat(message.sent).date())
    lines = [
        first,
        *(f"{name}: {value}" for name, value in zip(names, (sender, day, message.subject, _PERSON[1]), strict=True)),
    ]
    sent = dt.datetime.fromisoformat(message.sent) + dt.timedelta(days=1)
    head = "\n".join([voice.say("forwarded"), "", *lines, "", ""])
    shown = "".join(f"{escape(line)}<br>\n" for line in head.split("\n"))
    return msgspec.structs.replace(
        message,
        sender=_PERSON,
        subject=f"{'WG' if message.language == 'de' else 'Fwd'}: {message.subject}",
        sent=sent.isoformat(),
        text=head + message.text if message.text is not None else None,
        html=message.html.replace("<table class='w'", f"<div>{shown}</div><table class='w'", 1)
        if message.html
        else None,
    )


def draw_document(draw: Random, split: Split, layout: str, country: str, arrival: Arrival) -> Drawn:
    """A purchase, drawn in a layout, as it arrives."""
    voice = Voice(country, split, draw)
    bought = draw_purchase(voice, LAYOUTS[layout].wishes)
    sheets = LAYOUTS[layout].draw(voice, bought)
    label = bought.label(voice, layout, arrival)
    if layout == "slip":
        label = msgspec.structs.replace(label, items=())
    if isinstance(sheets, str):
        return Drawn(
            bought, label, sheets.encode(), f"text/{'plain' if arrival == 'text' else 'html'}", (sheets,), voice
        )
    texts = tuple(text for sheet in sheets for text in sheet.texts())
    if arrival == "pdf":
        title = draw.choice(("Document", "Invoice", ""))
        content = text_pdf(sheets, title, draw if draw.random() < 0.3 else None)
        return Drawn(bought, label, content, "application/pdf", texts, voice)
    hard = split == "held-back"
    if arrival == "scan":
        dpi = draw.choice((150, 200, 200, 300))
        pages = [scan_of(sheet, dpi, scanned(draw, hard), draw) for sheet in sheets]
        width, height = (sheets[0].width, sheets[0].height) if len(sheets) > 1 or sheets[0].height > 600 else A4
        # A small receipt on the glass of a scanner is a picture as large as it is.
        size = (
            (width, height) if sheets[0].height > 600 and sheets[0].width > 400 else (sheets[0].width, sheets[0].height)
        )
        return Drawn(bought, label, image_pdf(pages, *size), "application/pdf", texts, voice)
    small = sheets[0].width < 300
    dpi = draw.choice((150, 200, 250, 300) if small else (130, 150, 180))
    damage = snapped(draw, hard)
    image = taken(picture(sheets[0], dpi, draw.choice((235, 245, 255))), damage, draw)
    if draw.random() < 0.15:
        return Drawn(bought, label, png(image), "image/png", texts, voice)
    return Drawn(bought, label, jpeg(image, damage.quality), "image/jpeg", texts, voice)


def scan_of(sheet: Sheet, dpi: int, damage: Damage, draw: Random) -> bytes:
    """One page as the JPEG in a scan."""
    upright = msgspec.structs.replace(
        damage, quarter_turns=0
    )  # a page's picture is turned by its reader, or not at all
    return jpeg(taken(picture(sheet, dpi, 250), upright, draw), damage.quality)


def _attached(draw: Random, drawn: Drawn) -> tuple[Attachment, ...]:
    bought = drawn.bought
    number = (bought.number or bought.order or "document").replace("/", "_")
    stem = draw.choice(("document", number, "scan0001", f"doc_{number}", "attachment"))
    if drawn.media_type.startswith("image/"):
        stem = f"IMG_{draw.randrange(1000, 9999)}"
    suffix = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}[drawn.media_type]
    found = [Attachment(name=stem + suffix, media_type=drawn.media_type, content=drawn.content)]
    if bought.kind == "invoice" and drawn.label.arrival == "pdf" and draw.random() < 0.25:
        page = Sheet(*A4)
        for index, row in enumerate((drawn.voice.say("terms"), drawn.voice.say("questions"), bought.vendor.legal) * 6):
            page.text(56, 80 + 16 * index, row[:100], 9, "serif")
        found.insert(
            draw.randrange(2), Attachment(name="terms.pdf", media_type="application/pdf", content=text_pdf([page]))
        )
    return tuple(found)


def _pairs(split: Split, seed: str) -> Iterator[Message]:
    """Two receipts in one message, of two shops."""
    for index, countries in enumerate((("DE", "DE"), ("GB", "FR"))):
        name = f"{split}-pair-{index:02}"
        draw = Random(f"{seed} {name}")
        both = (
            draw_document(draw, split, "till", countries[0], "photo"),
            draw_document(draw, split, "invoice", countries[1], "pdf"),
        )
        latest = max(drawn.bought.date for drawn in both)
        yield Message(
            id=name,
            split=split,
            about="pair",
            language=both[0].label.language,
            sender=_PERSON,
            recipient=_READER,
            subject=both[0].voice.say("subject_scan"),
            sent=f"{latest.isoformat()}T19:00:00",
            text=both[0].voice.say("forwarded"),
            attachments=tuple(_attached(draw, drawn)[0] for drawn in both),
            labels=tuple(drawn.label for drawn in both),
        )


def others(split: Split, seed: str = SEED) -> Iterator[Message]:
    """The messages in which nothing is a receipt."""
    number = 0
    for country in _OTHER_COUNTRIES[split]:
        language = (
            country.removeprefix("CH-").lower()
            if country in {"ES", "IT", "CH-fr"}
            else {"GB": "en", "US": "en", "DE": "de", "AT": "de", "FR": "fr"}[country]
        )
        for kind in kinds_of(language):
            yield other_mail(number, kind, country, split, Random(f"{seed} {split} other {number}"))
            number += 1
    for country in _OTHER_COUNTRIES[split][:3]:
        for kind in _DOCUMENTS:
            yield document_mail(number, kind, country, split, Random(f"{seed} {split} other {number}"))
            number += 1
    for country in _OTHER_COUNTRIES[split]:
        for _ in range(3 if split == "held-back" else 2):
            yield reply_mail(number, country, split, Random(f"{seed} {split} other {number}"))
            number += 1
        yield photo_mail(number, country, split, Random(f"{seed} {split} other {number}"))
        number += 1
