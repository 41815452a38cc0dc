"""What a receipt says: vendor, date, total, tax, currency, number and items, each with a confidence and its place. Pure.

Each field has candidates; what speaks for one is scored: the words before it, where it stands, and sums that come out.
"""

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import Any

from finance.amounts import Amount, amounts_in, repaired
from finance.dates import dates_in, settled
from finance.words import FIND, LABELS, WORDS, fold, language_of, pattern

_CENT = Decimal("0.02")
_HINTS = {code: pattern(words) for code, words in WORDS["currency_hint"].items()}
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,3})?) ?%")
_NUMBER = re.compile(r"[\s:#.°º-]*((?=[^\s]*\d)[A-Za-z0-9][\w./-]*[A-Za-z0-9]|\d)(?![\w./-]|,\d)")
_QUANTITY = re.compile(r"^\W*(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:[xX×*]|st(?:k|ck)?\.?(?=\s)|pcs?\.?(?=\s)|(?=\s))\s*(?=\D)")
_ENTITY = re.compile(r"&(?!\s)")
Label = tuple[str, float]


@dataclass
class Line:
    """A line of a document; ``kind`` and ``score``: what its first words say of its last amount."""

    text: str
    page: int
    number: int
    box: list[float] | None = None
    folded: str = ""
    amounts: list[Amount] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass
class Document:
    """The lines of a body or an attachment, and what the mail around it says."""

    part: str
    lines: list[Line]
    sender: str = ""
    domain: str = ""
    sent: dt.date | None = None
    text: str = ""


Field = dict[str, Any]


def document(part: str, pages: list[list[tuple[str, list[float] | None]]], *, scanned: bool = False, **mail: Any) -> Document:
    """A document of pages of lines. ``scanned``: it was read from a picture, with letters misread."""
    lines = []
    for page, texts in enumerate(pages, 1):
        for number, (text, box) in enumerate(texts, 1):
            if text.strip():
                lines.append(Line(repaired(text) if scanned else text, page, number, box))
    found = Document(part, lines, text="\n".join(line.text for line in lines), **mail)
    spaces = bool(re.search(r"(?<![\d.,])\d{1,3} \d{3},\d\d(?!\d)", found.text))
    for index, line in enumerate(lines):
        line.folded = fold(line.text)
        line.amounts = amounts_in(line.text, spaces=spaces)
        start = 0
        for amount in line.amounts:
            said = _label(line.text[start : amount.start], lines, index, first=not line.labels)
            line.labels.append(said if said[0] or not line.labels else line.labels[-1])
            start = amount.end
    return found


def _label(left: str, lines: list[Line], index: int, *, first: bool) -> Label:
    """What the words before an amount say of it; where there are none, those of the line above, if it has no amount."""
    words = fold(left)
    if not re.search(r"[a-z]{2}", re.sub(rf"\b(?:{'|'.join(['eur', 'usd', 'gbp', 'chf', 'aud', 'fr'])})\b", "", words)):
        above = lines[index - 1] if index and first else None
        if above is None or above.amounts or len(above.text) > 40:
            return "", 0
        return _meaning(fold(above.text), 0.8)
    return _meaning(words, 1)


def _meaning(words: str, weight: float) -> Label:
    words = re.sub(r"(?<=[a-z])[01](?=[a-z])|(?<=[a-z]{3})1\b", lambda digit: "ol"[int(digit[0])], words).strip(" .:-*|=_")
    for kind, score, found in LABELS:
        if found.search(words):
            return kind, score * weight * (1 if len(words) < 60 else 0.5)
    return "", 0


def extracted(doc: Document, *, credit: bool = False) -> dict[str, Any]:
    """The fields of a document. ``credit``: it is a credit note, its total is negative."""
    items = items_of(doc)
    total, amount = total_of(doc, items)
    if credit and total["value"]:
        total["value"] = str(-abs(Decimal(total["value"])))
    tax = tax_of(doc, amount)
    if credit and tax["value"]:
        tax["value"] = str(-Decimal(tax["value"]))
    return {
        "vendor": vendor_of(doc),
        "date": date_of(doc),
        "total": total,
        "tax": tax,
        "currency": currency_of(doc, amount),
        "invoice_number": number_of(doc),
        "items": items,
    }


