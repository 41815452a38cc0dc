"""Bills of works and hotels, and tickets: the total is not where a table ends."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from bench.receipts.layouts.sums import number_words, quantity, sums, title
from bench.receipts.purchase import Purchase, Voice
from bench.receipts.sheet import A4, Face, Sheet


def utility(voice: Voice, bought: Purchase) -> list[Sheet]:
    """Two pages: what is to be paid in a box and the old balance, then how it came about. The old balance was paid."""
    draw, style, vendor = voice.draw, voice.style, bought.vendor
    face: Face = "sans" if voice.split == "dev" else draw.choice(("wide", "serif"))
    bold: Face = "sans-bold" if face == "sans" else "wide-bold" if face == "wide" else "serif-bold"
    page, details = Sheet(*A4), Sheet(*A4)
    left, right = 50.0, 545.0
    page.text(left, 70, vendor.legal, 17, bold)
    for index, row in enumerate((vendor.street, vendor.city, f"{voice.say('phone')} {vendor.phone}")):
        page.text(left, 88 + 12 * index, row, 9, face)
    page.text(left, 170, bought.customer.name, 10, face)
    page.text(left, 183, bought.customer.street, 10, face)
    page.text(left, 196, bought.customer.city, 10, face)
    start = bought.date - dt.timedelta(days=33)
    facts = [
        (voice.say("customer_number"), bought.customer.number),
        (number_words(voice, bought), bought.number or ""),
        (voice.say("date"), style.day(bought.date)),
        (voice.say("period"), f"{style.day(start)} - {style.day(bought.date - dt.timedelta(days=3))}"),
        (voice.say("meter"), f"{draw.randrange(10_000, 99_999)} kWh"),
    ]
    y = 170.0
    for name, value in facts:
        if value:
            page.text(300, y, name, 9, face)
            page.text(right, y, value, 9, face, "right")
            y += 14
    page.text(left, 270, f"{title(voice, bought)}", 14, bold)
    previous = bought.total + Decimal(draw.randrange(-900, 2400)) / 100
    y = 300.0
    for name, amount in ((voice.say("previous"), previous), (voice.say("paid"), -previous)):
        page.text(left, y, name, 9, face)
        page.text(right, y, style.money(amount), 9, face, "right")
        y += 15
    page.box(left, y, right - left, 46, 0.86)
    total = voice.say("total")
    page.text(left + 12, y + 28, total, 13, bold)
    page.text(right - 12, y + 28, style.money(bought.total), 15, bold, "right")
    y += 70
    page.text(left, y, f"{voice.say('due')}: {style.day(bought.due)}", 9, face)
    if vendor.iban:
        page.text(left, y + 14, f"{voice.say('iban')}: {vendor.iban}", 9, face)
    page.text(left, y + 34, voice.say("questions"), 9, face)
    page.text(right, 800, "1/2", 8, face, "right")
    y = 90.0
    details.text(left, 70, f"{vendor.name} · {bought.customer.number}", 9, bold)
    for term, x, align in (
        ("description", left, "left"),
        ("quantity", 330, "right"),
        ("price", 430, "right"),
        ("amount", right, "right"),
    ):
        details.text(x, y, voice.say(term), 9, bold, align)  # type: ignore[arg-type]  # of the table above
    details.rule(left, y + 5, right)
    for line in bought.lines:
        y += 18
        details.text(left, y, line.description, 9, face)
        details.text(330, y, quantity(voice, line.quantity), 9, face, "right")
        details.text(430, y, style.number(line.unit), 9, face, "right")
        details.text(right, y, style.number(line.amount), 9, face, "right")
    y += 10
    details.rule(left, y, right)
    for one in sums(voice, bought):
        y += 16
        which = bold if one.role == "total" else face
        details.text(300, y, one.words, 9, which)
        details.text(right, y, style.money(one.amount), 9, which, "right")
    details.text(left, y + 40, f"{voice.say('tax_id')} {vendor.tax_id}", 8, face)
    details.text(right, 800, "2/2", 8, face, "right")
    return [page, details]


def folio(voice: Voice, bought: Purchase) -> list[Sheet]:
    """A hotel's account: a date at each line, charges and payments in two columns, and a balance of nothing."""
    style, vendor = voice.style, bought.vendor
    sheet = Sheet(*A4)
    left, right = 60.0, 535.0
    sheet.text(297, 66, vendor.name, 20, "serif-bold", "centre")
    sheet.text(297, 82, f"{vendor.street} · {vendor.city} · {vendor.phone}", 8.5, "serif", "centre")
    sheet.text(left, 130, bought.customer.name, 10, "serif")
    sheet.text(left, 143, bought.customer.city, 10, "serif")
    arrival = bought.date - dt.timedelta(days=max(1, int(max(line.quantity for line in bought.lines))))
    facts = [
        (number_words(voice, bought), bought.number or ""),
        (voice.say("date"), style.day(bought.date)),
        (voice.say("period"), f"{style.day(arrival)} - {style.day(bought.date)}"),
    ]
    for index, (name, value) in enumerate(facts):
        sheet.text(330, 130 + 14 * index, name, 9, "serif")
        sheet.text(right, 130 + 14 * index, value, 9, "serif", "right")
    sheet.text(left, 205, title(voice, bought), 13, "serif-bold")
    y = 232.0
    for term, x, align in (
        ("date", left, "left"),
        ("description", 130, "left"),
        ("amount", 440, "right"),
        ("paid", right, "right"),
    ):
        sheet.text(x, y, voice.say(term)[:24], 9, "serif-bold", align)  # type: ignore[arg-type]  # of the table above
    sheet.rule(left, y + 5, right)
    for line in bought.lines:
        y += 17
        sheet.text(left, y, style.day(arrival), 9, "serif")
        words = (
            line.description
            if line.quantity == 1
            else f"{line.description} ({quantity(voice, line.quantity)} x {style.number(line.unit)})"
        )
        sheet.text(130, y, words, 9, "serif")
        sheet.text(440, y, style.number(line.amount), 9, "serif", "right")
    found = sums(voice, bought)
    for one in found:
        if one.role == "total":
            continue
        y += 17
        sheet.text(130, y, one.words, 9, "serif")
        sheet.text(440, y, style.number(one.amount), 9, "serif", "right")
    y += 17
    sheet.text(left, y, style.day(bought.date), 9, "serif")
    sheet.text(130, y, voice.say("card"), 9, "serif")
    sheet.text(right, y, style.number(-bought.total), 9, "serif", "right")
    sheet.rule(left, y + 8, right)
    y += 26
    sheet.text(130, y, voice.say("total"), 10, "serif-bold")
    sheet.text(440, y, style.money(bought.total), 10, "serif-bold", "right")
    y += 17
    sheet.text(130, y, voice.say("balance"), 10, "serif-bold")
    sheet.text(right, y, style.money(Decimal()), 10, "serif-bold", "right")
    sheet.text(297, 780, f"{vendor.legal} · {voice.say('tax_id')} {vendor.tax_id}", 8, "serif", "centre")
    return [sheet]


