"""How a password is to be made, and one that is made so. Pure: chance comes from outside.

Every password that a recipe allows is as likely as any other, so its entropy is the logarithm of how many there are.
"""

from __future__ import annotations

import importlib.resources
import math
import string
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from typing import Annotated, Final, Literal

import msgspec

CharacterClass = Literal["lower", "upper", "digits", "symbols"]
Draw = Callable[[int], int]
"""A number from 0 up to, and without, another: each as likely, as `secrets.randbelow`."""

_CLASSES: Final[dict[str, str]] = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
    "symbols": "!#$%&()*+,-./:;<=>?@[]^_{|}~",  # no quotes, no backslash: what shells and forms stumble over
}
_AMBIGUOUS: Final = frozenset("Il1|O0o")


class Characters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="characters"):
    """Characters, each drawn by itself, and at least one of each class.

    Attributes:
        alphabet: these instead of classes, each of them as likely.
        avoid_ambiguous: none that is easily taken for another one: ``I l 1 | O 0 o``.
    """

    length: Annotated[int, msgspec.Meta(ge=8, le=128)] = 20
    classes: Annotated[tuple[CharacterClass, ...], msgspec.Meta(min_length=1, max_length=4)] = (
        "lower",
        "upper",
        "digits",
        "symbols",
    )
    alphabet: Annotated[str, msgspec.Meta(min_length=2, max_length=1000)] | None = None
    avoid_ambiguous: bool = False


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="words"):
    """Words of the English list of BIP-39: 2,048 of three to eight letters, told apart by their first four."""

    count: Annotated[int, msgspec.Meta(ge=4, le=24)] = 6
    separator: Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{0,4}$(?!\n)")] = "-"


Recipe = Characters | Words


class Made(msgspec.Struct, frozen=True):
    """A password. ``entropy_bits``: it is one of two to the power of so many."""

    password: str
    entropy_bits: float

    def __repr__(self) -> str:
        return "Made(…)"


class BadRecipe(ValueError):
    """No password can be made so; the recipe's author is to blame."""


def make_password(recipe: Recipe, draw: Draw) -> Made:
    """A password as the recipe says.

    Raises:
        BadRecipe: the alphabet has no two characters, one twice, or one that cannot be typed.
    """
    if isinstance(recipe, Words):
        words = _word_list()
        chosen = [words[draw(len(words))] for _ in range(recipe.count)]
        return Made(recipe.separator.join(chosen), recipe.count * math.log2(len(words)))
    groups = _groups(recipe)
    alphabet = "".join(groups)
    while True:
        # Drawn anew until it fits: to put a missing class somewhere would make some passwords likelier than others.
        password = "".join(alphabet[draw(len(alphabet))] for _ in range(recipe.length))
        if all(set(group).intersection(password) for group in groups):
            return Made(password, _bits([len(group) for group in groups], recipe.length))


def _groups(recipe: Characters) -> list[str]:
    if recipe.alphabet is None:
        groups = [_CLASSES[name] for name in dict.fromkeys(recipe.classes)]
    elif len(set(recipe.alphabet)) < len(recipe.alphabet):
        raise BadRecipe("alphabet: it has a character twice")
    elif not recipe.alphabet.isprintable():
        raise BadRecipe("alphabet: it has a character that cannot be typed")
    else:
        groups = [recipe.alphabet]
    if recipe.avoid_ambiguous:
        groups = ["".join(char for char in group if char not in _AMBIGUOUS) for group in groups]
    if len("".join(groups)) < 2:
        raise BadRecipe("alphabet: it has no two characters left")
    return groups


def _bits(sizes: Sequence[int], length: int) -> float:
    """The logarithm of how many texts have a character of each group, counted by inclusion and exclusion."""
    total = sum(sizes)
    count = sum(
        (-1) ** len(left_out) * (total - sum(left_out)) ** length
        for number in range(len(sizes) + 1)
        for left_out in combinations(sizes, number)
    )
    return math.log2(count)


@cache
def _word_list() -> tuple[str, ...]:
    path = importlib.resources.files("mnemonic") / "wordlist" / "english.txt"
    return tuple(path.read_text(encoding="utf-8").split())
