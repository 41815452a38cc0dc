"""The lines of a job: what is shown of its events, and how much."""

from __future__ import annotations

from uuid import UUID

from perdure.cli.dev.activity import BURST, RATE, Activity, Line
from perdure.store.events import (
    ActionAnswered,
    CheckpointSaved,
    Event,
    Inline,
    ItemsCounted,
    JobCompleted,
    JobMoved,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    WarningAdded,
)

LIBRARY = UUID(int=7)
NOTHING = Inline(b"{}")


def operation(method: str, code: str = "", answer: bytes = b"{}") -> OperationAnswered:
    return OperationAnswered(1, 1, method, LIBRARY, NOTHING, Inline(answer), code)


def shown(*events: Event, now: float = 1.0) -> list[Line]:
    activity = Activity(lambda method: f"add {method}")
    return [line for event in events for line in activity.lines(event, now)]


def test_logs_and_warnings() -> None:
    levels = [LogWritten(1, 1, level, f"line {level}") for level in (0, 1, 2, 3, 9)]
    assert [(line.word, line.text, line.level) for line in shown(*levels)] == [
        ("debug", "line 0", "dim"),
        ("info", "line 1", "info"),
        ("warn", "line 2", "warn"),
        ("error", "line 3", "error"),
        ("error", "line 9", "error"),
    ]
    assert shown(WarningAdded(1, 1, "Warning\n1")) == [Line("warning", "Warning 1", "warn")]


def test_what_is_in_the_bar_makes_no_lines() -> None:
    assert shown(ProgressReported(1, 1, 0.5, ""), ItemsCounted(1, 1, 1), CheckpointSaved(1, 1, NOTHING)) == []
    assert shown(JobCompleted(1)) == []


def test_the_move_to_the_new_code() -> None:
    assert [line.word for line in shown(JobMoved("0.1.0", "ab" * 32, "counter", True))] == ["moved"]


def test_an_operation_is_named_once_and_counted() -> None:
    activity = Activity(str)
    lines = [line for _ in range(3) for line in activity.lines(operation("query:vdfs.read_sidecar"), 1.0)]
    action = ActionAnswered(1, 1, "action:vdfs.write_sidecar", LIBRARY, "", NOTHING, NOTHING, "")
    lines += activity.lines(action, 1.0)
    assert [line.text for line in lines] == ["query:vdfs.read_sidecar", "action:vdfs.write_sidecar"]
    assert [line.text for line in activity.calls()] == [
        "action:vdfs.write_sidecar: 1 ok",
        "query:vdfs.read_sidecar: 3 ok",
    ]


def test_a_denied_operation_says_what_to_add() -> None:
    denied = operation("query:credentials.get", "permission_denied")
    assert shown(denied, denied) == [Line("denied", "query:credentials.get; add query:credentials.get", "error")]


def test_an_operation_that_failed_says_why() -> None:
    failed = operation("query:vdfs.read_sidecar", "not_found", b'{"error": "no such\\u001b[31m entry", "code": "x"}')
    assert shown(failed) == [
        Line("calls", "query:vdfs.read_sidecar: not_found: no such\N{REPLACEMENT CHARACTER}[31m entry", "warn")
    ]
    assert shown(operation("query:x", "failed", b"\xff"))[0].text == "query:x: failed"
    assert shown(operation("query:x", "failed", b"[]"))[0].text == "query:x: failed"


def test_a_flood_is_counted_instead_of_shown() -> None:
    activity = Activity(str)
    flood = [LogWritten(1, 1, 1, "again")] * 10_000
    lines = [line for event in flood for line in activity.lines(event, 1.0)]
    assert len(lines) == BURST
    bad = list(activity.lines(LogWritten(1, 1, 3, "bad"), 1.0))
    assert [line.text for line in bad] == [f"{10_000 - int(BURST):,} lines left out: the history has them", "bad"]
    second = [line for event in flood for line in activity.lines(event, 2.0)]
    assert len(second) <= RATE
    assert [line.word for line in activity.calls()] == ["…"]
