"""The switch interval while jobs run: set back whatever becomes of them, and never against the embedder's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from tests.support.actor_rig import Rig
from tests.support.python_guest import PythonHost
from tests.support.waiting import eventually

from perdure.actors import GuestSpec
from perdure.actors.switch_interval import ShortInterval
from perdure.store import Status

SECONDS = 0.000_05
SHORT = pytest.approx(SECONDS)


@pytest.fixture(autouse=True)
def before() -> Iterator[float]:
    interval = sys.getswitchinterval()
    yield interval
    sys.setswitchinterval(interval)


def test_it_is_short_until_all_have_ended(before: float) -> None:
    one, other = ShortInterval(SECONDS), ShortInterval(SECONDS * 2)  # of two runtimes in one process
    one.begin()
    other.begin()
    one.begin()
    assert sys.getswitchinterval() == SHORT
    for interval in (one, one):
        interval.end()
        assert sys.getswitchinterval() == SHORT
    other.end()
    assert sys.getswitchinterval() == before


def test_none_and_longer_ones_leave_it_alone(before: float) -> None:
    for seconds in (None, before * 2):
        interval = ShortInterval(seconds)
        interval.begin()
        assert sys.getswitchinterval() == before
        interval.end()
        assert sys.getswitchinterval() == before


def test_one_that_the_program_sets_meanwhile_stays() -> None:
    interval = ShortInterval(SECONDS)
    interval.begin()
    sys.setswitchinterval(0.001)
    interval.end()
    assert sys.getswitchinterval() == 0.001


@pytest.mark.parametrize("seconds", [SECONDS, None])
def test_jobs_run_with_it_if_that_is_asked_for(
    make_rig: Callable[..., Rig], before: float, seconds: float | None
) -> None:
    seen: list[float] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        seen.append(sys.getswitchinterval())
        if state == b"fails":
            raise ZeroDivisionError("a defect of the host")

    rig = make_rig(body=body, switch_interval=seconds)
    assert sys.getswitchinterval() == before
    rig.wait(rig.dispatch(), Status.COMPLETED)
    rig.over(rig.dispatch(state=b"fails"))

    eventually(lambda: sys.getswitchinterval() == before)
    assert seen
    assert set(seen) == {seen[0]}
    assert seen[0] == pytest.approx(seconds or before)