def _field(doc: Document, value: Any, confidence: float, line: Line | None = None) -> Field:
    source = {"part": doc.part} | (
        {"page": line.page, "line": line.number, "text": line.text.strip()[:200]} | ({"box": line.box} if line.box else {}) if line else {}
    )
    return {"value": value, "confidence": round(min(max(confidence, 0.01), 0.99), 2), "source": source}


def _each(doc: Document) -> Iterator[tuple[Line, Amount, Label]]:
    for line in doc.lines:
        for amount, label in zip(line.amounts, line.labels, strict=True):
            yield line, amount, label


# --- amounts -----------------------------------------------------------------------------------------------------------


def total_of(doc: Document, items: list[Field]) -> tuple[Field, Amount | None]:
    """The total, and the amount as it stands there."""
    money = [one for one in _each(doc) if one[1].cents or one[1].currency or one[2][1] > 3]
    of_kind = {kind: {abs(amount.value) for _, amount, label in money if label[0] == kind} for kind in ("subtotal", "tax", "adjust")}
    summed = {net + tax for net in of_kind["subtotal"] for tax in of_kind["tax"] if tax < net}
    summed |= {one + two for one, two in combinations(sorted(of_kind["tax"]), 2)} and {
        net + one + two for net in of_kind["subtotal"] for one, two in combinations(sorted(of_kind["tax"]), 2)
    }
    of_items = sum((Decimal(item["amount"]) for item in items), Decimal())
    counted = Counter(abs(amount.value) for _, amount, label in money if label[0] not in {"ignore", "tax_number"})
    largest = max((value for value in counted), default=Decimal())
    best: dict[Decimal, tuple[float, Line, Amount]] = {}
    support: Counter[Decimal] = Counter()
    for place, (line, amount, (kind, score)) in enumerate(money):
        value = abs(amount.value)
        if kind in {"ignore", "tax_number", "tax", "adjust", "cash", "subtotal"} and not (kind == "subtotal" and counted[value] > 1):
            continue
        score += 0.6 * place / len(money) + 0.4 * bool(amount.currency) + 0.4 * amount.cents + 1.2 * (value == largest)
        score += 1.4 * (value in summed) + 1.0 * (value == of_items) - 5 * (not value) - 0.5 * (amount is not line.amounts[-1])
        support[value] += kind in {"grand", "due", "total", "paid"}
        if value not in best or score > best[value][0]:
            best[value] = score, line, amount
    ranked = sorted(((score + 0.5 * min(support[value], 3), value) for value, (score, *_) in best.items()), reverse=True)
    if not ranked:
        return _field(doc, None, 0.3), None
    (score, value), margin = ranked[0], ranked[0][0] - ranked[1][0] if len(ranked) > 1 else 3
    _, line, amount = best[value]
    return _field(doc, str(amount.value), 1 / (1 + math.exp(2.2 - 0.5 * score - 0.5 * min(margin, 3))), line), amount


