"""A till's roll: narrow, in letters of one width, the shop's name in the middle above."""

from __future__ import annotations

import datetime as dt
from typing import Final

from bench.receipts.layouts.sums import number_words, paid_lines, quantity, sums, title
from bench.receipts.locales import cents
from bench.receipts.purchase import Line, Purchase, Voice
from bench.receipts.sheet import Face, Sheet

_WIDTH: Final = 226.0  # 80 mm
_MARGIN: Final = 10.0


def till(voice: Voice, bought: Purchase) -> list[Sheet]:
    """One sheet, as long as the text."""
    draw, style = voice.draw, voice.style
    columns = draw.choice((36, 40, 42) if voice.split == "dev" else (32, 38, 44, 48))
    dashes = draw.choice("-=*" if voice.split == "dev" else "-_.#") * columns
    narrow = draw.random() < 0.3
    vendor = bought.vendor
    rows = [
        _centred(line, columns) for line in (vendor.name.upper() if narrow else vendor.name, vendor.street, vendor.city)
    ]
    rows.append(_centred(f"{voice.say('phone')}: {vendor.phone}", columns))
    if draw.random() < 0.6:
        rows.append(_centred(f"{voice.say('tax_id')} {vendor.tax_id}", columns))
    if draw.random() < 0.5:
        rows += ["", _centred(title(voice, bought), columns)]
    rows += ["", *_facts(voice, bought, columns), dashes]
    over = voice.split == "held-back" and draw.random() < 0.6
    letters = {
        rate: "ABC"[index] for index, rate in enumerate(sorted({line.rate for line in bought.lines}, reverse=True))
    }
    lettered = draw.random() < 0.6
    loud = draw.random() < 0.3
    for line in bought.lines:
        rows += _item(voice, line, columns, f" {letters[line.rate]}" if lettered else "", over, loud)
    rows.append(dashes)
    signed = draw.random() < 0.5
    found = sums(voice, bought)
    tabled = bool(bought.taxes) and bought.inclusive and draw.random() < 0.35
    if tabled:
        found = [one for one in found if one.role != "tax"]
    if draw.random() < 0.4:
        rows.append(_spread(voice.say("item_count"), str(len(bought.lines)), columns))
    for one in found:
        words = f"{one.words} {style.country.currency}" if one.role == "total" and not signed else one.words
        amount = style.money(one.amount) if one.role == "total" and signed else style.number(one.amount)
        rows.append(_spread(words, amount, columns))
        if one.role == "total" and draw.random() < 0.3:
            rows.append(dashes)
    rows.append("")
    rows += [_spread(one.words, style.number(one.amount), columns) for one in paid_lines(voice, bought)]
    if tabled:
        rows += ["", *_tax_table(voice, bought)]
    rows += ["", *_clutter(voice, bought, columns), _centred(voice.say("thanks"), columns)]
    return [_roll(rows, columns, bought, draw.random() < 0.5, draw.choice(("mono", "mono", "mono-bold")))]


def _facts(voice: Voice, bought: Purchase, columns: int) -> list[str]:
    draw, style = voice.draw, voice.style
    date, clock = style.day(bought.date), bought.time
    till_number = f"{draw.choice(('Kasse', 'Caisse', 'Till', 'POS'))} {draw.randrange(1, 9)}"
    named = f"{number_words(voice, bought)} {bought.number}" if bought.number else ""
    if draw.random() < 0.5:
        rows = [_spread(date, clock, columns)]
        rows += (
            [_spread(named, till_number, columns)] if len(named) + len(till_number) < columns else [named, till_number]
        )
        return [row for row in rows if row.strip()]
    rows = [f"{voice.say('date')}: {date} {clock}" if draw.random() < 0.5 else f"{date}  {clock}  {till_number}"]
    return [*rows, named] if named else rows


def _item(voice: Voice, line: Line, columns: int, letter: str, over: bool, loud: bool) -> list[str]:
    number = voice.style.number
    words = line.description.upper() if loud else line.description
    amount = number(line.amount) + letter
    if line.quantity == 1:
        return [_spread(words, amount, columns)]
    times = f"{quantity(voice, line.quantity)}{' kg' if line.quantity % 1 else ''} x {number(line.unit)}"
    if over:
        return [f"  {times}", _spread(words, amount, columns)]
    return [words, _spread(f"  {times}", amount, columns)]


def _tax_table(voice: Voice, bought: Purchase) -> list[str]:
    """Rate, without tax, tax, with tax: three amounts in a row, none of them the total if there are two rates."""
    style = voice.style
    rows = [f"{style.tax:<8.8}{voice.say('net_of'):>7.7}{style.tax:>8.8}{voice.say('gross'):>8.8}"]
    for tax in bought.taxes:
        amounts = (tax.net, tax.amount, tax.net + tax.amount)
        rows.append(f"{style.percent(tax.rate):<8}" + "".join(f"{style.number(amount):>8}" for amount in amounts))
    return rows


def _clutter(voice: Voice, bought: Purchase, columns: int) -> list[str]:
    """What else a till prints: numbers that are no amounts, amounts that are no totals, days that are no date."""
    draw, style = voice.draw, voice.style
    rows = []
    if bought.discount or draw.random() < 0.15:
        rows.append(_spread(voice.say("saved"), style.number(bought.discount or cents(bought.total / 7)), columns))
    if draw.random() < 0.3:
        rows.append(_spread(voice.say("points"), str(draw.randrange(40, 9000)), columns))
    if draw.random() < 0.3:
        rows.append(f"{voice.say('return_by')} {style.day(bought.date + dt.timedelta(days=30))}")
    return [*rows, ""] if rows else rows


def _spread(left: str, right: str, columns: int) -> str:
    room = columns - len(right) - 1
    return f"{left[:room].ljust(room)} {right}"


def _centred(text: str, columns: int) -> str:
    return text[:columns].center(columns).rstrip()


def _roll(rows: list[str], columns: int, bought: Purchase, coded: bool, face: Face) -> Sheet:
    # A letter of Courier is 0.6 of its size wide.
    size = (_WIDTH - 2 * _MARGIN) / columns / 0.6
    sheet = Sheet(_WIDTH, 10_000)
    y = 26.0
    for row in rows:
        sheet.text(_MARGIN, y, row, size, face)
        y += size * 1.28
    if coded:
        sheet.bars(_MARGIN + 20, y, _WIDTH - 2 * _MARGIN - 40, 26, bought.number or "0000")
        y += 40
    return sheet.cropped(y + 14)
