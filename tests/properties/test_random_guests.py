"""Guests out of a grammar, crashed anywhere: their histories and effects are those of guests that never were.

The long form: ``python3 -m tests.properties.campaign --examples 200``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.lives import compare, compare_killed, differences
from tests.support.guest_world import World, live
from tests.support.random_guests import ENDS, EVERYTHING, Statement, guest_module, statements

from perdure.store.events import tag_of

MODULE = guest_module(EVERYTHING)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    guest=statements(),
    end=st.sampled_from(sorted(ENDS)),
    deaths=st.lists(st.integers(4, 24), min_size=1, max_size=3),
)
def test_a_crash_changes_nothing(guest: list[Statement], end: str, deaths: list[int]) -> None:
    with tempfile.TemporaryDirectory() as home:
        assert compare(Path(home), guest_module(guest, end), deaths) == []


@pytest.mark.parametrize("dies_at", range(7, 40, 3))
def test_a_guest_that_does_everything_is_crashed_at_each_of_its_commits(dies_at: int, tmp_path: Path) -> None:
    assert compare(tmp_path, MODULE, [dies_at, 4]) == []


def test_a_job_that_is_killed_again_and_again(tmp_path: Path) -> None:
    kills = [
        ("commit.after_sync", 10),
        ("commit.before_sync", 6),
        ("action.before_outcome", 1),
        ("commit.after_sync", 7),
    ]
    problems, killed = compare_killed(tmp_path, MODULE, kills)

    assert (problems, killed) == ([], len(kills))


def test_a_difference_would_show(tmp_path: Path) -> None:
    calm = live(tmp_path / "calm", MODULE, ())
    other = live(tmp_path / "other", guest_module([*EVERYTHING, ("items", 1)]), ())
    assert len(differences((calm, World(tmp_path / "calm")), (other, World(tmp_path / "other")))) == 3

    world = World(tmp_path / "calm")
    for kind in ("once", "plain"):
        world._add(kind, world.lines(kind)[0][0], "00000001")
    found = differences((calm, World(tmp_path / "calm")), (calm, world))
    assert len([problem for problem in found if "twice" in problem]) == 2


def test_the_guest_that_does_everything_does(tmp_path: Path) -> None:
    calm = live(tmp_path / "calm", MODULE, ())
    tags = {tag_of(stored.event) for stored in calm.read_all() if stored.stream.startswith("job:")}
    assert tags >= {
        "log", "progress", "warning", "items", "bytes", "operation", "intent", "action", "checkpoint", "completed",
    }  # fmt: skip
