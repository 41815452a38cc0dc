"""What goes between the runtime and the process that has the local model, as msgpack."""

from __future__ import annotations

import msgspec


class TextsToEmbed(msgspec.Struct, frozen=True, tag="embed"):
    """Vectors, please."""

    texts: list[str]


class TextToCompare(msgspec.Struct, frozen=True, tag="compare"):
    """How near a text is to each of some groups of phrases."""

    text: str
    groups: list[tuple[str, ...]]


TextRequest = TextsToEmbed | TextToCompare


class Vectors(msgspec.Struct, frozen=True):
    """One for each text, of unit length (zeros for a text of blanks), as 32-bit floats, little-endian."""

    vectors: list[bytes]
    dimensions: int


class Compared(msgspec.Struct, frozen=True):
    """``similarities`` are less what any text has, and None for a text of blanks; ``spread`` is how far the groups are
    apart, 0 to 1.
    """

    similarities: list[float] | None
    spread: float
