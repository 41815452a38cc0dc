"""What is compared: the rows of the table, and the subjects that a peer takes its turns at."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from bench.figure import Better


class Subject(enum.Enum):
    """What is measured in one turn, by one process that starts for it and ends with it."""

    STEPS = "steps"
    BUSY = "busy"
    RECOVERY = "recovery"
    LOG = "log"
    SANDBOX = "sandbox"


class Row(msgspec.Struct, frozen=True):
    """One row. ``wanted``: how many times as fast as the best peer we want to be; 0 where nothing was said of it."""

    key: str
    title: str
    unit: str
    better: Better
    subject: Subject
    wanted: float = 0.0


def noun(jobs: int) -> str:
    """``1 job``, ``8 jobs``."""
    return "1 job" if jobs == 1 else f"{jobs} jobs"


JOBS: Final = (1, 8, 100)
BUSY_JOBS: Final = (1, 8)
SHORT_INTERVAL: Final = 0.000_05  # seconds; `RuntimeSettings.switch_interval`, of which no peer has the like
_WANTED: Final = {1: 3.0, 8: 5.0, 100: 10.0}
_MORE, _LESS = Better.MORE, Better.LESS

ROWS: Final[tuple[Row, ...]] = (
    *(Row(f"steps_{n}", f"durable steps, {noun(n)}", "1/s", _MORE, Subject.STEPS, _WANTED[n]) for n in JOBS),
    Row("start_returns", "start of a job: the call returns", "ms", _LESS, Subject.STEPS),
    Row("start_result", "start of a job: to its result", "ms", _LESS, Subject.STEPS),
    *(Row(f"cpu_{n}", f"processor time of a step, all processes, {noun(n)}", "µs", _LESS, Subject.STEPS) for n in JOBS),
    *(Row(f"flushes_{n}", f"flushes of the disk a step, {noun(n)}", "", _LESS, Subject.STEPS) for n in JOBS),
    Row("disk", "disk space of a step", "bytes", _LESS, Subject.STEPS),
    *(
        Row(f"busy_{n}", f"durable steps beside a busy Python thread, {noun(n)}", "1/s", _MORE, Subject.BUSY)
        for n in BUSY_JOBS
    ),
    *(
        Row(
            f"busy_short_{n}",
            f"the same with `switch_interval` {SHORT_INTERVAL * 1000:g} ms, {noun(n)}",
            "1/s",
            _MORE,
            Subject.BUSY,
        )
        for n in BUSY_JOBS
    ),
    Row("recovery", "jobs going on after kill -9, from the start of the processes", "s", _LESS, Subject.RECOVERY),
    Row("recovery_open", "jobs going on after kill -9, from the call that recovers", "s", _LESS, Subject.RECOVERY),
    Row("append_1", "append of 1 event", "events/s", _MORE, Subject.LOG, 1.2),
    Row("append_100", "append of 100 events", "events/s", _MORE, Subject.LOG, 10.0),
    Row("append_1000", "append of 1,000 events", "events/s", _MORE, Subject.LOG, 10.0),
    Row("rebuild", "rebuild of a stream", "events/s", _MORE, Subject.LOG, 30.0),
    Row("host_call", "host call with 100 bytes", "µs", _LESS, Subject.SANDBOX, 1.0),
    Row("load", "load of a compiled extension, recorded durably by perdure", "ms", _LESS, Subject.SANDBOX, 1.0),
    Row("load_unlogged", "load of a compiled extension, nothing recorded", "ms", _LESS, Subject.SANDBOX, 1.0),
)


def rows_of(subject: Subject) -> list[Row]:
    """The rows that a turn at ``subject`` may have values of."""
    return [row for row in ROWS if row.subject is subject]
