"""What a receipt says: vendor, date, total, tax, currency, number and items, each with a confidence and its place.

Each has candidates; what speaks for one is scored: the words before it, where it stands, and sums that come out.
"""

import math
import re
import tomllib
from collections import Counter
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

from perdure_sdk.reading.amounts import Amount
from perdure_sdk.reading.dates import dates_in
from perdure_sdk.reading.document import Document, Field
from perdure_sdk.reading.lines import Labels, Line

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
LABELS = Labels(WORDS["label"])
_QUANTITY = re.compile(r"^\W*(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:[xX×*]|(?:stk?|stck|pcs?)\.?(?=\s)|(?=\s))\s*(?=\D)")
_TAIL = re.compile(
    r"[\s.:|_-]*(?:\b\d{1,4}(?:[.,]\d+)?\s*(?:[xX×*@]|st\.?|pcs?)?\s*)?(?:[€£$]|(?<!\w)(?:[A-Z]{3}|[àa@x]))?\s*$"
)
_CENT = Decimal("0.02")


def extracted(doc: Document, *, credit: bool = False) -> dict[str, Any]:
    """The fields of a document. ``credit``: it is a credit note, its amounts are negative."""
    items = items_of(doc)
    total, amount = total_of(doc, sum((Decimal(item["amount"]) for item in items), Decimal()))
    tax = tax_of(doc, abs(amount.value) if amount else Decimal())
    for one in (total, tax) if credit else ():
        one["value"] = one["value"] and str(-abs(Decimal(one["value"])))
    words = {"vendor": doc.issuer(), "date": doc.date(), "invoice_number": doc.number()}
    return {**words, "total": total, "tax": tax, "currency": doc.currency(amount), "items": items}


def total_of(doc: Document, of_items: Decimal) -> tuple[Field, Amount | None]:
    """The total, and the amount as it stands there."""
    money = [one for one in doc.money if one[1].cents or one[1].currency or one[3] > 3]
    summed = {net + tax for net in doc.of_kind("subtotal") for tax in doc.of_kind("tax") if tax < net} | {of_items}
    counted = Counter(abs(amount.value) for _, amount, kind, _ in money if kind not in {"ignore", "tax_number"})
    best, least = dict[Decimal, tuple[float, Line, Amount]](), max(doc.of_kind("subtotal"), default=Decimal()) / 2
    support = Counter(abs(one[1].value) for one in money if one[2] in {"grand", "due", "total", "paid"})
    for place, (line, amount, kind, said) in enumerate(money):
        value = abs(amount.value)
        if kind in {"ignore", "tax_number", "tax", "adjust", "cash"} or (kind == "subtotal" and counted[value] < 2):
            continue
        score = said + 0.6 * place / len(money) + 0.4 * bool(amount.currency) + 0.4 * amount.cents
        score += 1.3 * (value in summed) + 1.2 * (value == max(counted)) + 0.5 * min(support[value], 3)
        score -= 5 * (not value) + 0.5 * (amount is not line.amounts[-1][0]) + 2 * (value < least)
        best[value] = max(best.get(value, (-9.0, line, amount)), (score, line, amount), key=lambda one: one[0])
    if not best:
        return doc.field(None, 0.3), None
    (score, line, amount), *others = sorted(best.values(), key=lambda one: -one[0])
    margin = min(score - others[0][0], 3.0) if others else 3.0
    return doc.field(str(amount.value), 1 / (1 + math.exp(2.2 - 0.5 * score - 0.5 * margin)), line), amount


def tax_of(doc: Document, gross: Decimal) -> Field:
    """All of the tax: the sum of its rates, or what a line calls so; checked against rates, the net and the total."""
    subtotals, found, after = doc.of_kind("subtotal"), dict[tuple[str, Decimal], Line](), 9
    for line in doc.lines:
        rates = re.findall(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,3})?) ?%", line.text)
        after = 0 if LABELS.patterns["tax"].search(line.folded) else after + 1
        money = [(abs(one.value), kind) for one, kind, _ in line.amounts if one.cents]
        values, taxes = sorted(one for one, _ in money), [one for one, kind in money if kind == "tax"]
        tried = product(values, rates, {*values, *subtotals, gross})
        proved = [(rate, tax) for tax, rate, base in tried if _is_tax(tax, base, rate)]
        if proved and (taxes or (after < 5 and len(values) > 1) or values[-1] - proved[0][1] in values):
            found.setdefault(proved[0], line)
        elif taxes and (not gross or min(taxes) < gross / 2):
            found.setdefault(("", min(taxes)), line)
    if not found:
        return doc.field(None, 0.6)
    rated = [one for one in found if one[0]] or list(found)
    whole, missing = sum((tax for _, tax in rated), Decimal()), {gross - net for net in subtotals if net < gross}
    agreed = {tax for tax in {whole, *(tax for _, tax in found)} if any(abs(tax - one) < _CENT for one in missing)}
    if not agreed and len(rated) > 1 and missing and min(missing) < gross * 3 / 10 and not doc.of_kind("adjust"):
        return doc.field(str(min(missing)), 0.6, found[rated[0]])
    value = whole if whole in agreed or not agreed else max(agreed)
    line = next((found[one] for one in found if one[1] == value), found[rated[0]])
    return doc.field(str(value), 0.95 if value in agreed else 0.8 if rated[0][0] and len(rated) == 1 else 0.65, line)


def _is_tax(value: Decimal, base: Decimal, rate: str) -> bool:
    percent = Decimal(rate.replace(",", "."))
    return 0 < value < base and any(abs(base * percent / one - value) < _CENT for one in (100, 100 + percent))


def items_of(doc: Document) -> list[Field]:
    """The lines of what was bought: words, then an amount, above the sums."""
    items: list[Field] = []
    for above, line in zip([Line(""), *doc.lines], doc.lines, strict=False):
        if items and line.kinds & {"grand", "total", "subtotal", "due"}:
            break
        amounts = [amount.value for amount, *_ in line.amounts]
        said = line.kinds and not (line.kinds == {"adjust"} and amounts[-1] < 0)  # a discount is an item
        if said or not amounts or not line.amounts[-1][0].cents or dates_in(line.text):
            continue
        words = line.text[: next(one.start for one, *_ in line.amounts if one.cents or one.currency)].strip()
        if not re.search(r"[^\W\d_]{3}", words) and not above.amounts and len(above.text) < 50:
            words = f"{above.text.strip()} {words}"
        quantity = _QUANTITY.match(words)
        count = Decimal(quantity[1].replace(",", ".")) if quantity else Decimal(1)
        tried = product((*amounts[:-1], count), amounts[:-1])
        pairs = [(n, one) for n, one in tried if n and n % 1 == 0 and abs(n * one - amounts[-1]) < _CENT]
        count, price = pairs[0] if pairs else (count, amounts[-1] / (count or 1))
        described = re.sub(r"\s+", " ", _TAIL.sub("", words[quantity.end() if quantity else 0 :]))
        if re.search(r"[^\W\d_]{2}", described) and len(described) < 90 and not re.search(r"iban|\btel\b", line.folded):
            money = {"unit_price": f"{price:.2f}", "amount": str(amounts[-1]), "quantity": f"{count.normalize():f}"}
            items.append({**doc.field(described, 0.85 if pairs else 0.6, line), "description": described, **money})
    return items
