"""Whether a mail or a document in it is a receipt: what was bought and charged, and not an offer, an order or a reminder. Pure."""

import math
import re

from finance.extraction import Document
from finance.words import FIND, LABELS, WORDS, fold, pattern

_EVIDENCE = [(one["weight"], pattern(one["words"])) for one in WORDS["evidence"]]
_KINDS = [(kind, re.compile(rf"\W*(?:your |ihre? |votre |su |tu )?(?:{'|'.join(words)})(?![a-z]| ?dat| addr|adresse|s-?nr)")) for kind, words in WORDS["kind"].items()]
_QUOTED = re.compile(r"\n\s*(?:>|-{2,}\s?\w[^\n]{3,40}-{2,}\s*\n|_{10,}\n|(?:on|am|le|el|il|op|em)\s[^\n]{6,200}(?:wrote|schrieb|a ecrit|escribio|ha scritto|schreef|escreveu)\s?:?|(?:from|von|de|da|van) ?: [^\n]+\n\s*(?:sent|gesendet|envoye|enviado|inviato|verzonden|date|datum|to|an|a) ?:)")
LABELS_OF_MAIL = ["a receipt or an invoice for a purchase", "an offer, an order confirmation or a delivery notice", "advertising or a newsletter", "a reminder, an account statement or a contract", "a personal message"]


def own_text(text: str) -> str:
    """A mail's own text: without what it quotes, unless it is forwarded without a word."""
    folded = "\n" + "".join(fold(letter)[:1] or letter for letter in text)
    match = _QUOTED.search(folded)
    return text if match is None or (match.start() < 40 and re.search(r"forward|weitergeleit|transfer|fw", folded[:200])) else text[: max(match.start() - 1, 0)]


def probability(doc: Document, subject: str, name: str = "", *, bulk: bool = False) -> float:
    """How likely it is one, 0 to 1. ``name`` is the attachment's, ``bulk``: it came over a mailing list."""
    head, body = "\n".join(line.folded for line in doc.lines[:12]), fold(doc.text)[:20_000]
    subject, name = fold(subject), re.sub(r"[_.-]+", " ", fold(name))
    score = -3.2
    for weight, found in _EVIDENCE:
        places = (subject, 1.0), (name, 0.8), (head, 0.8), (body, 0.4)
        score += weight * max((share for text, share in places if found.search(text)), default=0.0)
        score += 0.25 * weight * (sum(bool(found.search(text)) for text, _ in places) > 1)
    kinds = {kind for line in doc.lines for (kind, _), amount in zip(line.labels, line.amounts, strict=True) if amount.cents or amount.currency}
    summed = bool(kinds & {"grand", "total", "due"})
    paid, numbered = bool(FIND["pay"].search(body)), bool(FIND["number"].search(body))
    taxed = "tax" in kinds or any(kind == "tax_number" and words.search(body) for kind, _, words in LABELS)
    score += 2.2 * summed + 0.9 * taxed + 0.4 * ("subtotal" in kinds) + 1.1 * numbered + 0.9 * paid - 2.5 * (not summed)
    score += 0.6 * bool(re.search(r"\d\d[:.]\d\d(?!\d)", body)) + (1.2 if doc.part != "body" and summed else 0)
    score -= 1.2 * bulk + 1.0 * (len(body) > 6_000)
    return 1 / (1 + math.exp(-score))


def kind_of(doc: Document, subject: str) -> str:
    """``receipt``, ``invoice`` or ``credit_note``, by the head of the document."""
    parts = [part for line in doc.lines[:15] for part in re.split(r"\s{2,}", line.folded)]
    for text in (*parts, fold(subject)):
        for kind, found in _KINDS:
            if found.match(text):
                return kind
    return "invoice" if re.search(_KINDS[-1][1].pattern, fold(subject)) and not FIND["pay"].search(fold(doc.text)) else "receipt"
