"""A process is killed at each failpoint of append, commit and answer; whatever it was told is done is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.crash.facts import read_facts
from tests.crash.finish import finish
from tests.crash.verify import verify
from tests.crash.victim import KILLED, Victim, facts_of
from tests.crash.workload import Workload

from perdure.store import failpoints

WORKLOAD = Workload(jobs=4, target=120)


def die_at(home: Path, failpoint: str, hit: int) -> None:
    """Run a process that dies there, and see that it did."""
    before = len(deaths(home))
    with Victim(home, WORKLOAD, failpoint=failpoint, hit=hit) as victim:
        status = victim.wait()
        assert status == KILLED, f"{failpoint} was not passed {hit} times; status {status}: {victim.errors()}"
    assert deaths(home)[before:] == [f"{failpoint} {hit}"]


def deaths(home: Path) -> list[str]:
    return [fact.detail for fact in read_facts(facts_of(home)) if fact.kind == "died"]


# The workload writes few blobs, and many commits even if all that can be is written in one.
HITS = [(name, hit) for name in failpoints.NAMES for hit in (1, 3, 15) if hit < 15 or not name.startswith("blob.")]


@pytest.mark.parametrize(("failpoint", "hit"), HITS)
def test_a_kill_at_a_failpoint_loses_nothing(failpoint: str, hit: int, tmp_path: Path) -> None:
    die_at(tmp_path, failpoint, hit)
    assert verify(tmp_path).problems == []
    assert finish(tmp_path, WORKLOAD).problems == []


@pytest.mark.parametrize("failpoint", failpoints.NAMES)
def test_kills_one_after_the_other_lose_nothing(failpoint: str, tmp_path: Path) -> None:
    # The first dies at work, the second in the recovery from that, the third in the recovery of a recovery.
    for hit in (10, 1, 2):
        die_at(tmp_path, failpoint, hit)
        assert verify(tmp_path).problems == []
    verdict = finish(tmp_path, WORKLOAD)
    assert verdict.problems == []
    assert verdict.jobs == WORKLOAD.jobs + 1


def test_a_process_that_nobody_kills_needs_no_recovery(tmp_path: Path) -> None:
    with Victim(tmp_path, WORKLOAD) as victim:
        assert victim.wait() == 0, victim.errors()
    verdict = verify(tmp_path, finished=True)
    assert verdict.problems == []
    assert (verdict.jobs, verdict.recovered) == (WORKLOAD.jobs + 1, 0)
