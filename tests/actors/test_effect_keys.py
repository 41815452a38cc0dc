"""The names of effects: one for what a crash repeats, others for all else."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.effect_keys import EffectKeys

JOB, LIBRARY = UUID(int=1), UUID(int=2)
METHODS = st.sampled_from(["action:a", "action:ab", "action:b"])
PAYLOADS = st.sampled_from([b"", b"b", b"ab", b"{}"])
ACTIONS = st.tuples(METHODS, st.sampled_from([LIBRARY, UUID(int=3)]), PAYLOADS)
HISTORIES = st.lists(ACTIONS, max_size=12)


def keys_of(attempt: EffectKeys, history: list[tuple[str, UUID, bytes]]) -> list[str]:
    keys = []
    for action in history:
        keys.append(attempt.next(*action))
        attempt.done(*action)
    return keys


@given(HISTORIES, st.integers(0, 12))
def test_an_attempt_that_repeats_has_the_same_keys(history: list[tuple[str, UUID, bytes]], crash: int) -> None:
    first = keys_of(EffectKeys(JOB, 0), history[:crash])
    assert keys_of(EffectKeys(JOB, 0), history)[: len(first)] == first


@given(HISTORIES)
def test_no_two_effects_have_one_key(history: list[tuple[str, UUID, bytes]]) -> None:
    keys = keys_of(EffectKeys(JOB, 0), history)
    for other in (EffectKeys(UUID(int=9), 0), EffectKeys(JOB, 5)):
        keys += keys_of(other, history)
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 32 for key in keys)


@given(HISTORIES, st.randoms())
def test_the_order_of_different_actions_does_not_matter(history: list[tuple[str, UUID, bytes]], random: object) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' random
    named = Counter(zip(history, keys_of(EffectKeys(JOB, 0), history), strict=True))
    assert Counter(zip(shuffled, keys_of(EffectKeys(JOB, 0), shuffled), strict=True)) == named


@given(HISTORIES, HISTORIES, st.integers(1, 99))
def test_a_checkpoint_begins_anew_live_and_after_a_crash(
    before: list[tuple[str, UUID, bytes]], after: list[tuple[str, UUID, bytes]], checkpoint: int
) -> None:
    live = EffectKeys(JOB, 0)
    keys_of(live, before)
    live.saved(checkpoint)
    assert keys_of(live, after) == keys_of(EffectKeys(JOB, checkpoint), after)


@given(ACTIONS, st.integers(1, 4))
def test_a_key_is_the_same_until_its_action_is_done(action: tuple[str, UUID, bytes], tries: int) -> None:
    keys = EffectKeys(JOB, 0)
    tried = {keys.next(*action) for _ in range(tries)}
    keys.done(*action)
    assert len(tried) == 1
    assert keys.next(*action) not in tried
