"""A process is killed at each failpoint while its jobs act: effect and outcome are both there, or neither is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from tests.crash.transfers import JOBS, TRANSFERS, Diary, Line, read_diary, work
from tests.crash.victim import KILLED, ROOT
from tests.support.bank import made, outcomes

from perdure.runtime import Status
from perdure.store import LmdbEventStore, check, failpoints
from perdure.store.events import Inline

COMMITS = [name for name in failpoints.NAMES if not name.startswith("blob.")]


def die_at(home: Path, failpoint: str, hit: int) -> None:
    command = [sys.executable, "-m", "tests.crash.transfers", str(home), failpoint, str(hit)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode == KILLED, ended.stderr.decode()


def look(home: Path) -> set[str]:
    """The notes of the transfers that were made, after the look at everything."""
    lines = read_diary(home)
    with LmdbEventStore.open_readonly(home / "data") as store:
        effects = made(store)  # one after the other, rows and outcomes alike, each published
        assert check(store).problems == []
        answers = [event.answer.data.decode() for event in outcomes(store) if isinstance(event.answer, Inline)]
    # Nothing that a guest was told is missing.
    assert {line.answer for line in lines if line.kind == "told"} <= set(answers)
    # Nothing is there that no handler did; and under one name, whoever ran it, in whichever process.
    keys = defaultdict(set)
    for line in lines:
        if line.kind == "ran":
            keys[line.note].add(line.key)
    assert {note: len(names) for note, names in keys.items() if len(names) != 1} == {}
    assert len(set.union(set(), *keys.values())) == len(keys)
    assert {(transfer.note, key) for key, transfer in effects.items()} <= {
        (line.note, line.key) for line in lines if line.kind == "ran"
    }
    return {transfer.note for transfer in effects.values()}


def finish(home: Path) -> None:
    """The next process lives, and every transfer has happened once."""
    diary = Diary(home / "diary")
    try:
        states = work(home, diary)
    finally:
        diary.close()
    assert [state.status for state in states] == [Status.COMPLETED] * JOBS
    assert look(home) == {f"{number}.{place}" for number in range(JOBS) for place in range(TRANSFERS)}


# The installation, the runtime's own events and the dispatches take some of the first commits.
@pytest.mark.parametrize("hit", [6, 12])
@pytest.mark.parametrize("failpoint", COMMITS)
def test_a_kill_in_the_middle_of_actions(tmp_path: Path, failpoint: str, hit: int) -> None:
    die_at(tmp_path, failpoint, hit)
    look(tmp_path)
    finish(tmp_path)


def test_kills_one_after_the_other(tmp_path: Path) -> None:
    for failpoint, hit in (("commit.before_sync", 10), ("commit.after_sync", 8), ("answer.before", 7)):
        die_at(tmp_path, failpoint, hit)
        look(tmp_path)
    finish(tmp_path)


@pytest.mark.parametrize(
    "lie",
    [
        Line("told", "0.0", answer='{"source":1,"target":1}'),
        Line("ran", "0.0", key="another name"),
    ],
)
def test_a_look_would_find_what_is_lost_or_done_under_another_name(tmp_path: Path, lie: Line) -> None:
    diary = Diary(tmp_path / "diary")
    work(tmp_path, diary)
    look(tmp_path)
    diary.write(lie)
    diary.close()
    with pytest.raises(AssertionError):
        look(tmp_path)
    shutil.rmtree(tmp_path / "data")
