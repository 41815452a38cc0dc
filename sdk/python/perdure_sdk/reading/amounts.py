"""Amounts of money, as they are written in many countries: 1,234.56, 1.234,56, 1 234,56, 1'234.56, CHF 12.-, (3.50)."""

import re
from dataclasses import dataclass
from decimal import Decimal

from perdure_sdk.reading.words import WORDS

CURRENCIES: dict[str, str] = WORDS["currency"]
_SIGNS = "|".join(re.escape(sign) for sign in sorted(CURRENCIES, key=len, reverse=True))
_NUMBER = r"""
    (?:(?<=\d[x×*])|(?<![\w.,/#])(?<!\w[-/:]))                   # not in a date, a time, a number with letters
    (?P<sign>[-−–(])?(?:(?P<before>{signs})\s?(?P<inner>[-−]\s?)?)?
    (?P<number>(?!0[.,]\d{{3}}(?!\d))(?:
        \d{{1,3}}(?P<mark>[.,'’\u00a0\u202f\ufffd■{space}])\d{{3}}(?:(?P=mark)\d{{3}})*(?:[.,](?:\d{{2}}|[-–—]{{1,2}}))?
        |\d{{1,2}}(?:,\d{{2}})+,\d{{3}}(?:\.\d{{2}})?             # lakhs and crores
        |\d{{1,9}}[.,](?:\d{{2}}|[-–—]{{1,2}})
        |\d{{1,9}}
    ))(?![.,/:'’-]?\d)(?!\s?%)(?![-/]\w)
    (?:\s?(?P<after>{signs})(?![^\W\d_])|(?![^\W\d_]{{2}}))      # a single letter is a class of tax
    (?P<close>\s?\)|[-−](?!\d))?
"""
_PATTERNS = [re.compile(_NUMBER.format(signs=_SIGNS, space=space), re.VERBOSE | re.IGNORECASE) for space in ("", r"\ ")]
_MISREAD = re.compile(r"(?<![\w.,])(?=[^\s.,]*\d|[^\s]*[.,]\d)[\dOoIlSB|]{1,4}[.,][\dOoIlSB|]{2}(?![\w.,])")
_REPAIRS = str.maketrans("OoIl|SB", "0011158")


@dataclass(frozen=True)
class Amount:
    """An amount in a text, from ``start`` to ``end``; ``cents``: its decimals are written; ``currency``: its sign."""

    value: Decimal
    currency: str
    start: int
    end: int
    cents: bool


def amounts_in(text: str, *, spaces: bool = False) -> list[Amount]:
    """The amounts of a line. ``spaces``: a space may stand between thousands, as in French, not only a hard one."""
    found = []
    for match in _PATTERNS[spaces].finditer(text):
        value, cents = parsed(match["number"])
        closed = (match["close"] or "").strip()
        negative = match["inner"] or (match["sign"] == "(" and closed == ")") or (match["sign"] or "(") != "("
        sign = (match["before"] or match["after"] or "").lower()
        value = -value if negative or closed in {"-", "−"} else value
        found.append(Amount(value, CURRENCIES.get(sign, ""), match.start(), match.end(), cents))
    return found


def parsed(number: str) -> tuple[Decimal, bool]:
    """A number's value, and whether its decimals are written: two digits, or a dash for none, behind its last mark."""
    match = re.fullmatch(r"(\d[\d.,]*?)(?:[.,](\d{2}|[-–—]+))?", re.sub(r"[\s'’\ufffd■]", "", number))
    if match is None:
        raise ValueError(f"{number!r} is no amount")
    whole, cents = re.sub(r"\D", "", match[1]), match[2] or ""
    return Decimal(f"{whole}.{cents if cents.isdigit() else '00'}"), bool(cents)


def repaired(line: str) -> str:
    """A line that was read from a picture: letters that are digits, and gaps in decimals, as far as that is certain."""
    line = _MISREAD.sub(lambda match: match[0].translate(_REPAIRS), line)
    line = re.sub(r"(?<=\d)[oO](?=[\d.,/])|(?<=\d[.,/])[oO](?=\d)", "0", line)
    line = re.sub(r"(?<![\d.,])(\d{1,6})(?: ([.,])|([.,]) )(\d{2})(?![\d%]|[.,]\s?\d)", r"\1\2\3\4", line)
    return (
        re.sub(r"(?<=\d)[;:](?=\d\d(?:\s?(?:€|EUR|£|\$)|\s*$))", ",", line) if re.search(r"[€£$]|EUR", line) else line
    )
