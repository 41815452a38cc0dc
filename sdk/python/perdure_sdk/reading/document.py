"""A document: its lines, where it came from, and what each of its kind has: an issuer, a date, a number, a currency.

What speaks for a candidate is scored: the words before it and where it stands. A field is JSON: its ``value``, a
``confidence`` from 0 to 1, and its ``source``, the part of the mail and the line.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from perdure_sdk.reading.amounts import Amount
from perdure_sdk.reading.dates import dates_in, settled
from perdure_sdk.reading.lines import Labels, Line, labelled
from perdure_sdk.reading.words import WORDS, fold, pattern

BEFORE: Final = {name: pattern(words) for name, words in WORDS["before"].items()}
_HINTS: Final = {code: pattern(words) for code, words in WORDS["currency_hint"].items()}
_CODES: Final = re.compile(r"\b(EUR|USD|GBP|CHF|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|MYR|SGD|IDR|INR|JPY)\b")
_SHARED: Final = {"USD": ("AUD", "CAD", "NZD", "SGD"), "SEK": ("NOK", "DKK")}  # others with the same sign
_NUMBER: Final = re.compile(r"[\s:#.°º-]*((?=\S*\d)[A-Za-z0-9][\w./-]*[A-Za-z0-9])(?![\w./-]|,\d)")
_NOISE: Final = re.compile(rf"(?i)(?<![^\W\d_])(?:{'|'.join(WORDS['before']['sender_noise'])})(?![^\W\d_])|[\"'|<>()]")
_MONTH_FIRST: Final = re.compile(r"\d+/(?:1[3-9]|[23]\d)/")
_WORD: Final = re.compile(r"[a-z]{3}")
_READABLE: Final = re.compile(r"[a-z]{4}|\b[a-z]{2,3}\b.*\b[a-z]{3}\b|^[a-z]{3}$")
_TIME_OF_DAY: Final = re.compile(r"\d:\d\d")
_DAY_FIRST: Final = re.compile(r"(?:1[3-9]|[23]\d)/")

Field = dict[str, Any]


class Document:
    """A body or an attachment.

    Args:
        part: which part of a mail it is: ``body``, ``attachment:2``.
        lines: of `perdure_sdk.reading.lines`.
        labels: what words before amounts mean.
        sender: the name in the mail's From header.
        domain: of its address.
        sent: the day on which it was sent.
    """

    def __init__(
        self,
        part: str,
        lines: Iterable[Line],
        labels: Labels,
        *,
        sender: str = "",
        domain: str = "",
        sent: dt.date | None = None,
    ) -> None:
        self.part, self.sender, self.domain, self.sent = part, sender, domain, sent
        self.lines = labelled(lines, labels)
        self.text = "\n".join(line.text for line in self.lines)
        self.folded = fold(self.text)
        # Each amount with its line, its kind and its score.
        self.money = [(line, *one) for line in self.lines for one in line.amounts]

    def of_kind(self, *kinds: str) -> set[Decimal]:
        """The amounts of some kinds, without signs; those only that have decimals."""
        return {abs(amount.value) for _, amount, kind, _ in self.money if kind in kinds and amount.cents}

    def field(self, value: Any, confidence: float, line: Line | None = None, **source: Any) -> Field:
        """A field as it is kept."""
        source = {"part": self.part, **(line.place if line else {}), **source}
        return {"value": value, "confidence": round(min(max(confidence, 0.01), 0.99), 2), "source": source}

    def date(self) -> Field:
        """The date of the document, by the words before it, where it stands, and the mail's date."""
        found = [(index, line, one) for index, line in enumerate(self.lines) for one in dates_in(line.text)]
        month_first = self._month_first([line.text[one.start : one.end] for _, line, one in found])
        best: tuple[float, Field] = (-9.0, self.field(None, 0.3))
        for place, (index, line, one) in enumerate(found):
            value, certain = settled(one, month_first=month_first, near=self.sent)
            left = re.split(r"\s{2,}|[|;]", line.folded[: one.start].rstrip())[-1][-40:]
            alone = index and not _WORD.search(line.folded[: one.start])
            score = 1.0 - 0.1 * min(place, 5) - 0.4 * index / len(self.lines)
            score += 0.3 * bool(_TIME_OF_DAY.search(line.folded[one.end :]))
            for words, weight in ((left, 1.0), (self.lines[index - 1].folded if alone else "", 0.6)):
                score += weight * 2.0 * bool(BEFORE["date_good"].search(words))
                score -= weight * 2.5 * bool(BEFORE["date_bad"].search(words))
            if self.sent:
                days = (self.sent - value).days
                score += 1.2 if -1 <= days <= 3 else 0.6 if -2 <= days <= 40 else -0.4 if 0 < days < 400 else -1.5
            if score > best[0]:
                confidence = (0.45 + 0.13 * score) * (1 if certain else 0.7)
                best = score, self.field(value.isoformat(), confidence, line)
        if not best[1]["value"] and self.sent and self.part == "body":
            return self.field(self.sent.isoformat(), 0.4, part="header:date")
        return best[1]

    def _month_first(self, written: list[str]) -> bool | None:
        """Whether this document's dates have the month first, by those that can be read in one way only."""
        habits = {
            bool(_MONTH_FIRST.match(text)) for text in written if _MONTH_FIRST.match(text) or _DAY_FIRST.match(text)
        }
        if len(habits) == 1:
            return habits.pop()
        return True if _HINTS["USD"].search(self.folded) and not _HINTS["EUR"].search(self.folded) else None

    def number(self) -> Field:
        """The number of the invoice or receipt: what stands behind such a label, or below it in a table's head."""
        best: tuple[float, Field] = (0.0, self.field(None, 0.5))
        for index, (line, below) in enumerate(zip(self.lines, [*self.lines[1:], Line("")], strict=False)):
            for match in BEFORE["number"].finditer(line.folded):
                score = 1.0 + 0.2 * ("receipt" not in match[0]) - 0.3 * index / len(self.lines)
                score -= 0.5 * bool(BEFORE["not_number"].search(line.folded[: match.start()].rstrip()[-14:]))
                score -= 0.4 * match[0].startswith(("trans", "chk", "check", "folio"))
                text = (line.text if len(line.text) == len(line.folded) else line.folded)[match.end() :]
                if not re.search(r"\w", text.split("  ")[0]) and not _NUMBER.match(text):
                    cells, under = re.split(r"\s{2,}", line.folded.strip()), re.split(r"\s{2,}", below.text.strip())
                    column = next((n for n, cell in enumerate(cells) if match[0] in cell), 0)
                    text, score = under[column] if len(cells) == len(under) else under[0], score - 0.1
                value = _NUMBER.match(text)
                if value is None or any(one.start <= value.start(1) < one.end for one in dates_in(text)):
                    continue
                if score > best[0]:
                    best = score, self.field(value[1], 0.35 + 0.55 * score, line)
        return best[1]

    def currency(self, total: Amount | None) -> Field:
        """The currency: of the total, else of most amounts; a sign that several have is told by other words."""
        counts = Counter([amount.currency for _, amount, *_ in self.money if amount.currency])
        counts.update(_CODES.findall(self.text))
        words = f"{self.folded}\n{self.domain}"
        hints = Counter({code: len(set(found.findall(words))) for code, found in _HINTS.items() if found.search(words)})
        code = (total.currency if total else "") or next((one for one, _ in counts.most_common(1)), "")
        if code not in self.text and not re.search(r"us ?\$", words):
            others = [one for one in _SHARED.get(code, ()) if hints[one] or counts[one]]
            code = max(others, key=lambda one: hints[one] + counts[one], default=code)
        line = next((line for line, amount, *_ in self.money if amount is total), None)
        if not code:
            return self.field(next((one for one, _ in hints.most_common(1)), None), 0.5)
        return self.field(code, 0.95 if counts[code] * 2 > counts.total() else 0.7, line)

    def issuer(self) -> Field:
        """Who sold it: the head of the document, a company's form, the sender, and where they agree."""
        own = "" if fold(self.domain).split(".")[0] in WORDS["before"]["free_mail"] else fold(self.domain)
        company = re.sub(r"^(?:e?mail|e|news|info|billing|shop|www|notify|invoices?|receipts?)\.", "", own)
        company = re.sub(r"(?:\.com?)?\.\w+$", "", company)
        sender, said = re.sub(r"\s+", " ", _NOISE.sub(" ", self.sender)).strip(" -,.:@"), self.folded
        body = self.part == "body"
        names: list[tuple[float, str, Line | None]] = []
        if len(company) > 2 and (body or company in re.sub(r"[^a-z0-9]", "", said)):
            names.append((0.6, company.replace("-", " ").title(), None))
        if sender and "@" not in sender:
            legal = bool(BEFORE["legal"].search(fold(sender)))
            names.append(((2.6 if own and body else 1.6 if fold(sender) in said else 0.2) + 0.6 * legal, sender, None))
        taken, to_party, index = 0, 0, 0
        for line in self.lines:
            index += bool(_READABLE.search(line.folded))  # what a photo has around the paper is none
            first = re.split(r"\s{2,}|\t| [|·•] ", line.text.strip())[0].strip(" -*=_,:#|")
            formed = BEFORE["legal"].search(fold(first))
            if not (formed and BEFORE["legal"].match(fold(first.partition(",")[2]).strip())):
                first = re.split(r", | [-–·•|] ", first)[0]
            first = re.sub(
                r"(?i)^(?:your )?(?:receipt|invoice|order)? ?(?:from|von|de|da) | (?:store|filiale)? ?#\s?\d+.*$",
                "",
                first,
            )
            words = fold(first)
            to_party = 4 if BEFORE["to_party"].match(words) else to_party - 1
            money = line.kinds or any(amount.cents for amount, *_ in line.amounts) or BEFORE["pay"].search(words)
            if not _READABLE.search(fold(first)) or len(first) > 60 or to_party > 0 or money or dates_in(first):
                continue
            formed = formed if len(words.split()) < 8 else None
            if BEFORE["heading"].fullmatch(words) and not formed:
                continue
            agrees = (len(company) > 2 and company.replace("-", "") in re.sub(r"\W", "", words)) or (
                sender and fold(sender) in words
            )
            head = 2.4 - 0.7 * taken - 0.05 * index if taken < 4 and index < 12 else 0.0
            score = head + (1.3 if head else 2.0) * bool(formed) + 2.0 * bool(agrees) - 0.6 * (body and bool(own))
            score -= 1.5 * bool(re.search(r"\d", first) and not formed) + 0.8 * (len(words.split()) > 6)
            score, taken = score - bool(re.search(r"[!?@]|:$|\w: ", first)), taken + 1
            names.append((score, first, line))
        if not names:
            return self.field(None, 0.2)
        score, name, at = max(names, key=lambda one: one[0])
        return self.field(
            name.strip(), 0.25 + 0.16 * score, at, **({} if at else {"part": "sender", "text": self.sender})
        )
