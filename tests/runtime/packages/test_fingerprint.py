"""Fingerprints: words of a key that people compare."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime import InvalidFingerprint
from perdure.runtime.packages.fingerprint import _word, checked_fingerprint, fingerprint, is_fingerprint_of

KEY = bytes(range(32))


def test_words_of_two_bytes() -> None:
    # The examples of the proposal for proquints (arXiv:0901.4016): 127.0.0.1 is lusab-babad, 63.84.220.193 gutih-tugad.
    assert [_word(number) for number in (0x7F00, 0x0001, 0x3F54, 0xDCC1)] == ["lusab", "babad", "gutih", "tugad"]


@given(st.binary(min_size=32, max_size=32))
def test_eight_words_of_five_letters(key: bytes) -> None:
    words = fingerprint(key)
    assert re.fullmatch(r"[a-z]{5}(-[a-z]{5}){7}", words)
    assert is_fingerprint_of(checked_fingerprint(words), key)


def test_a_fingerprint_as_people_type_it() -> None:
    words = fingerprint(KEY)
    for text in (words, words.upper(), f"  {words.replace('-', ' ')}\n", KEY.hex(), KEY.hex().upper()):
        assert is_fingerprint_of(checked_fingerprint(text), KEY)
        assert not is_fingerprint_of(checked_fingerprint(text), bytes(32))


@pytest.mark.parametrize(
    "text",
    ["", "lusab", "-".join(["lusab"] * 7), "-".join(["lusab"] * 9), "-".join(["lusaa"] * 8), "ab" * 31, "x" * 999],
)
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(InvalidFingerprint) as caught:
        checked_fingerprint(text)
    assert caught.value.value == text
    assert len(str(caught.value)) < 400