def tax_of(doc: Document, total: Amount | None) -> Field:
    """All of the tax: what a line calls so, else the sum of its rates; checked against rates, the net and the total."""
    gross = abs(total.value) if total else Decimal()
    subtotals = {abs(amount.value) for _, amount, label in _each(doc) if label[0] == "subtotal" and amount.cents}
    found: dict[tuple[str, Decimal], tuple[float, Line]] = {}
    after = 9
    for line in doc.lines:
        rates = [Decimal(rate.replace(",", ".")) for rate in _PERCENT.findall(line.text)]
        named = any(label[0] == "tax" for label in line.labels)
        after = 0 if any(kind == "tax" and words.search(line.folded) for kind, _, words in LABELS) else after + 1
        values = [abs(amount.value) for amount in line.amounts if amount.cents and (not gross or abs(amount.value) <= gross)]
        for value in sorted(values):
            rate = next((rate for rate in rates for base in {*values, *subtotals, gross} if base > value and _is_tax(value, base, rate)), None)
            if rate is not None and (named or (after < 5 and len(values) > 1)):
                found.setdefault((str(rate), value), (0.9, line))
                break
        else:
            taxes = [abs(amount.value) for amount, label in zip(line.amounts, line.labels, strict=True) if label[0] == "tax" and amount.cents]
            if taxes and (not gross or min(taxes) < gross / 2):
                found.setdefault(("", min(taxes)), (0.7 if line.amounts else 0.5, line))
    if not found:
        return _field(doc, None, 0.6)
    rated = [one for one in found if one[0]] or list(found)
    whole = sum((value for _, value in {(rate, value) for rate, value in rated}), Decimal())
    choices = {whole, *(value for _, value in found)}
    proved = {value for value in choices if value and any(abs(net + value - gross) < _CENT for net in subtotals)}
    sums = {value for _, value in found if len(rated) > 1 and value == whole}
    missing = [gross - net for net in subtotals if Decimal("0.02") < (gross - net) / (gross or 1) < Decimal("0.3")]
    if not proved and len(rated) > 1 and missing and not any(label[0] == "adjust" for *_, label in _each(doc)):
        return _field(doc, str(missing[0]), 0.6, found[rated[0]][1])
    value = whole if whole in proved else max(proved) if proved else max(sums) if sums else whole
    confidence, line = next((found[key] for key in found if key[1] == value), found[rated[0]])
    return _field(doc, str(value), 0.95 if value in proved else confidence if len(rated) == 1 else 0.7, line)


def _is_tax(value: Decimal, base: Decimal, rate: Decimal) -> bool:
    return bool(rate) and min(abs(base * rate / 100 - value), abs(base * rate / (100 + rate) - value)) < _CENT


def currency_of(doc: Document, total: Amount | None) -> Field:
    """The currency: of the total, else of most amounts; a sign that several have is told by other words."""
    counts = Counter(amount.currency for _, amount, _ in _each(doc) if amount.currency)
    words = fold(f"{doc.text}\n{doc.domain}")
    for code in re.findall(r"\b(EUR|USD|GBP|CHF|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK)\b", doc.text):
        counts[code] += 1
    hints = Counter({code: len(set(found.findall(words))) for code, found in _HINTS.items()})
    code = total.currency if total and total.currency else max(counts, key=lambda one: counts[one]) if counts else ""
    if code == "USD" and "USD" not in doc.text and not re.search(r"us ?\$", words):
        dollars = [one for one in ("AUD", "CAD", "NZD") if one in doc.text or hints[one]]
        code = max(dollars, key=lambda one: (one in doc.text, hints[one])) if dollars else code
    if code == "SEK" and (hints["NOK"] or hints["DKK"]):
        code = "NOK" if hints["NOK"] else "DKK"
    if not code:
        likely = [one for one, count in hints.most_common(1) if count]
        return _field(doc, likely[0] if likely else None, 0.5)
    line = next((line for line, amount, _ in _each(doc) if amount is total), None)
    return _field(doc, code, 0.95 if counts[code] * 2 > counts.total() else 0.7, line)


