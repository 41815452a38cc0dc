"""Invoices on a whole page: a table with tax, and a letter with two columns."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bench.receipts.layouts.sums import number_words, quantity, settled_lines, sums, title
from bench.receipts.locales import cents
from bench.receipts.purchase import Purchase, Voice
from bench.receipts.sheet import A4, LETTER, Face, Sheet

_BOLD: Final[dict[Face, Face]] = {"sans": "sans-bold", "serif": "serif-bold", "wide": "wide-bold", "mono": "mono-bold"}


class _Pen:
    """What the parts of one page share."""

    def __init__(self, voice: Voice, faces: tuple[Face, ...]) -> None:
        self.voice = voice
        self.face: Face = voice.draw.choice(faces)
        self.bold = _BOLD[self.face]
        self.size = voice.draw.choice((8.5, 9.0, 9.5)) * (0.88 if self.face in {"wide", "mono"} else 1)
        self.sheet = Sheet(*(LETTER if voice.style.country.code == "US" else A4))
        self.left, self.right = 56.0, self.sheet.width - 56.0

    def rows(self, x: float, y: float, rows: list[str], step: float = 12.0) -> float:
        """One below the other; returns the y below."""
        for row in rows:
            self.sheet.text(x, y, row, self.size, self.face)
            y += step
        return y

    def pairs(self, x: float, to_x: float, y: float, pairs: list[tuple[str, str]]) -> float:
        """Names on the left, values flush right or beside them."""
        for name, value in pairs:
            self.sheet.text(x, y, name, self.size, self.face)
            self.sheet.text(to_x, y, value, self.size, self.face, "right")
            y += 13
        return y


def _facts(voice: Voice, bought: Purchase) -> list[tuple[str, str]]:
    colon = voice.draw.choice((":", ""))
    facts = [(number_words(voice, bought) + colon, bought.number or "")]
    facts.append((voice.say("date") + colon, voice.style.day(bought.date)))
    if voice.draw.random() < 0.6:
        facts.append((voice.say("customer_number") + colon, bought.customer.number))
    if bought.order:
        facts.append((voice.say("order") + colon, bought.order))
    if bought.kind == "invoice" and voice.draw.random() < 0.6:
        facts.append((voice.say("due") + colon, voice.style.day(bought.due)))
    if voice.draw.random() < 0.3:
        facts.reverse()
    return [fact for fact in facts if fact[1]]


def _table(pen: _Pen, bought: Purchase, y: float, minus: bool) -> float:
    voice, sheet, style = pen.voice, pen.sheet, pen.voice.style
    shaded = voice.draw.random() < 0.5
    numbered = voice.draw.random() < 0.4
    rated = voice.draw.random() < 0.4 and bool(bought.taxes)
    first = voice.draw.random() < 0.3  # the quantity stands first
    quantity_x = pen.left + (26 if first else 290)
    words_x = pen.left + (44 if first else 22 if numbered else 4)
    price_x, rate_x, amount_x = pen.right - 105, pen.right - 70, pen.right - 4
    if shaded:
        sheet.box(pen.left, y - 11, pen.right - pen.left, 16, 0.88)
    heads = [(words_x, "description", "left"), (quantity_x, "quantity", "right"), (price_x, "price", "right")]
    if first:
        heads[:2] = [heads[1], heads[0]]
    for x, term, align in heads:
        sheet.text(x, y, voice.say(term), pen.size, pen.bold, align)  # type: ignore[arg-type]  # of a table above
    if rated:
        sheet.text(rate_x, y, "%", pen.size, pen.bold, "right")
    sheet.text(amount_x, y, voice.say("amount"), pen.size, pen.bold, "right")
    sheet.rule(pen.left, y + 5, pen.right)
    sign = -1 if minus else 1
    for index, line in enumerate(bought.lines, 1):
        y += 17
        if numbered and not first:
            sheet.text(pen.left + 4, y, str(index), pen.size, pen.face)
        if first:
            sheet.text(quantity_x, y, quantity(voice, line.quantity), pen.size, pen.face, "right")
        sheet.text(words_x, y, line.description, pen.size, pen.face)
        if not first:
            sheet.text(quantity_x, y, quantity(voice, line.quantity), pen.size, pen.face, "right")
        sheet.text(price_x, y, style.number(line.unit), pen.size, pen.face, "right")
        if rated:
            sheet.text(rate_x, y, style.percent(line.rate).strip("% \u00a0"), pen.size, pen.face, "right")
        sheet.text(amount_x, y, style.number(sign * line.amount), pen.size, pen.face, "right")
    sheet.rule(pen.left, y + 7, pen.right)
    return y + 22


def _totals(pen: _Pen, bought: Purchase, y: float, minus: bool, settled: bool) -> float:
    style, sheet = pen.voice.style, pen.sheet
    sign = -1 if minus else 1
    all_signed = pen.voice.draw.random() < 0.6
    found = sums(pen.voice, bought)
    if settled:
        found += settled_lines(pen.voice, bought)
    for one in found:
        big = one.role == "total"
        face = pen.bold if big else pen.face
        size = pen.size * (1.2 if big else 1)
        amount = style.money(sign * one.amount) if big or all_signed else style.number(sign * one.amount)
        sheet.text(pen.right - 220, y, one.words, size, face)
        sheet.text(pen.right - 4, y, amount, size, face, "right")
        y += 17 if big else 14
    currency = style.country.currency
    if pen.voice.draw.random() < 0.15:
        other = "USD" if currency != "USD" else "EUR"
        rate = Decimal(pen.voice.draw.randrange(80, 125)) / 100
        words = f"({pen.voice.say('about')} {other} {style.number(cents(bought.total * rate))})"
        sheet.text(pen.right - 4, y, words, pen.size * 0.85, pen.face, "right", 0.3)
        y += 14
    return y


def _foot(pen: _Pen, bought: Purchase, y: float) -> None:
    voice, vendor, sheet = pen.voice, bought.vendor, pen.sheet
    rows = [voice.say("terms")] if bought.kind == "invoice" else []
    rows.append(voice.say("thanks"))
    for row in rows:
        # Long lines of terms are broken where they would leave the page.
        words, line = row.split(), ""
        for word in words:
            if len(line) + len(word) > 95:
                sheet.text(pen.left, y, line, pen.size, pen.face)
                y, line = y + 12, ""
            line = f"{line} {word}".strip()
        sheet.text(pen.left, y, line, pen.size, pen.face)
        y += 16
    foot = sheet.height - 46
    sheet.rule(pen.left, foot - 12, pen.right, 0.4)
    small = pen.size * 0.8
    parts = [f"{vendor.legal} · {vendor.street} · {vendor.city}"]
    parts.append(
        f"{voice.say('tax_id')} {vendor.tax_id} · {voice.say('phone')} {vendor.phone} · billing@{vendor.domain}"
    )
    if vendor.iban:
        parts.append(f"{voice.say('iban')} {vendor.iban} · BIC XXXX{vendor.tax_id[:2]}22")
    for index, part in enumerate(parts):
        sheet.text(sheet.width / 2, foot + index * 10, part, small, pen.face, "centre", 0.3)


def table_invoice(voice: Voice, bought: Purchase) -> list[Sheet]:
    """The name above, the facts on the right, a table, the sums below it on the right."""
    pen = _Pen(voice, ("sans", "serif") if voice.split == "dev" else ("wide", "sans", "mono"))
    draw, sheet, vendor = voice.draw, pen.sheet, bought.vendor
    minus = bought.kind == "credit_note" and draw.random() < 0.5
    on_right = draw.random() < (0.3 if voice.split == "dev" else 0.6)
    y = 88.0
    rows = [vendor.legal if vendor.legal != vendor.name else "", vendor.street, vendor.city, vendor.phone]
    if draw.random() < 0.2:  # the name is in a picture, or nowhere but in the foot
        sheet.box(pen.right - 90 if on_right else pen.left, 48, 90, 28, 0.55)
        rows = []
    else:
        name_x, side = (pen.right, "right") if on_right else (pen.left, "left")
        sheet.text(name_x, 70, vendor.name, 18, pen.bold, side)  # type: ignore[arg-type]  # of the line above
    for row in rows:
        if row:
            sheet.text(pen.right if on_right else pen.left, y, row, pen.size, pen.face, "right" if on_right else "left")
            y += 12
    heading = f"{title(voice, bought)} {bought.number}" if draw.random() < 0.3 else title(voice, bought)
    y = max(y, 150) + 14
    sheet.text(pen.left, y, heading, 15, pen.bold)
    below = pen.rows(
        pen.left,
        y + 24,
        [f"{voice.say('bill_to')}:", bought.customer.name, bought.customer.street, bought.customer.city],
    )
    other = pen.pairs(pen.right - 210, pen.right, y + 24, _facts(voice, bought))
    y = _table(pen, bought, max(below, other) + 24, minus)
    y = _totals(pen, bought, y, minus, settled=bought.kind == "invoice" and draw.random() < 0.25)
    _foot(pen, bought, y + 24)
    return [sheet]


def letter_invoice(voice: Voice, bought: Purchase) -> list[Sheet]:
    """A letter of business: the recipient on the left, a column of facts on the right, sentences around the table."""
    pen = _Pen(voice, ("serif", "sans") if voice.split == "dev" else ("sans", "wide"))
    draw, sheet, vendor, customer = voice.draw, pen.sheet, bought.vendor, bought.customer
    minus = bought.kind == "credit_note" and draw.random() < 0.5
    sheet.text(pen.left, 120, f"{vendor.legal} · {vendor.street} · {vendor.city}", 6.5, pen.face, "left", 0.3)
    pen.rows(pen.left, 138, [customer.name, customer.street, customer.city], 13)
    column = pen.right - 170
    y = 100.0
    sheet.text(column, y, vendor.name, 13, pen.bold)
    y = pen.rows(
        column, y + 16, [vendor.street, vendor.city, f"{voice.say('phone')} {vendor.phone}", vendor.domain], 11
    )
    y += 10
    for name, value in _facts(voice, bought):
        if voice.split == "dev":
            sheet.text(column, y, f"{name} {value}", pen.size, pen.face)
            y += 12
        else:  # the name above its value
            sheet.text(column, y, name, pen.size * 0.8, pen.face, "left", 0.35)
            sheet.text(column, y + 11, value, pen.size, pen.face)
            y += 25
    y = max(y, 250) + 16
    sheet.text(pen.left, y, f"{title(voice, bought)} {bought.number or ''}".strip(), 13, pen.bold)
    sheet.text(pen.left, y + 22, voice.say("hello").format(customer.name), pen.size, pen.face)
    y = _table(pen, bought, y + 48, minus)
    y = _totals(pen, bought, y, minus, settled=False)
    _foot(pen, bought, y + 26)
    return [sheet]
