"""Topics and patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.subscriptions.topics import is_pattern, is_reserved, is_topic, matches

BAD = ["", ".", "a.", ".a", "a..b", "A", "a b", "a-b", "é", "a\n", "a\0", "*a", "a*", "x" * 101, "\uff41"]


@pytest.mark.parametrize("topic", ["a", "entry.created", "a_1.b.c", "x" * 100])
def test_topics(topic: str) -> None:
    assert is_topic(topic)
    assert is_pattern(topic)
    assert matches([topic], topic)
    assert not matches([f"{topic}.*"], topic)
    assert matches([f"{topic}.*"], f"{topic}.more.of.it")


@pytest.mark.parametrize("text", BAD)
def test_what_is_neither(text: str) -> None:
    assert not is_topic(text)
    assert not is_pattern(text)


@pytest.mark.parametrize("pattern", ["*", "a.*", "entry.more.*"])
def test_patterns(pattern: str) -> None:
    assert is_pattern(pattern)
    assert not is_topic(pattern)


@pytest.mark.parametrize("pattern", ["**", "a.*.b", "*.a", "a.**", "a*.b", ".*"])
def test_stars_stand_at_the_end(pattern: str) -> None:
    assert not is_pattern(pattern)


def test_no_tricks_with_prefixes() -> None:
    for pattern, topic in (("entry.*", "entryx.created"), ("entry.*", "entry"), ("entry", "entry.created")):
        assert not matches([pattern], topic)
    assert matches(["none", "entry.*"], "entry.created")
    assert not matches([], "entry.created")
    assert matches(["*"], "entry.created")


segments = st.from_regex("[a-z0-9_]{1,5}", fullmatch=True)


@given(st.lists(segments, min_size=1, max_size=5), st.lists(segments, min_size=1, max_size=5))
def test_a_beginning_matches_whole_segments(pattern: list[str], topic: list[str]) -> None:
    expected = len(topic) > len(pattern) and topic[: len(pattern)] == pattern
    assert matches([".".join(pattern) + ".*"], ".".join(topic)) == expected


def test_what_is_the_hosts_to_say() -> None:
    assert all(map(is_reserved, ("entry.created", "entry", "job.ended.x")))
    assert not any(map(is_reserved, ("entries.created", "invoice.entry")))
