"""One purchase, drawn by chance and true to the cent; documents are drawn from it, and so are their labels."""

from __future__ import annotations

import datetime as dt
import unicodedata
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from bench.receipts.labels import Arrival, Kind, Label, LineItem, Split
from bench.receipts.locales import COUNTRIES, Style, cents, draw_style, words_of

_LEGAL: Final = {
    "US": (", Inc.", " LLC"),
    "GB": (" Ltd", " Limited"),
    "IE": (" Ltd",),
    "AU": (" Pty Ltd",),
    "DE": (" GmbH", " e.K.", " GmbH & Co. KG"),
    "AT": (" GmbH",),
    "CH": (" AG", " GmbH"),
    "FR": (" SARL", " SAS"),
    "CH-fr": (" SA", " Sàrl"),
    "ES": (" S.L.",),
    "IT": (" S.r.l.",),
    "NL": (" B.V.",),
    "MY": (" Sdn. Bhd.",),
}
_FORMS: Final = frozenset(
    {"inc", "llc", "ltd", "limited", "plc", "llp", "pty", "gmbh", "ag", "ug", "kg", "gbr", "ek", "sarl", "sas", "sa"}
    | {"sl", "srl", "spa", "snc", "bv", "nv", "sons", "sohne", "fils", "co", "sdn", "bhd"}
)
_NUMBERS: Final = (
    "{year}-{n:05}",
    "RE-{n}",
    "INV-{n:06}",
    "{year}/{n:04}",
    "F{yy}{month:02}-{s}",
    "{n}",
    "{year}{month:02}{s:03}",
    "A-{yy}-{n}",
    "{letters}{n}",
    "{letters}-{n:07}",
)
_ENDED: Final = dt.date(2026, 6, 30)


class Line(msgspec.Struct, frozen=True):
    """A line of the document. ``rate`` is the percent of tax on it."""

    description: str
    quantity: Decimal
    unit: Decimal
    amount: Decimal
    rate: Decimal


class Tax(msgspec.Struct, frozen=True):
    """What is taxed at one rate, without the tax, and the tax."""

    rate: Decimal
    net: Decimal
    amount: Decimal


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """Who sold it."""

    name: str
    legal: str
    street: str
    city: str
    phone: str
    domain: str
    tax_id: str
    iban: str


class Customer(msgspec.Struct, frozen=True):
    """Who bought it."""

    name: str
    street: str
    city: str
    number: str


