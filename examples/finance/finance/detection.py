"""Whether a document is a receipt: what was bought and charged; not an offer, an order, a reminder. Pure."""

import math
import re

from finance.extraction import LABELS, WORDS
from perdure_sdk.reading.document import BEFORE, Document
from perdure_sdk.reading.words import fold, pattern

_EVIDENCE = [(one["weight"], pattern(one["words"])) for one in WORDS["evidence"]]
_KIND = r"\W*(?:your |ihre? |votre |su |tu )?(?:%s)(?![a-z]| ?dat| addr|s-?nr)"
_KINDS = {kind: re.compile(_KIND % "|".join(words)) for kind, words in WORDS["kind"].items()}


def probability(doc: Document, subject: str, name: str = "", *, bulk: bool = False) -> float:
    """How likely it is one, 0 to 1. ``name`` is the attachment's, ``bulk``: it came over a mailing list."""
    head, body = "\n".join(line.folded for line in doc.lines[:12]), doc.folded[:20_000]
    places = (fold(subject), 1.0), (re.sub(r"[_.-]+", " ", fold(name)), 0.8), (head, 0.8), (body, 0.4)
    score = -3.2 - 1.2 * bulk - 1.0 * (len(body) > 6_000)
    for weight, found in _EVIDENCE:
        shares = [share for text, share in places if found.search(text)]
        score += weight * (max(shares, default=0.0) + 0.25 * (len(shares) > 1))
    kinds = {kind for _, amount, kind, _ in doc.money if amount.cents or amount.currency}
    attached, summed = doc.part != "body", bool(kinds & {"grand", "total", "due"})
    summed_in_words = attached and any(LABELS.patterns[kind].search(body) for kind in ("grand", "total", "subtotal"))
    score += 2.2 * summed + 1.2 * (attached and summed) + (1.5 * summed_in_words - 2.5) * (not summed)
    score += 0.9 * ("tax" in kinds or bool(LABELS.patterns["tax_number"].search(body))) + 0.4 * ("subtotal" in kinds)
    score += 1.1 * bool(BEFORE["number"].search(body)) + 0.9 * bool(BEFORE["pay"].search(body))
    score += 0.6 * bool(re.search(r"\d\d[:.]\d\d(?!\d)", body))
    return 1 / (1 + math.exp(-score))


def kind_of(doc: Document, subject: str) -> str:
    """``receipt``, ``invoice`` or ``credit_note``: what the head of the document, or the subject, begins with."""
    for text in (*(part for line in doc.lines[:15] for part in re.split(r"\s{2,}", line.folded)), fold(subject)):
        for kind, found in _KINDS.items():
            if found.match(text):
                return str(kind)
    paid = BEFORE["pay"].search(doc.folded)
    return "invoice" if not paid and re.search(_KINDS["invoice"].pattern, fold(subject)) else "receipt"
