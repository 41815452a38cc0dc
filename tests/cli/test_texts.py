"""Numbers, times and events as text."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.job_events import EXAMPLES

from perdure.cli.event_text import SUMMARIES, summary
from perdure.cli.terminal_text import age, counted, duration, percent, printable, shortened, size, time_left
from perdure.store import events as ev


@given(st.text())
def test_printable_text_is_one_line_that_moves_no_cursor(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert len(line) == len(text)
    assert printable(line) == line


@given(st.text(), st.integers(1, 20))
def test_shortened_text_is_short(text: str, length: int) -> None:
    assert len(shortened(text, length)) <= length


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.5, "0.50 s"),
        (6.24, "6.2 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7_440, "2 h 04 min"),
        (47 * 3600, "47 h 00 min"),
        (73 * 3600, "3 d 01 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "119 min"), (7_200, "2 h"), (86_400 * 40, "40 d")],
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.01, "1 s left"), (3.4, "3 s left"), (59.7, "1 min 00 s left"), (125, "2 min 05 s left")]
)
def test_time_left(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (128_000, "125.0 KiB"),
        (1 << 40, "1.0 TiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


@given(st.integers(-(2**63), 2**63))
def test_size_is_short(count: int) -> None:
    assert len(size(count)) < 16


@pytest.mark.parametrize(("fraction", "text"), [(0, "0 %"), (0.457, "45 %"), (0.9999, "99 %"), (1, "100 %")])
def test_percent(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_counted() -> None:
    assert (counted(1, "item"), counted(2_000, "item"), counted(0, "process", "processes")) == (
        "1 item",
        "2,000 items",
        "0 processes",
    )


def test_every_event_can_be_summed_up() -> None:
    assert set(SUMMARIES) == set(ev.EVENT_TYPES)
    for event in EXAMPLES:
        assert summary(event).isprintable()


EMPTY = ev.Inline(b"")
ROWS = (ev.RowWrite(b"a", b""), ev.RowWrite(b"b", None))
HEARD = 'entry.created, by the host: {"a":1}'


def action(*, code: str = "", key: str = "", rows: int = 0) -> ev.ActionAnswered:
    return ev.ActionAnswered(1, 1, "action:x", None, key, EMPTY, EMPTY, code, ROWS[:rows])


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ev.JobResumed(checkpoint=0, cause="recovery"), "from the start (recovery)"),
        (ev.JobResumed(checkpoint=7, cause="resume"), "from the checkpoint at 7 (resume)"),
        (ev.RetryScheduled(ev.JobError("trap", "bad"), 1500, 1), "trap: bad; again in 1.5 s"),
        (ev.ProgressReported(1, 1, 0.456, "half"), "45 % half"),
        (ev.ItemsCounted(1, 1, 1_000), "+1,000"),
        (ev.BytesCounted(1, 1, -5), "-5"),
        (ev.LogWritten(1, 1, 9, "x\ny"), "error: x y"),
        (ev.InterruptAnswered(1, 1, 2), "told to end"),
        (ev.CheckpointSaved(1, 1, ev.Inline(b"")), "no state"),
        (ev.CheckpointSaved(1, 1, ev.Inline(b"x" * 4_096)), "4.0 KiB"),
        (ev.CheckpointSaved(1, 1, ev.Inline(b"\xff\x1b")), "\ufffd\ufffd"),
        (
            ev.OperationAnswered(1, 1, "query:x", None, ev.Inline(b""), ev.Inline(b""), "rate_limited"),
            "query:x: rate_limited",
        ),
        (
            ev.OperationAnswered(
                1, 1, "query:x", None, ev.Inline(b""), ev.Sealed("k", b'{"a":"[sensitive]"}', ev.Inline(b"\0")), ""
            ),
            'query:x: ok, sealed {"a":"[sensitive]"}',
        ),
        (action(), "action:x: ok"),
        (action(key="0123456789abcdef"), "action:x: ok, effect 0123456789ab…"),
        (action(key="mine", rows=1), "action:x: ok, 1 row written, effect mine"),
        (action(code="failed", key="mine"), "action:x: failed, effect mine"),
        (
            ev.HostActionAnswered("cli", None, "action:x", None, EMPTY, EMPTY, "", "mine", ROWS),
            "action:x: ok, called by cli, 2 rows written, effect mine",
        ),
        (
            ev.HostQueryAnswered("python", "acme", "query:x", None, EMPTY, EMPTY, "not_found"),
            "query:x: not_found, called by python for acme",
        ),
        (
            ev.BudgetReached(1, 1, "requests_per_minute", 1000, 34_000, "refuse"),
            "requests_per_minute of 1,000 used up: refused, room in 34.0 s",
        ),
        (ev.BudgetReached(1, 1, "fuel_per_job", 5, 0, "suspend"), "fuel_per_job of 5 used up: the job is suspended"),
        (ev.LibraryEventPublished("entry.created", ev.Inline(b'{"a":1}'), None, None), HEARD),
        (
            ev.LibraryEventPublished("x", ev.Inline(b"{}"), "acme", UUID(int=1)),
            "x, by acme, job 00000000-0000-0000-0000-000000000001: {}",
        ),
        (ev.JobPaused(forced=True, fuel=1), "its guest did not stop by itself and was stopped"),
    ],
)
def test_summaries(event: ev.Event, text: str) -> None:
    assert summary(event) == text