def items_of(doc: Document) -> list[Field]:
    """The lines of what was bought: words, then an amount, above the sums."""
    items: list[Field] = []
    for index, line in enumerate(doc.lines):
        if items and any(kind in {"grand", "total", "subtotal", "due"} for kind, _ in line.labels):
            break
        if not line.amounts or not line.amounts[-1].cents or any(kind for kind, _ in line.labels):
            continue
        first = next((amount for amount in line.amounts if amount.cents or amount.currency), line.amounts[-1])
        words, amounts = line.text[: first.start].strip(), [one.value for one in line.amounts]
        if not re.search(r"[^\W\d_]{2}", words) and index and not doc.lines[index - 1].amounts:
            words = f"{doc.lines[index - 1].text.strip()} {words}"
        quantity = _QUANTITY.match(words)
        count = Decimal(quantity[1].replace(",", ".")) if quantity else Decimal(1)
        pairs = [(n, price) for n in (*amounts[:-1], count) for price in amounts[:-1] if n and abs(n * price - amounts[-1]) < _CENT and n == n.to_integral()]
        count, price = pairs[0] if pairs else (count, amounts[-1] / (count or 1))
        described = re.sub(r"[\s.:|_-]*(?:\b\d{1,4}(?:[.,]\d+)?\s*(?:[xX×*@]|st\.?|pcs?)?\s*)?(?:[€£$]|(?<!\w)(?:EUR|USD|GBP|CHF|[àa@x]|je))?\s*$", "", words[quantity.end() :] if quantity else words)
        if re.search(r"[^\W\d_]{2}", described) and not dates_in(line.text) and len(described) < 90 and not re.search(r"iban|tel\b|\bref\b", line.folded):
            source = _field(doc, None, 0.5, line)["source"]
            cents = Decimal("0.01")
            items.append(
                {"description": re.sub(r"\s+", " ", described), "quantity": str(count.normalize() if count % 1 else int(count)), "unit_price": str(price.quantize(cents)), "amount": str(amounts[-1].quantize(cents)), "confidence": 0.85 if pairs else 0.6, "source": source}
            )
    return items


# --- words -------------------------------------------------------------------------------------------------------------


def date_of(doc: Document) -> Field:
    """The date of the document, by the words before it, where it stands, and the mail's date."""
    found = [(index, line, one) for index, line in enumerate(doc.lines) for one in dates_in(line.text)]
    american = bool(_HINTS["USD"].search(fold(doc.text)))
    sure = {one.value.day > 12 and one.other is None for _, line, one in found if "/" in line.text[one.start : one.end]}
    habit = True if american and not _HINTS["EUR"].search(fold(doc.text)) else None
    habit = next((bool(re.match(r"\d{1,2}/(?:1[3-9]|[23]\d)/", line.text[one.start : one.end])) for _, line, one in found if "/" in line.text[one.start : one.end] and one.other is None and one.value.day > 12), habit) if sure else habit
    best: tuple[float, Field] = (-9.0, _field(doc, None, 0.3))
    for place, (index, line, one) in enumerate(found):
        value, certain = settled(one, month_first=habit, near=doc.sent)
        left = re.split(r"\s{2,}|[|;]", line.folded[: one.start].rstrip())[-1][-40:]
        above = doc.lines[index - 1].folded if index and not re.search(r"[a-z]{3}", line.folded[: one.start]) else ""
        score = 1.0 - 0.1 * min(place, 5) - 0.4 * index / len(doc.lines)
        for words, weight in ((left, 1.0), (above, 0.6)):
            score += weight * (2.0 * bool(FIND["date_good"].search(words)) - 2.5 * bool(FIND["date_bad"].search(words)))
        if doc.sent is not None:
            days = (doc.sent - value).days
            score += 1.2 if -1 <= days <= 3 else 0.6 if -2 <= days <= 40 else -1.5 if days < -3 else -0.4 if days < 400 else -1.5
        score += 0.3 * bool(re.search(r"\d:\d\d|\d uhr", line.folded[one.end :]))
        if score > best[0]:
            best = score, _field(doc, value.isoformat(), (0.45 + 0.13 * score) * (1 if certain else 0.7), line)
    if best[1]["value"] is None and doc.sent is not None and doc.part == "body":
        return _field(doc, doc.sent.isoformat(), 0.4) | {"source": {"part": "header:date"}}
    return best[1]


