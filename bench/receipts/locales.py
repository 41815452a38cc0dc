"""How amounts, dates and words are written in a country, with the variations that people and programs there use."""

from __future__ import annotations

import datetime as dt
import functools
import tomllib
from decimal import Decimal
from importlib import resources
from random import Random
from typing import Any, Final

import msgspec

_CENT: Final = Decimal("0.01")


class Country(msgspec.Struct, frozen=True, kw_only=True):
    """Where a vendor is. ``rates`` are percents of tax; ``inclusive`` how often prices have the tax in them."""

    code: str
    language: str
    currency: str
    numbers: tuple[tuple[str, str], ...]
    """Pairs of the decimal mark and what parts thousands."""
    signs: tuple[str, ...]
    """How an amount stands with its currency: ``{}`` is the number."""
    dates: tuple[str, ...]
    """Formats of strftime, and %B and %b in the country's language; %-d and %-m are without a zero."""
    rates: tuple[str, ...]
    tax: tuple[str, ...]
    inclusive: float
    prefix: str
    """Of telephone numbers."""
    bank: str
    """The first two letters of its IBANs; empty where there are none."""
    rounded: bool = False
    """Whether what is paid in cash is rounded to five cents."""


_DMY: Final = ("%d/%m/%Y", "%-d %B %Y")
COUNTRIES: Final[dict[str, Country]] = {
    one.code: one
    for one in (
        Country(
            code="US",
            language="en",
            currency="USD",
            numbers=((".", ","), (".", "")),
            signs=("${}", "${}", "$ {}", "{} USD", "US${}"),
            dates=("%m/%d/%Y", "%B %-d, %Y", "%b %-d, %Y", "%Y-%m-%d", "%m/%d/%y", "%d-%b-%Y"),
            rates=("8.875", "6.25", "7.25", "10.25"),
            tax=("Sales Tax", "Tax", "State Tax", "Est. tax"),
            inclusive=0.0,
            prefix="+1 (212) 555-01",
            bank="",
        ),
        Country(
            code="GB",
            language="en",
            currency="GBP",
            numbers=((".", ","), (".", ",")),
            signs=("£{}", "£{}", "£ {}", "GBP {}", "{} GBP"),
            dates=(*_DMY, "%d %b %Y", "%-d %B %Y", "%Y-%m-%d", "%d/%m/%y"),
            rates=("20", "20", "5"),
            tax=("VAT", "VAT", "V.A.T."),
            inclusive=0.5,
            prefix="+44 20 7946 0",
            bank="GB",
        ),
        Country(
            code="IE",
            language="en",
            currency="EUR",
            numbers=((".", ","),),
            signs=("€{}", "€ {}", "EUR {}"),
            dates=(*_DMY, "%d.%m.%Y", "%d %b %Y"),
            rates=("23", "13.5"),
            tax=("VAT",),
            inclusive=0.6,
            prefix="+353 1 555 0",
            bank="IE",
        ),
        Country(
            code="AU",
            language="en",
            currency="AUD",
            numbers=((".", ","),),
            signs=("${}", "A${}", "AUD {}", "{} AUD"),
            dates=(*_DMY, "%d %b %Y", "%-d/%m/%y"),
            rates=("10",),
            tax=("GST",),
            inclusive=0.8,
            prefix="+61 2 5550 0",
            bank="",
        ),
        Country(
            code="MY",
            language="en",
            currency="MYR",
            numbers=((".", ","), (".", "")),
            signs=("RM{}", "RM {}", "MYR {}"),
            dates=("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d %b %Y"),
            rates=("6",),
            tax=("GST", "SST", "Service Tax"),
            inclusive=0.7,
            prefix="+60 3 2055 0",
            bank="",
            rounded=True,
        ),
        Country(
            code="DE",
            language="de",
            currency="EUR",
            numbers=((",", "."), (",", "."), (",", "")),
            signs=("{} €", "{} EUR", "€ {}", "{}€", "EUR {}"),
            dates=("%d.%m.%Y", "%d.%m.%y", "%-d. %B %Y", "%d. %B %Y", "%Y-%m-%d", "%-d.%-m.%Y"),
            rates=("19", "7"),
            tax=("MwSt.", "USt.", "Mehrwertsteuer", "Umsatzsteuer", "MwSt"),
            inclusive=0.6,
            prefix="+49 30 55501-",
            bank="DE",
        ),
        Country(
            code="AT",
            language="de",
            currency="EUR",
            numbers=((",", "."), (",", " ")),
            signs=("€ {}", "EUR {}", "{} €"),
            dates=("%d.%m.%Y", "%-d. %B %Y", "%d.%m.%y"),
            rates=("20", "10"),
            tax=("USt.", "MwSt.", "Umsatzsteuer"),
            inclusive=0.6,
            prefix="+43 1 5550-",
            bank="AT",
        ),
        Country(
            code="CH",
            language="de",
            currency="CHF",
            numbers=((".", "'"), (".", "\u2019"), (".", " ")),
            signs=("CHF {}", "CHF {}", "{} CHF", "Fr. {}"),
            dates=("%d.%m.%Y", "%-d. %B %Y", "%d.%m.%y"),
            rates=("8.1", "2.6"),
            tax=("MWST", "MwSt", "MWSt."),
            inclusive=0.7,
            prefix="+41 44 555 0",
            bank="CH",
            rounded=True,
        ),
        Country(
            code="FR",
            language="fr",
            currency="EUR",
            numbers=((",", " "), (",", "\u00a0"), (",", "\u202f"), (",", "")),
            signs=("{} €", "{} €", "{} EUR", "{}€", "EUR {}"),
            dates=("%d/%m/%Y", "%-d %B %Y", "%d/%m/%y", "%d.%m.%Y", "%Y-%m-%d", "%d %b %Y"),
            rates=("20", "10", "5.5"),
            tax=("TVA", "T.V.A.", "TVA"),
            inclusive=0.6,
            prefix="+33 1 55 50 0",
            bank="FR",
        ),
        Country(
            code="CH-fr",
            language="fr",
            currency="CHF",
            numbers=((".", "'"), (".", " ")),
            signs=("CHF {}", "{} CHF", "Fr. {}"),
            dates=("%d.%m.%Y", "%-d %B %Y", "%d.%m.%y"),
            rates=("8.1", "2.6"),
            tax=("TVA",),
            inclusive=0.7,
            prefix="+41 22 555 0",
            bank="CH",
            rounded=True,
        ),
        Country(
            code="ES",
            language="es",
            currency="EUR",
            numbers=((",", "."), (",", "")),
            signs=("{} €", "{}€", "{} EUR"),
            dates=("%d/%m/%Y", "%-d de %B de %Y", "%d-%m-%Y", "%d/%m/%y"),
            rates=("21", "10"),
            tax=("IVA", "I.V.A.", "IVA"),
            inclusive=0.6,
            prefix="+34 91 555 0",
            bank="ES",
        ),
        Country(
            code="IT",
            language="it",
            currency="EUR",
            numbers=((",", "."), (",", "")),
            signs=("€ {}", "{} €", "EUR {}", "{} EUR"),
            dates=("%d/%m/%Y", "%-d %B %Y", "%d-%m-%Y", "%d/%m/%y"),
            rates=("22", "10"),
            tax=("IVA", "I.V.A."),
            inclusive=0.6,
            prefix="+39 06 5550 0",
            bank="IT",
        ),
        Country(
            code="NL",
            language="nl",
            currency="EUR",
            numbers=((",", "."), (",", "")),
            signs=("€ {}", "€{}", "EUR {}"),
            dates=("%d-%m-%Y", "%-d %B %Y", "%d-%m-%y"),
            rates=("21", "9"),
            tax=("BTW", "btw"),
            inclusive=0.6,
            prefix="+31 20 555 0",
            bank="NL",
        ),
    )
}


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How one document writes: chosen once, held throughout."""

    country: Country
    decimal: str
    thousands: str
    sign: str
    date: str
    tax: str

    def number(self, value: Decimal, places: int = 2) -> str:
        """``1.234,50``."""
        text = f"{value:,.{places}f}"
        return text.replace(",", "\0").replace(".", self.decimal).replace("\0", self.thousands)

    def money(self, value: Decimal) -> str:
        """``1.234,50 €``; the minus stands first."""
        text = self.sign.replace("{}", self.number(abs(value)))
        return f"-{text}" if value < 0 else text

    def percent(self, rate: Decimal) -> str:
        """``19 %``; one place or more if the rate has it."""
        digits = format(rate.normalize(), "f").replace(".", self.decimal)
        return f"{digits}%" if self.country.language == "en" else f"{digits} %"

    def day(self, date: dt.date) -> str:
        """In the document's format."""
        return written_date(date, self.date, self.country.language)