def ticket(voice: Voice, bought: Purchase) -> list[Sheet]:
    """A traveller's ticket that is the receipt, too: times and places first, money in a small table at the end."""
    draw, style, vendor = voice.draw, voice.style, bought.vendor
    sheet = Sheet(*A4)
    left, right = 48.0, 547.0
    sheet.box(left, 46, right - left, 34, 0.2)
    sheet.text(left + 10, 69, vendor.name, 16, "wide-bold", "left", 1.0)
    if bought.number:
        sheet.text(right, 104, f"{number_words(voice, bought)}: {bought.number}", 9, "wide", "right")
    if bought.order:
        sheet.text(right, 118, f"{voice.say('order')}: {bought.order}", 9, "wide", "right")
    sheet.text(left, 104, f"{voice.say('date')}: {style.day(bought.date)}", 9, "wide")
    sheet.text(left, 118, bought.customer.name, 9, "wide")
    travel = bought.date + dt.timedelta(days=draw.randrange(4, 60))
    cities = [
        city.strip("0123456789 ").partition(",")[0]
        for city in draw.sample(voice.words["cities"][style.country.code], 2)
    ]
    sheet.rule(left, 136, right)
    sheet.text(left, 160, f"{cities[0]}  >  {cities[1]}", 14, "wide-bold")
    sheet.text(
        left, 178, f"{style.day(travel)}  {bought.time}  /  {draw.randrange(1, 24)}{draw.choice('ABCDEF')}", 10, "wide"
    )
    sheet.bars(right - 110, 146, 110, 60, f"{bought.order or bought.customer.number}")
    y = 250.0
    for line in bought.lines:
        words = line.description if line.quantity == 1 else f"{quantity(voice, line.quantity)} x {line.description}"
        sheet.text(left, y, words, 9, "wide")
        sheet.text(left + 300, y, style.money(line.amount), 9, "wide", "right")
        y += 15
    sheet.rule(left, y - 8, left + 300)
    for one in sums(voice, bought):
        y += 6
        sheet.text(left, y, one.words, 9, "wide-bold" if one.role == "total" else "wide")
        sheet.text(left + 300, y, style.money(one.amount), 9, "wide-bold" if one.role == "total" else "wide", "right")
        y += 10
    sheet.text(left, y + 24, voice.say("card"), 8, "wide")
    sheet.text(
        left, 790, f"{vendor.legal}, {vendor.street}, {vendor.city} - {voice.say('tax_id')} {vendor.tax_id}", 7, "wide"
    )
    return [sheet]