class Voice:
    """Words and style of one document: a term is drawn once, and the same wherever it comes again."""

    def __init__(self, country: str, split: Split, draw: Random) -> None:
        self.style: Style = draw_style(COUNTRIES[country], draw)
        self.split = split
        self.draw = draw
        self.words: dict[str, Any] = words_of(self.style.country.language)
        self._said: dict[str, str] = {}

    def say(self, term: str) -> str:
        """The word for ``term``. Every third word of a list is only in what is held back, and common there."""
        if term not in self._said:
            self._said[term] = self.pick(self.words["terms"][term], 3)
        return self._said[term]

    def pick(self, among: list[str], every: int) -> str:
        """One of a list whose every ``every``-th is held back."""
        kept = [word for index, word in enumerate(among) if index % every == every - 1]
        rest = [word for index, word in enumerate(among) if index % every != every - 1]
        if self.split == "dev" or not kept:
            return self.draw.choice(rest)
        return self.draw.choice(kept if self.draw.random() < 0.5 or every == 2 else rest)


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """The truth. Amounts are positive, also those of a credit note; ``total`` has tax, tip and shipping in it.

    ``taxes`` is empty where the document states none; ``inclusive`` says that the lines have the tax in them.
    """

    kind: Kind
    trade: str
    vendor: Vendor
    customer: Customer
    date: dt.date
    time: str
    due: dt.date
    number: str | None
    order: str | None
    inclusive: bool
    lines: tuple[Line, ...]
    discount: Decimal
    shipping: Decimal
    tip: Decimal
    rounding: Decimal
    subtotal: Decimal
    taxes: tuple[Tax, ...]
    total: Decimal
    tendered: Decimal | None

    def label(self, voice: Voice, layout: str, arrival: Arrival) -> Label:
        """What a reader of the document should find."""
        sign = -1 if self.kind == "credit_note" else 1
        return Label(
            kind=self.kind,
            layout=layout,
            language=voice.style.country.language,
            arrival=arrival,
            vendor=self.vendor.name,
            vendor_also=(self.vendor.legal,) if self.vendor.legal != self.vendor.name else (),
            date=self.date.isoformat(),
            total=f"{sign * self.total:.2f}",
            tax=f"{sign * sum(tax.amount for tax in self.taxes):.2f}" if self.taxes else None,
            currency=voice.style.country.currency,
            invoice_number=self.number,
            invoice_number_also=(self.order,) if self.order and not self.number else (),
            items=tuple(
                LineItem(
                    description=line.description,
                    quantity=format(line.quantity.normalize(), "f"),
                    unit_price=f"{line.unit:.2f}",
                    amount=f"{line.amount:.2f}",
                )
                for line in self.lines
            ),
        )


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a layout asks of its purchase. Shares are of documents, 0 to 1."""

    kind: Kind = "receipt"
    trades: tuple[str, ...] = ("shop",)
    lines: tuple[int, int] = (1, 5)
    most: int = 3
    """The largest quantity of a line."""
    numbered: float = 1.0
    ordered: float = 0.0
    taxed: float = 1.0
    discounted: float = 0.1
    shipped: float = 0.0
    tipped: float = 0.0
    cash: float = 0.0
    weighed: float = 0.0
    """Lines that are sold by weight, of groceries."""
    reduced: float = 0.0
    """Lines with a line of a discount below them."""


def draw_purchase(voice: Voice, wishes: Wishes) -> Purchase:
    """A purchase of the voice's country."""
    draw, country = voice.draw, voice.style.country
    trade = draw.choice(wishes.trades)
    date = _ENDED - dt.timedelta(days=draw.randrange(540))
    lines = _lines(voice, wishes, trade)
    inclusive = draw.random() < country.inclusive and wishes.trades != ("services",)
    taxed = draw.random() < wishes.taxed or not inclusive
    gross = sum((line.amount for line in lines), Decimal())
    one_rate = len({line.rate for line in lines}) == 1
    discount = (
        cents(gross * draw.choice((5, 10, 15)) / 100) if one_rate and draw.random() < wishes.discounted else Decimal()
    )
    shipping = (
        draw.choice((Decimal("3.95"), Decimal("4.90"), Decimal("6.50")))
        if draw.random() < wishes.shipped
        else Decimal()
    )
    taxes = _taxes(lines, discount, shipping, inclusive)
    before_tip = gross - discount + shipping + (0 if inclusive else sum(tax.amount for tax in taxes))
    tip = cents(before_tip * draw.choice((10, 15, 18, 20)) / 100) if draw.random() < wishes.tipped else Decimal()
    cash = draw.random() < wishes.cash
    rounding = _to_five_cents(before_tip + tip) if cash and country.rounded else Decimal()
    total = before_tip + tip + rounding
    return Purchase(
        kind=wishes.kind,
        trade=trade,
        vendor=draw_vendor(voice, trade),
        customer=draw_customer(voice),
        date=date,
        time=f"{draw.randrange(8, 22):02}:{draw.randrange(60):02}",
        due=date + dt.timedelta(days=draw.choice((10, 14, 30))),
        number=draw_number(draw, date) if draw.random() < wishes.numbered else None,
        order=draw_number(draw, date) if draw.random() < wishes.ordered else None,
        inclusive=inclusive,
        lines=lines,
        discount=discount,
        shipping=shipping,
        tip=tip,
        rounding=rounding,
        subtotal=gross,
        taxes=taxes if taxed else (),
        total=total,
        tendered=_tendered(total, draw) if cash else None,
    )


def _lines(voice: Voice, wishes: Wishes, trade: str) -> tuple[Line, ...]:
    draw, country = voice.draw, voice.style.country
    rates = country.rates
    pool = voice.words["items"][trade]
    chosen = draw.sample(pool, min(len(pool), draw.randint(*wishes.lines)))
    first = draw.choice(rates)
    # Prices without tax in them are of a place with one sales tax.
    two_rates = country.inclusive > 0 and len(set(rates)) > 1 and draw.random() < 0.4
    lines = []
    for description, low, high in chosen:
        unit = Decimal(draw.randint(round(low * 100), round(high * 100))) / 100
        if high > 100 and draw.random() < 0.6:
            unit = unit.quantize(Decimal(1))
        elif draw.random() < 0.4 and unit > 1:
            unit = unit.quantize(Decimal(1)) - draw.choice((Decimal("0.01"), Decimal("0.05"), Decimal("0.10")))
        quantity = Decimal(1 if draw.random() < 0.6 else draw.randint(1, wishes.most))
        rate = Decimal(draw.choice(rates) if two_rates else first)
        if trade == "grocery" and low < high and draw.random() < wishes.weighed:
            quantity = Decimal(draw.randrange(102, 1900)) / 1000
        lines.append(Line(description, quantity, cents(unit), cents(unit * quantity), rate))
        if draw.random() < wishes.reduced:
            less = -cents(lines[-1].amount * draw.choice((10, 20, 25)) / 100)
            lines.append(Line(voice.say("discount"), Decimal(1), less, less, rate))
    return tuple(lines)


