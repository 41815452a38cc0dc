"""How passwords are made: every one that a recipe allows is as likely as any other, and the entropy says how many."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.runtime.credentials import recipe
from perdure.runtime.credentials.recipe import BadRecipe, CharacterClass, Characters, Words, make_password

CLASSES = st.lists(st.sampled_from(get_args(CharacterClass)), min_size=1, max_size=4).map(tuple)


@settings(deadline=None)
@given(
    wanted=st.builds(
        Characters, length=st.integers(8, 128), classes=CLASSES, avoid_ambiguous=st.booleans(), alphabet=st.none()
    ),
    seed=st.integers(),
)
def test_a_password_is_what_the_recipe_says(wanted: Characters, seed: int) -> None:
    made = make_password(wanted, random.Random(seed).randrange)
    assert len(made.password) == wanted.length
    tests = {
        "lower": str.islower,
        "upper": str.isupper,
        "digits": str.isdigit,
        "symbols": lambda char: not char.isalnum(),
    }
    found = {name for name, test in tests.items() if any(map(test, made.password))}
    assert found == set(wanted.classes)
    assert not (wanted.avoid_ambiguous and set("Il1|O0o") & set(made.password))
    assert 0 < made.entropy_bits <= wanted.length * math.log2(94)


def test_each_is_as_likely_and_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # All ways in which chance can come out, for 8 characters of two small classes.
    monkeypatch.setattr(recipe, "_CLASSES", {"lower": "a", "digits": "12"})
    wanted = Characters(length=8, classes=("lower", "digits"))
    seen = Counter[str]()
    for draws in itertools.product(range(3), repeat=8):
        # What is refused is drawn anew, here until it is "a1111111", which is no matter: that one is left out below.
        stream = itertools.chain(draws, itertools.cycle([0, *[1] * 7]))
        seen[make_password(wanted, lambda below, stream=stream: next(stream)).password] += 1  # type: ignore[misc]  # a default argument binds it
    again = seen.pop("a1111111")
    assert set(seen.values()) == {1}
    assert again == 1 + 3**8 - len(seen) - 1
    assert make_password(wanted, random.Random(1).randrange).entropy_bits == pytest.approx(math.log2(len(seen) + 1))


def test_an_alphabet_in_the_place_of_classes() -> None:
    made = make_password(Characters(length=12, alphabet="0123456789"), random.Random(1).randrange)
    assert made.password.isdigit()
    assert made.entropy_bits == pytest.approx(12 * math.log2(10))


@pytest.mark.parametrize("alphabet", ["aab", "a\nb", "Il", "O0o1"])
def test_alphabets_of_which_nothing_can_be_made(alphabet: str) -> None:
    with pytest.raises(BadRecipe, match="alphabet"):
        make_password(Characters(alphabet=alphabet, avoid_ambiguous=True), random.Random(1).randrange)


def test_words() -> None:
    made = make_password(Words(count=7, separator=" "), random.Random(1).randrange)
    assert len(made.password.split()) == 7
    assert made.entropy_bits == 77
    drawn = itertools.count()
    words = {
        word
        for _ in range(512)
        for word in make_password(Words(count=4), lambda below: next(drawn)).password.split("-")
    }
    assert len(words) == 2048
    assert all(word.isascii() and word.islower() for word in words)


def test_a_password_does_not_show_itself() -> None:
    made = make_password(Characters(), random.Random(1).randrange)
    assert made.password not in f"{made} {made!r}"
