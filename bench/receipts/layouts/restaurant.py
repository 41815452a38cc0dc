"""A restaurant's bill: a table, a waiter, perhaps a tip, in letters of many kinds."""

from __future__ import annotations

from typing import Final

from bench.receipts.layouts.sums import number_words, paid_lines, quantity, sums
from bench.receipts.locales import cents
from bench.receipts.purchase import Purchase, Voice
from bench.receipts.sheet import Face, Sheet

_WIDTH: Final = 240.0
_LEFT: Final = 16.0
_RIGHT: Final = _WIDTH - 16.0


def restaurant(voice: Voice, bought: Purchase) -> list[Sheet]:
    """One sheet, as long as the text."""
    draw, style, vendor = voice.draw, voice.style, bought.vendor
    face: Face = draw.choice(("sans", "serif", "mono") if voice.split == "dev" else ("wide", "serif", "sans", "mono"))
    bold: Face = {"sans": "sans-bold", "serif": "serif-bold", "mono": "mono-bold", "wide": "wide-bold"}[face]  # type: ignore[assignment]  # its keys are faces
    size = 8.0 if face in {"mono", "wide"} else 9.5
    step = size * 1.45
    sheet = Sheet(_WIDTH, 10_000)
    y = 34.0
    sheet.text(_WIDTH / 2, y, vendor.name, size * 1.6, bold, "centre")
    for row in (vendor.street, vendor.city, f"{voice.say('phone')} {vendor.phone}"):
        y += step
        sheet.text(_WIDTH / 2, y, row, size, face, "centre")
    y += step * 1.6
    sheet.text(_LEFT, y, f"{voice.say('table')} {draw.randrange(1, 40)}", size, face)
    sheet.text(_RIGHT, y, f"{voice.say('guests')}: {draw.randrange(1, 7)}", size, face, "right")
    y += step
    sheet.text(_LEFT, y, f"{style.day(bought.date)}  {bought.time}", size, face)
    if bought.number:
        y += step
        sheet.text(_LEFT, y, f"{number_words(voice, bought)} {bought.number}", size, face)
    y += step
    sheet.text(_LEFT, y, f"{voice.say('server')}: {bought.customer.name.split()[0]}", size, face)
    y += step * 0.7
    sheet.rule(_LEFT, y, _RIGHT)
    for line in bought.lines:
        y += step
        sheet.text(_LEFT, y, f"{quantity(voice, line.quantity)} {line.description}", size, face)
        sheet.text(_RIGHT, y, style.number(line.amount), size, face, "right")
    y += step * 0.6
    sheet.rule(_LEFT, y, _RIGHT)
    for one in sums(voice, bought):
        big = one.role == "total"
        y += step * (1.5 if big else 1.0)
        amount = style.money(one.amount) if big else style.number(one.amount)
        sheet.text(_LEFT, y, one.words, size * (1.3 if big else 1), bold if big else face)
        sheet.text(_RIGHT, y, amount, size * (1.3 if big else 1), bold if big else face, "right")
    y += step
    for one in paid_lines(voice, bought):
        y += step
        sheet.text(_LEFT, y, one.words, size, face)
        sheet.text(_RIGHT, y, style.number(one.amount), size, face, "right")
    if not bought.tip and style.country.code in {"US", "AU", "GB"} and draw.random() < 0.6:
        y += step
        sheet.text(_LEFT, y, voice.say("tip_hint"), size * 0.85, face)
        for percent in (15, 18, 20):
            y += step
            hint = cents(bought.total * percent / 100)
            with_hint = f"{voice.say('total')} {style.money(bought.total + hint)}"
            words = f"{percent}%  {voice.say('tip')} {style.money(hint)}  {with_hint}"
            sheet.text(_LEFT, y, words, size * 0.85, face)
    y += step * 1.6
    if bought.vendor.tax_id and draw.random() < 0.6:
        sheet.text(_WIDTH / 2, y, f"{voice.say('tax_id')}: {vendor.tax_id}", size * 0.85, face, "centre")
        y += step
    sheet.text(_WIDTH / 2, y, voice.say("thanks"), size, face, "centre")
    return [sheet.cropped(y + 24)]


def slip(voice: Voice, bought: Purchase) -> list[Sheet]:
    """The slip of a card terminal: a total, and nothing of what was bought."""
    draw, style, vendor = voice.draw, voice.style, bought.vendor
    sheet = Sheet(170, 10_000)
    y, size = 26.0, 8.5
    for row in (vendor.name.upper(), vendor.street, vendor.city):
        sheet.text(85, y, row, size, "mono-bold", "centre")
        y += 12
    y += 6
    facts = [
        f"TERMINAL {draw.randrange(10_000_000, 99_999_999)}",
        f"{style.day(bought.date)} {bought.time}",
        f"{number_words(voice, bought)} {bought.number}" if bought.number else "",
        voice.say("card"),
        f"AID A0000000{draw.randrange(10_000, 99_999)}",
        f"AUTH {draw.randrange(100_000, 999_999)}",
    ]
    for row in filter(None, facts):
        sheet.text(10, y, row, size * 0.9, "mono")
        y += 12
    y += 8
    sheet.text(10, y, voice.say("total"), size * 1.2, "mono-bold")
    y += 15
    sheet.text(160, y, style.money(bought.total), size * 1.4, "mono-bold", "right")
    for tax in bought.taxes:
        y += 14
        sheet.text(10, y, f"{voice.say('included')} {style.tax} {style.percent(tax.rate)}", size * 0.85, "mono")
        sheet.text(160, y, style.number(tax.amount), size * 0.85, "mono", "right")
    y += 20
    sheet.text(85, y, voice.say("thanks"), size * 0.8, "mono", "centre")
    return [sheet.cropped(y + 20)]
