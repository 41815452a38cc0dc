"""What the crash tests look at would show a loss: acknowledgements that the log does not have, guests that differ."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.crash.facts import Fact, read_facts
from tests.crash.finish import finish
from tests.crash.verify import verify
from tests.crash.victim import facts_of
from tests.crash.workload import Workload
from tests.support.counting import BYTES_PER_ITEM, Counting, follow_run

from perdure.store.events import (
    BytesCounted,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    ProgressReported,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("finished")
    assert finish(home, Workload(jobs=2, target=200)).problems == []
    yield home
    shutil.rmtree(home)


def problems_with(home: Path, tmp_path: Path, *facts: Fact) -> list[str]:
    """What is wrong with the folder if these had been acknowledged too."""
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    with facts_of(copy).open("ab") as file:
        for fact in facts:
            file.write(msgspec.json.encode(fact) + b"\n")
    return verify(copy, finished=True).problems


def a_fact(home: Path, kind: str) -> Fact:
    return next(fact for fact in read_facts(facts_of(home)) if fact.kind == kind)


def test_nothing_is_wrong_with_what_was_stated(finished: Path, tmp_path: Path) -> None:
    assert problems_with(finished, tmp_path) == []
    kinds = {fact.kind for fact in read_facts(facts_of(finished))}
    assert kinds == {"installed", "dispatched", "checkpoint", "pause", "resume", "cancel", "ended"}


@pytest.mark.parametrize("change", [{"call": 99_999}, {"detail": "0" * 64}, {"pid": 1}, {"job": UUID(int=7)}, {}])
def test_a_lost_checkpoint_shows(change: dict[str, object], finished: Path, tmp_path: Path) -> None:
    # Without a change it is stated twice, and the log has it once.
    lost = msgspec.structs.replace(a_fact(finished, "checkpoint"), **change)
    assert len(problems_with(finished, tmp_path, lost)) == 1


@pytest.mark.parametrize("kind", ["pause", "resume", "cancel"])
def test_a_lost_wish_shows(kind: str, finished: Path, tmp_path: Path) -> None:
    by_another_process = msgspec.structs.replace(a_fact(finished, kind), pid=1)
    assert len(problems_with(finished, tmp_path, by_another_process)) == 1


def test_a_lost_job_a_lost_end_and_a_lost_position_show(finished: Path, tmp_path: Path) -> None:
    dispatched = Fact(pid=1, kind="dispatched", job=UUID(int=7))
    ended = msgspec.structs.replace(a_fact(finished, "ended"), detail="failed")
    ahead = msgspec.structs.replace(a_fact(finished, "ended"), position=10**9)
    assert len(problems_with(finished, tmp_path, dispatched, ended, ahead)) == 3


def test_facts_without_a_log_show(tmp_path: Path) -> None:
    facts_of(tmp_path).write_bytes(msgspec.json.encode(Fact(pid=1, kind="installed")) + b"\n")
    assert len(verify(tmp_path).problems) == 1


# --- the model -------------------------------------------------------------------------------------------------------

START = Counting(0, 2)


def events() -> list[GuestEvent]:
    """What a guest does that counts to two: calls 1 and 5 ask whether to stop."""
    return [
        ItemsCounted(2, 20, 1),
        BytesCounted(3, 30, BYTES_PER_ITEM),
        ProgressReported(4, 40, 0.5, "one more"),
        ItemsCounted(6, 60, 1),
        BytesCounted(7, 70, BYTES_PER_ITEM),
        ProgressReported(8, 80, 1.0, "one more"),
    ]


def test_the_model_agrees() -> None:
    attempt = follow_run(START, events(), [])
    assert (attempt.problems, attempt.returned, attempt.done) == ([], 0, 2)


@pytest.mark.parametrize("length", range(6))
def test_any_beginning_is_what_a_kill_may_leave(length: int) -> None:
    attempt = follow_run(START, events()[:length], [])
    assert (attempt.problems, attempt.returned) == ([], None)


@pytest.mark.parametrize("at", range(5))
def test_a_gap_shows(at: int) -> None:
    broken = events()
    del broken[at]
    assert len(follow_run(START, broken, []).problems) == 1


@pytest.mark.parametrize("at", range(5))
def test_another_order_shows(at: int) -> None:
    broken = events()
    broken[at], broken[at + 1] = broken[at + 1], broken[at]
    assert len(follow_run(START, broken, []).problems) == 1


def test_an_event_too_many_shows() -> None:
    assert len(follow_run(START, [*events(), ItemsCounted(9, 90, 1)], []).problems) == 1
    assert len(follow_run(START, [*events(), InterruptAnswered(9, 90, 1)], []).problems) == 1