def _taxes(lines: tuple[Line, ...], discount: Decimal, shipping: Decimal, inclusive: bool) -> tuple[Tax, ...]:
    found = []
    first = lines[0].rate
    for rate in sorted({line.rate for line in lines}, reverse=True):
        amount = sum((line.amount for line in lines if line.rate == rate), Decimal())
        if rate == first:
            amount += shipping - discount
        tax = cents(amount * rate / (100 + rate)) if inclusive else cents(amount * rate / 100)
        found.append(Tax(rate, amount - tax if inclusive else amount, tax))
    return tuple(found)


def _to_five_cents(total: Decimal) -> Decimal:
    return (total / Decimal("0.05")).quantize(Decimal(1), rounding="ROUND_HALF_UP") * Decimal("0.05") - total


def _tendered(total: Decimal, draw: Random) -> Decimal:
    step = draw.choice((Decimal(5), Decimal(10), Decimal(20), Decimal(50)))
    return ((total // step) + 1) * step


def draw_number(draw: Random, date: dt.date) -> str:
    """A number as an accounting program would give it."""
    return draw.choice(_NUMBERS).format(
        year=date.year,
        yy=date.year % 100,
        month=date.month,
        n=draw.randrange(101, 998_000),
        s=draw.randrange(1, 999),
        letters="".join(draw.choice("ABCDEFGHJKLMNPRTVWX") for _ in range(draw.randint(2, 3))),
    )


def draw_vendor(voice: Voice, trade: str) -> Vendor:
    """Names are of one split only."""
    draw, country = voice.draw, voice.style.country
    name = voice.pick(voice.words["vendors"][trade], 2)
    bare = plain(name).split()
    # A name that has its legal form already keeps it; a shop often prints none.
    legal = name if bare[-1] in _FORMS or draw.random() < 0.3 else name + draw.choice(_LEGAL[country.code])
    digits = "".join(str(draw.randrange(10)) for _ in range(9))
    return Vendor(
        name=name,
        legal=legal,
        street=street(voice),
        city=draw.choice(voice.words["cities"][country.code]),
        phone=f"{country.prefix}{draw.randrange(10, 99)}",
        domain="".join(word for word in bare if word not in _FORMS)[:24] + ".example",
        tax_id=f"{country.code[:2]}{digits}",
        iban=draw_iban(country.bank, draw) if country.bank else "",
    )


def draw_customer(voice: Voice) -> Customer:
    """A person of the country."""
    draw, country = voice.draw, voice.style.country
    return Customer(
        draw.choice(voice.words["people"]),
        street(voice),
        draw.choice(voice.words["cities"][country.code]),
        str(draw.randrange(10_000, 9_999_999)),
    )


def street(voice: Voice) -> str:
    """With its number where the language has it."""
    name, number = voice.draw.choice(voice.words["streets"]), voice.draw.randrange(1, 180)
    return f"{number} {name}" if voice.style.country.language in {"en", "fr"} else f"{name} {number}"


def draw_iban(bank: str, draw: Random) -> str:
    """In groups of four, with check digits as ISO 7064 has them (ISO 13616)."""
    account = "".join(str(draw.randrange(10)) for _ in range(18))
    check = 98 - int(account + "".join(str(ord(letter) - 55) for letter in bank) + "00") % 97
    text = f"{bank}{check:02}{account}"
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def plain(text: str) -> str:
    """Small letters and digits without accents, words apart by one space."""
    text = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss").replace(".", ""))
    return " ".join(
        "".join(char if char.isalnum() else " " for char in text if not unicodedata.combining(char)).split()
    )
