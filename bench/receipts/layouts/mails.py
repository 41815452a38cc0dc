"""Receipts that are the mail itself: text as programs write it, and HTML of shops, rides and subscriptions."""

from __future__ import annotations

from decimal import Decimal
from html import escape

from bench.receipts.layouts.sums import Sum, number_words, paid_lines, quantity, sums, title
from bench.receipts.purchase import Purchase, Voice


def text_mail(voice: Voice, bought: Purchase) -> str:
    """Plain text, with amounts at the end of lines or behind colons."""
    draw, style = voice.draw, voice.style
    rows = [voice.say("hello").format(bought.customer.name), "", voice.say("here_is"), ""]
    if bought.number:
        rows.append(f"{number_words(voice, bought)}: {bought.number}")
    if bought.order:
        rows.append(f"{voice.say('order')}: {bought.order}")
    rows += [f"{voice.say('date')}: {style.day(bought.date)}", ""]
    ruled = draw.random() < 0.5
    dotted = voice.split == "held-back" and draw.random() < 0.6
    width = draw.choice((52, 60, 68))
    if ruled:
        rows.append("-" * width)
    for line in bought.lines:
        words = line.description
        if line.quantity != 1 or draw.random() < 0.3:
            words = f"{quantity(voice, line.quantity)} x {words}"
        rows.append(_row(words, style.money(line.amount), width, dotted))
    if ruled:
        rows.append("-" * width)
    for one in sums(voice, bought):
        rows.append(
            f"{one.words}: {style.money(one.amount)}"
            if not ruled
            else _row(one.words, style.money(one.amount), width, dotted)
        )
    rows += ["", *(_row(one.words, style.money(one.amount), width, False) for one in paid_lines(voice, bought)), ""]
    vendor = bought.vendor
    rows += [voice.say("thanks"), voice.say("questions"), "", "-- ", vendor.legal, f"{vendor.street}, {vendor.city}"]
    rows.append(f"{voice.say('tax_id')} {vendor.tax_id} | {voice.say('phone')} {vendor.phone}")
    return "\n".join(rows) + "\n"


def _row(left: str, right: str, width: int, dotted: bool) -> str:
    fill = "." if dotted else " "
    return f"{left} {fill * max(2, width - len(left) - len(right) - 2)} {right}"


def order_html(voice: Voice, bought: Purchase) -> str:
    """A shop's, a hotel's or an airline's: tables in tables, a button, a foot of small print."""
    draw, style, vendor = voice.draw, voice.style, bought.vendor
    facts = [(voice.say("date"), style.day(bought.date))]
    if bought.order:
        facts.insert(0, (voice.say("order"), bought.order))
    if bought.number:
        facts.insert(draw.randrange(2), (number_words(voice, bought), bought.number))
    if voice.split == "dev":
        head = "".join(f"<b>{escape(name)}:</b> {escape(value)}<br>" for name, value in facts)
    else:
        cells = "".join(
            f"<td><small>{escape(name)}</small><br><strong>{escape(value)}</strong></td>" for name, value in facts
        )
        head = f"<table><tr>{cells}</tr></table>"
    rows = []
    for line in bought.lines:
        words = escape(line.description)
        if line.quantity != 1:
            times = f"{quantity(voice, line.quantity)} &times; {escape(style.money(line.unit))}"
            words += f"<br><span style='color:#888'>{times}</span>"
        rows.append(f"<tr><td class='p'>{words}</td><td align='right'>{escape(style.money(line.amount))}</td></tr>")
    body = [
        f"<h2>{escape(title(voice, bought))}</h2>",
        f"<p>{escape(voice.say('hello').format(bought.customer.name))}<br>{escape(voice.say('here_is'))}</p>",
        f"<div>{head}</div>",
        "<table width='100%' cellpadding='4'>" + "".join(rows) + "</table><hr>",
        "<table width='100%'>" + "".join(_sum_row(voice, one) for one in sums(voice, bought)) + "</table>",
        f"<p>{escape(paid_lines(voice, bought)[0].words)}</p>",
        f"<p><a href='https://{vendor.domain}/o?u=1&amp;r=88231'>{escape(voice.say('order'))}</a></p>",
    ]
    return _page(voice, bought, "\n".join(body))


def subscription_html(voice: Voice, bought: Purchase) -> str:
    """A ride's or a subscription's: one big amount above, little else."""
    draw, style = voice.draw, voice.style
    facts = [(voice.say("date"), style.day(bought.date))]
    if bought.number:
        facts.insert(0, (number_words(voice, bought), bought.number))
    facts.append((voice.say("card").split()[0], voice.say("card")))
    big = draw.random() < 0.7
    body = [f"<p style='font-size:13px'>{escape(voice.say('here_is'))}</p>"]
    if big:
        body.append(f"<div style='font-size:38px'>{escape(style.money(bought.total))}</div>")
    if voice.split == "dev":
        body.append(
            "<ul style='list-style:none'>" + "".join(f"<li>{escape(a)}: {escape(b)}</li>" for a, b in facts) + "</ul>"
        )
    else:
        body += [f"<div><span>{escape(a)}</span>&nbsp;&nbsp;<span>{escape(b)}</span></div>" for a, b in facts]
    lines = [
        Sum(
            "subtotal",
            line.description if line.quantity == 1 else f"{line.description} x {quantity(voice, line.quantity)}",
            line.amount,
        )
        for line in bought.lines
    ]
    rows = "".join(_sum_row(voice, one) for one in [*lines, *sums(voice, bought)])
    body.append(f"<table style='width:100%;border-top:1px solid #ddd'>{rows}</table>")
    if draw.random() < 0.4:
        body.append(f"<p>{escape(voice.say('balance'))}: {escape(style.money(Decimal()))}</p>")
    return _page(voice, bought, "\n".join(body))


def _sum_row(voice: Voice, one: Sum) -> str:
    cells = f"<td>{escape(one.words)}</td><td align=right>{escape(voice.style.money(one.amount))}</td>"
    return f"<tr style='font-weight:bold'>{cells}</tr>" if one.role == "total" else f"<tr>{cells}</tr>"


def _page(voice: Voice, bought: Purchase, body: str) -> str:
    vendor = bought.vendor
    logo = f"<img src='https://{vendor.domain}/logo.png' alt='{escape(vendor.name)}' width='120'>"
    name = f"<div class='brand'>{escape(vendor.name)}</div>" if voice.draw.random() < 0.5 else logo
    return (
        "<!DOCTYPE html><html><head><meta charset='utf-8'><style>td{padding:4px}.p{color:#333}"
        "@media(max-width:600px){.w{width:100%!important}}</style></head>\n"
        "<body style='background:#f4f4f4'><table class='w' width='600' align='center' bgcolor='#ffffff'><tr><td>\n"
        f"{name}\n{body}\n"
        f"<p style='font-size:11px;color:#999'>{escape(voice.say('questions'))}<br>{escape(vendor.legal)}, "
        f"{escape(vendor.street)}, {escape(vendor.city)}. {escape(voice.say('tax_id'))}&nbsp;{vendor.tax_id}</p>\n"
        "<img src='https://t.example/p.gif' width='1' height='1' alt=''>\n</td></tr></table></body></html>\n"
    )
