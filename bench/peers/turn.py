"""One turn of one peer at one subject: a process that is started for it, its values, and its end.

In the child, `take_turn` calls what measures the subject and prints the values as the last line of its output.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.peers.counts import Counts
from bench.peers.peer import Peer
from bench.peers.processes import end_group, end_with_parent, start_group
from bench.peers.rows import Subject, rows_of

TIMEOUT: Final = 240.0  # seconds of one turn before it counts as hung; the longest takes 30
VALUE: Final = "v" * 100  # what a step returns, or a checkpoint saves
_MARK: Final = "values: "
_LAST: Final = 300  # characters of a child's errors that are told


class TurnFailed(Exception):
    """The peer died, hung or did not do its work; says which, with its last words."""


class Task(msgspec.Struct, frozen=True):
    """What a child is told."""

    subject: Subject
    folder: str
    counts: Counts
    words: dict[str, Any]


def run_turn(peer: Peer, subject: Subject, counts: Counts, folder: Path, timeout: float = TIMEOUT) -> dict[str, float]:
    """Let the peer measure the subject in ``folder``, which is new and empty; its values by the rows' keys.

    Raises:
        TurnFailed: no values came of it.
    """
    task = msgspec.json.encode(Task(subject, str(folder), counts.at_pace(peer.pace), peer.words())).decode()
    errors, output = (folder.parent / f"{folder.name}.{what}" for what in ("errors", "output"))
    child = start_group([sys.executable, "-m", peer.child, task], errors, output)
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        raise TurnFailed(f"it hung: no end after {timeout:.0f} s; {_tail(errors)}") from None
    finally:
        end_group(child)
    lines = [line for line in output.read_text(errors="replace").splitlines() if line.startswith(_MARK)]
    if not lines:
        raise TurnFailed(f"it ended with {child.returncode} and without values: {_tail(errors)}")
    values = msgspec.json.decode(lines[-1].removeprefix(_MARK), type=dict[str, float])
    if unknown := values.keys() - {row.key for row in rows_of(subject)}:
        raise TurnFailed(f"it gave values of no row: {', '.join(sorted(unknown))}")
    return values


def _tail(errors: Path) -> str:
    text = " ".join(errors.read_text(errors="replace").split())
    return text if len(text) <= _LAST else f"… {text[-_LAST:]}"


# --- in the children -------------------------------------------------------------------------------------------------

Measure = Callable[[Path, Counts, dict[str, Any]], Mapping[str, float]]


def take_turn(measures: Mapping[Subject, Measure]) -> None:
    """Be a peer's child: do what the first word says, print the values, end at once with all threads."""
    end_with_parent()
    task = msgspec.json.decode(sys.argv[1], type=Task)
    values = dict(measures[task.subject](Path(task.folder), task.counts, task.words))
    print(_MARK + msgspec.json.encode(values).decode(), flush=True)
    sys.stderr.flush()
    os._exit(0)  # a peer's threads are not waited for; its servers were ended by who started them


def busy_thread() -> None:
    """Start a thread that computes in Python for as long as the process lives."""

    def compute() -> None:
        while True:
            total = 0
            for number in range(1000):
                total += number

    threading.Thread(target=compute, name="busy", daemon=True).start()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0, pause: float = 0.005) -> None:
    """Ask again and again whether it is so.

    Raises:
        TurnFailed: it was not so within ``seconds``.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TurnFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)


def median_ms(seconds: Iterable[float]) -> float:
    """The median of times, in milliseconds."""
    return statistics.median(seconds) * 1e3