def draw_style(country: Country, draw: Random) -> Style:
    """A way to write for one document."""
    decimal, thousands = draw.choice(country.numbers)
    return Style(
        country=country,
        decimal=decimal,
        thousands=thousands,
        sign=draw.choice(country.signs),
        date=draw.choice(country.dates),
        tax=draw.choice(country.tax),
    )


def written_date(date: dt.date, form: str, language: str) -> str:
    """``form`` as strftime has it, with the months of ``language`` and without the process's locale."""
    words = words_of(language)
    long, short = words["months"][date.month - 1], words["short_months"][date.month - 1]
    parts = {
        "%B": long,
        "%b": short,
        "%-d": str(date.day),
        "%-m": str(date.month),
        "%d": f"{date.day:02}",
        "%m": f"{date.month:02}",
        "%Y": f"{date.year:04}",
        "%y": f"{date.year % 100:02}",
    }
    for mark, text in parts.items():
        form = form.replace(mark, text)
    return form


@functools.cache
def words_of(language: str) -> dict[str, Any]:
    """The words of a language: ``words/LANGUAGE.toml``."""
    return tomllib.loads((resources.files(__package__) / "words" / f"{language}.toml").read_text("utf-8"))


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent as shops do, halves away from zero."""
    return value.quantize(_CENT, rounding="ROUND_HALF_UP")