def number_of(doc: Document) -> Field:
    """The number of the invoice or receipt: what stands behind such a label, or below it in a table's head."""
    best: tuple[float, Field] = (0.0, _field(doc, None, 0.5))
    for index, line in enumerate(doc.lines):
        for match in FIND["number"].finditer(line.folded):
            left = line.folded[: match.start()].rstrip()[-14:]
            score = 1.0 + 0.2 * ("receipt" not in match[0]) - 0.3 * index / len(doc.lines) - 0.5 * bool(FIND["not_number"].search(left)) - 0.4 * match[0].startswith(("trans", "chk", "check", "folio", "terminal"))
            value = _NUMBER.match(line.text if len(line.text) == len(line.folded) else line.folded, match.end())
            if value is None and index + 1 < len(doc.lines) and not re.search(r"\w", line.folded[match.end() :].split("  ")[0]):
                cells, below = re.split(r"\s{2,}", line.folded.strip()), re.split(r"\s{2,}", doc.lines[index + 1].text.strip())
                column = next((n for n, cell in enumerate(cells) if match[0] in cell), 0)
                text = below[column] if len(cells) == len(below) else below[0]
                value, score = _NUMBER.match(text), score - 0.1
            if value and len(value[1]) > 1 and score > best[0] and not any(one.start <= value.start(1) - (value.start(1) if value.string != line.text else 0) < one.end for one in dates_in(value.string)):
                best = score, _field(doc, value[1], 0.35 + 0.55 * score, line)
    return best[1]


def vendor_of(doc: Document) -> Field:
    """Who sold it: the head of the document, a company's form, the sender, and where they agree."""
    names: list[tuple[float, str, Line | None]] = []
    legal = pattern(WORDS["find"]["legal"])
    own = "" if fold(doc.domain).split(".")[0] in WORDS["find"]["free_mail"] else fold(doc.domain)
    sender = re.sub(r"\s+", " ", re.sub(rf"(?i)(?<![^\W\d_])(?:{'|'.join(WORDS['find']['sender_noise'])})(?![^\W\d_])", " ", re.sub(r"[\"'|<>()]", " ", doc.sender))).strip(" -,.:@")
    company = re.sub(r"^(?:mail|email|e|news|info|billing|shop|www|notify|invoices?|receipts?)\.", "", own).rsplit(".", 1)[0].removesuffix(".co").removesuffix(".com")
    if sender and "@" not in sender:
        names.append(((2.6 if own else 1.0) + 0.6 * bool(legal.search(fold(sender))) - (0.8 if doc.part != "body" else 0), sender, None))
    taken, to_party = 0, 0
    for index, line in enumerate(doc.lines):
        first = re.split(r"\s{2,}|\t| [|·•] ", line.text.strip())[0].strip(" -*=_,:#|")
        words = fold(first)
        to_party = 4 if FIND["to_party"].match(words) else to_party - 1
        if not re.search(r"[^\W\d_]{3}", first) or len(first) > 60 or to_party > 0 or any(one.cents for one in line.amounts) or dates_in(first) or FIND["pay"].match(words):
            continue
        formed = legal.search(words) and len(words.split()) < 8
        if re.fullmatch(FIND["heading"].pattern, words) and not formed:
            continue
        first = re.sub(r"(?i)^(?:your )?(?:receipt|invoice|bill|order|rechnung|facture|rechnung von)? ?(?:from|von|de|da) | (?:store|filiale|shop)? ?#\s?\d+.*$", "", first)
        if not (formed and legal.match(fold(first.partition(",")[2]).strip())):
            first = re.split(r",| [-–·•|] ", first)[0]
        street = bool(re.search(r"\d", first)) and not formed
        head = 2.4 - 0.7 * taken - 0.05 * index if taken < 4 and index < 12 else 0.0
        taken += 1
        agrees = bool(len(company) > 2 and company.replace("-", "") in re.sub(r"\W", "", words)) or bool(sender and fold(sender) in words)
        score = head + (1.3 if head else 2.0) * bool(formed) - 1.5 * street + 2.0 * agrees - 0.8 * (len(words.split()) > 6) - 1.0 * bool(re.search(r"[!?@]|:$", first))
        names.append((score - (0.6 if doc.part == "body" and own else 0), first, line))
    if company and len(company) > 2:
        names.append((0.6, company.replace("-", " ").replace(".", " ").title(), None))
    if not names:
        return _field(doc, None, 0.2)
    score, name, at = max(names, key=lambda one: one[0])
    made = _field(doc, _ENTITY.sub("&", name).strip(), 0.25 + 0.16 * score, at)
    return made if at else made | {"source": {"part": "sender", "text": doc.sender}}
