"""The rows are what the outcomes in the log wrote, and whoever changes them behind its back is found out."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.job_events import START, Ticks, put_module, start_job
from tests.support.log_file import Databases, behind_its_back

from perdure.store import AppendRequest, EventStore, LmdbEventStore, MemoryEventStore, Problem, check, failpoints
from perdure.store import events as ev
from perdure.store.rows import DERIVED, Row

Writes = list[tuple[bytes, bytes | None]]


def write(store: EventStore, *writes: tuple[bytes, bytes | None]) -> int:
    """An action of the host that wrote these rows; returns its position."""
    changes = tuple(ev.RowWrite(key, value) for key, value in writes)
    empty = ev.Inline(b"{}")
    event = ev.HostActionAnswered("python", None, "action:x", None, empty, empty, "", "", changes)
    return store.append(ev.CALLS_STREAM, [event]).position


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        start_job(store)
        write(store, (b"a", b"1"), (b"b", b"2"), (b"gone", b"3"))  # at 3
        write(store, (b"b", b"4"), (b"gone", None))
        store.append_batch([], [ev.RowWrite(DERIVED + b"acme", b"5")])
    return tmp_path


def problems(folder: Path) -> list[Problem]:
    with LmdbEventStore.open_readonly(folder) as store:
        return check(store).problems


def version(number: int) -> bytes:
    return struct.pack(">Q", number)


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (
            lambda rows: rows.put("rows", b"a", version(3) + b"9"),
            "the row b'a'",
            "its value is not what the event at position 3 wrote",
        ),
        (
            lambda rows: rows.put("rows", b"a", version(4) + b"1"),
            "the row b'a'",
            "its version is 4, the event that wrote it is at 3",
        ),
        (
            lambda rows: rows.put("rows", b"b", version(3) + b"2"),
            "the row b'b'",
            "its value is not what the event at position 4 wrote",
        ),
        (lambda rows: rows.delete("rows", b"a"), "the row b'a'", "the log has it, the rows do not"),
        (lambda rows: rows.put("rows", b"gone", version(3) + b"3"), "the row b'gone'", "no event wrote it"),
        (lambda rows: rows.put("rows", b"new", version(9) + b""), "the row b'new'", "no event wrote it"),
    ],
)
def test_a_row_that_was_tampered_with_is_named(
    folder: Path, change: Callable[[Databases], None], where: str, what: str
) -> None:
    assert problems(folder) == []
    with behind_its_back(folder) as databases:
        change(databases)
    assert problems(folder) == [Problem(where, what)]


def test_a_row_without_a_version_is_damage(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.put("rows", b"a", b"1")
    assert [problem.where for problem in problems(folder)] == ["the row b'a'"]


def test_rows_that_ride_on_commits_are_nobody_s_projection(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.put("rows", DERIVED + b"other", version(1) + b"x")
    assert problems(folder) == []


def test_what_is_written_while_it_is_checked_is_no_problem() -> None:
    class Moving(MemoryEventStore):
        """Writes once, in the middle of a check: after the log was read, before the rows are."""

        moved = False

        def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
            if not self.moved:
                self.moved = True
                write(self, (b"a", b"changed"), (b"b", None), (b"new", b""))
            return super().rows(prefix, after=after, limit=limit)

    store = Moving(Ticks())
    write(store, (b"a", b"1"), (b"b", b"2"), (b"c", b"3"))
    assert check(store).problems == []
    assert store.moved


def test_rows_are_checked_between_a_commit_and_its_answer(folder: Path) -> None:
    found: list[list[Problem]] = []
    with LmdbEventStore.open(folder, clock=Ticks()) as store:
        failpoints.arm("commit.after_sync", lambda: found.append(check(store).problems))
        try:
            write(store, (b"a", b"new"), (b"c", b""))
        finally:
            failpoints.disarm()
    assert found == [[]]


WRITES = st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.binary(max_size=2))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.lists(WRITES, max_size=4), max_size=5), st.booleans())
def test_whatever_is_written_is_what_the_log_says(
    tmp_path_factory: pytest.TempPathFactory, batches: list[Writes], at_once: bool
) -> None:
    with LmdbEventStore.open(tmp_path_factory.mktemp("log"), clock=Ticks(), map_size=1 << 20) as store:
        events = []
        for writes in batches:
            changes = tuple(ev.RowWrite(key, value) for key, value in writes)
            empty = ev.Inline(b"{}")
            events.append(ev.HostActionAnswered("cli", None, "action:x", None, empty, empty, "", "", changes))
        if at_once and events:
            store.append(ev.CALLS_STREAM, events)
        else:
            bodies = [ev.encode(event) for event in events]
            store.append_batch([AppendRequest(ev.CALLS_STREAM, [body], [START]) for body in bodies])
        assert check(store).problems == []
