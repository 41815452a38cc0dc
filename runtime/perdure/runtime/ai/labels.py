"""Zero-shot labels by vectors of sentences: what is compared with a text, and what the comparison says. Pure.

A label stands for the mean of the vectors of some phrases: its name, its description, and the parts of that. Where a
question is asked, it stands before each of them, as a question before its answer: the model was trained on such pairs.
From the similarity of a text is taken what sentences about nothing in particular have, since some phrases are near to
everything. The softmax over what is left has a temperature that follows how far the labels are apart, so that the
scores of labels that are hard to tell apart mean the same. How it was chosen: docs/adr/0018-local-text-model.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import msgspec

LONGEST_QUESTION: Final = 120  # characters; a longer one is an instruction, and drowns the labels that it stands before
TEMPERATURE: Final = 0.05  # of the softmax, for labels whose vectors are orthogonal

_PARTS: Final = re.compile(r"\s*[,;:.!?()\n]+\s*|\s+or\s+")


class TextLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label, and what it means, in words or by examples: the more is said, the better it is told from others."""

    label: str
    description: str | None = None


def phrases(label: TextLabel, question: str | None) -> tuple[str, ...]:
    """What a label is compared by; each once."""
    found = [label.label.replace("_", " ").replace("-", " ").strip() or label.label]
    if label.description:
        found += [label.description.strip(), *_PARTS.split(label.description.strip())]
    before = (question or "").strip()
    if before and len(before) <= LONGEST_QUESTION:
        found = [f"{before} {text}" for text in found if text]
    return tuple(dict.fromkeys(text for text in found if text))


def scores(similarities: Sequence[float], spread: float) -> list[float]:
    """How likely each label is, 0 to 1, together 1.

    Args:
        similarities: of the text to each label, less what any text has.
        spread: how far the labels are apart, 0 (all the same) to 1.
    """
    if not similarities:
        return []
    temperature = max(TEMPERATURE * spread, 1e-6)
    most = max(similarities)
    weights = [math.exp((value - most) / temperature) for value in similarities]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def even(count: int) -> list[float]:
    """The scores of a text that says nothing."""
    return [1 / count] * count
