"""The switch interval while a commit lasts: set back whatever happens, and never against the embedder's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.actors.switch_interval import ShortInterval
from perdure.runtime import Runtime, RuntimeSettings
from perdure.store import failpoints

SECONDS = 0.000_05
SHORT = pytest.approx(0.000_05)


@pytest.fixture(autouse=True)
def before() -> Iterator[float]:
    interval = sys.getswitchinterval()
    yield interval
    failpoints.disarm()
    sys.setswitchinterval(interval)


def test_it_is_short_while_it_lasts(before: float) -> None:
    with ShortInterval(SECONDS):
        assert sys.getswitchinterval() == SHORT
        with ShortInterval(SECONDS):  # another thread's, or another runtime's
            assert sys.getswitchinterval() == SHORT
        assert sys.getswitchinterval() == SHORT
    assert sys.getswitchinterval() == before


def test_an_error_sets_it_back(before: float) -> None:
    with pytest.raises(ZeroDivisionError), ShortInterval(SECONDS):
        raise ZeroDivisionError
    assert sys.getswitchinterval() == before


def test_none_and_longer_ones_leave_it_alone(before: float) -> None:
    for seconds in (None, before * 2):
        with ShortInterval(seconds):
            assert sys.getswitchinterval() == before
        assert sys.getswitchinterval() == before


def test_one_that_the_program_sets_meanwhile_stays() -> None:
    with ShortInterval(SECONDS):
        sys.setswitchinterval(0.001)
    assert sys.getswitchinterval() == 0.001


@pytest.mark.parametrize("seconds", [SECONDS, None])
def test_a_runtime_sets_it_if_it_is_asked_to_and_only_while_it_commits(
    tmp_path: Path, before: float, seconds: float | None
) -> None:
    seen: list[float] = []
    settings = RuntimeSettings(commit_switch_interval=seconds, seal_interval=None)
    with Runtime.open(tmp_path, settings=settings) as runtime:
        failpoints.arm("commit.before_plan", lambda: seen.append(sys.getswitchinterval()))
        runtime.publish("night.fallen")
        assert seen == [pytest.approx(seconds or before)]
        failpoints.disarm()
    assert sys.getswitchinterval() == before
