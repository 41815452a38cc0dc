"""A process dies at each failpoint on an action's way: what that means for each class of effects."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.letters import LETTERS, ROW, sent, work
from tests.crash.victim import ROOT

from perdure.runtime import Effect, Status
from perdure.store import LmdbEventStore, check
from perdure.store import events as ev
from perdure.store.failpoints import ACTION_NAMES

# Where the second letter's process died: what is in doubt then, and how often the handler runs for it in all.
OUTSIDE = {
    "action.before_intent": (False, 1),
    "action.after_intent": (True, 1),
    "action.before_handler": (True, 1),
    "action.after_handler": (True, 2),
    "action.before_outcome": (True, 2),
    "action.after_outcome": (False, 1),
}
TRANSACTIONAL = [name for name in ACTION_NAMES if not name.endswith("intent")]


class Post:
    """The process that forks those that die."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def die_at(self, home: Path, effect: Effect, failpoint: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{home} {effect.value} {failpoint}\n")
        self._process.stdin.flush()
        assert int(self._process.stdout.readline()) == -signal.SIGKILL, f"it did not die at {failpoint}"


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    command = [sys.executable, "-m", "tests.crash.letters"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Post(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def events(home: Path, *kinds: type[ev.Event]) -> list[ev.Event]:
    """The job's events of these kinds, after the look at everything."""
    with LmdbEventStore.open_readonly(home / "data") as store:
        assert check(store).problems == []
        (stream,) = store.streams("job:")
        return [stored.event for stored in store.read(stream) if isinstance(stored.event, kinds)]


def test_every_failpoint_is_here() -> None:
    assert set(OUTSIDE) == set(ACTION_NAMES)


@pytest.mark.parametrize("failpoint", ACTION_NAMES)
def test_of_an_idempotent_action_nothing_is_in_doubt_for_long(tmp_path: Path, post: Post, failpoint: str) -> None:
    _, runs = OUTSIDE[failpoint]
    post.die_at(tmp_path, Effect.IDEMPOTENT, failpoint)

    assert work(tmp_path, Effect.IDEMPOTENT).status is Status.COMPLETED

    lines = sent(tmp_path)
    assert [line[0] for line in lines] == ["0", *["1"] * runs, "2"]
    assert len(set(lines)) == LETTERS, "again under the same key, and no other"
    assert len(events(tmp_path, ev.ActionIntended)) == LETTERS
    assert len(events(tmp_path, ev.ActionAnswered)) == LETTERS
    assert events(tmp_path, ev.JobInDoubt, ev.JobResumed) == []


@pytest.mark.parametrize("failpoint", ACTION_NAMES)
def test_another_one_is_never_silently_run_twice(tmp_path: Path, post: Post, failpoint: str) -> None:
    doubtful, runs = OUTSIDE[failpoint]
    post.die_at(tmp_path, Effect.NON_IDEMPOTENT, failpoint)

    assert work(tmp_path, Effect.NON_IDEMPOTENT).status is Status.COMPLETED

    assert [line[0] for line in sent(tmp_path)] == ["0", "1", "2"], "whatever the moment: each was sent once"
    resolved = [event.resolution for event in events(tmp_path, ev.DoubtResolved) if isinstance(event, ev.DoubtResolved)]
    assert resolved == ([] if not doubtful else ["succeeded" if runs == 2 else "again"])
    assert len(events(tmp_path, ev.JobInDoubt)) == doubtful


@pytest.mark.parametrize("failpoint", TRANSACTIONAL)
def test_a_transactional_one_is_there_with_its_outcome_or_not_at_all(
    tmp_path: Path, post: Post, failpoint: str
) -> None:
    post.die_at(tmp_path, Effect.TRANSACTIONAL, failpoint)
    with LmdbEventStore.open_readonly(tmp_path / "data") as store:
        row = store.row(ROW)
    before = len(events(tmp_path, ev.ActionAnswered))
    assert row is not None
    assert row.value == b"012"[:before]
    assert before == (2 if failpoint == "action.after_outcome" else 1)

    assert work(tmp_path, Effect.TRANSACTIONAL).status is Status.COMPLETED

    with LmdbEventStore.open_readonly(tmp_path / "data") as store:
        row = store.row(ROW)
    assert row is not None
    assert row.value == b"012"
    assert events(tmp_path, ev.ActionIntended, ev.JobInDoubt) == []
