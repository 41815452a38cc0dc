"""A job's timeline and curves: the pure cores, and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.python_guest import PythonHost
from tests.support.servers import Served, serving
from tests.support.travellers import World, travellers
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit, GuestResult, GuestSpec
from perdure.api.job_timeline import Lane, TimelineShape
from perdure.runtime import JobHandle, RetryPolicy
from perdure.server.web.traces.cache import Traces
from perdure.server.web.traces.curve import Curve
from perdure.server.web.traces.timeline import edges_of, timeline_of
from perdure.server.web.traces.trace import BROKEN_OFF, Trace
from perdure.server.web.traces.track import Entry, Track
from perdure.store import MemoryEventStore
from perdure.store.errors import UnknownJob
from perdure.store.event_store import AppendRequest
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    Event,
    Inline,
    ItemsCounted,
    JobCompleted,
    JobDispatched,
    JobLimits,
    JobRecovered,
    JobStarted,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    WarningAdded,
    encode,
    job_stream,
)

BEGAN = 1_700_000_000_000_000  # microseconds since 1970
NOTHING = Inline(b"")


def dispatched(job_id: UUID) -> Event:
    return JobDispatched(
        job_id, "x:run", "x", "1.0.0", "00" * 32, "run", UUID(int=0), True, NOTHING, JobLimits(), RetryPolicy()
    )


def store_with(job_id: UUID, events: list[tuple[Event, int]]) -> MemoryEventStore:
    """A log with a job: its events, each with its time since the first."""
    store = MemoryEventStore()
    bodies, times = [encode(event) for event, _ in events], [BEGAN + time for _, time in events]
    for answer in store.append_batch([AppendRequest(job_stream(job_id), bodies, times)]):
        assert not isinstance(answer, Exception), answer
    return store


def traced(job_id: UUID, events: list[tuple[Event, int]]) -> Trace:
    with Traces().of(store_with(job_id, events), job_id) as trace:
        return trace


def lanes(shape: TimelineShape) -> dict[Lane, list[int]]:
    return {each.lane: each.counts for each in shape.lanes}


def test_events_are_drawn_in_their_lanes() -> None:
    job_id = uuid4()
    trace = traced(
        job_id,
        [
            (dispatched(job_id), 0),
            (JobStarted(1, 1), 10),
            (ProgressReported(1, 5, 0.5, "half"), 20),
            (OperationAnswered(2, 6, "query:a.b", None, NOTHING, NOTHING, "failed"), 30),
            (ActionIntended(3, 7, "action:a.c", None, "non_idempotent", "k", NOTHING), 40),
            (ActionAnswered(3, 7, "action:a.c", None, "k", NOTHING, NOTHING, ""), 2_540),
            (WarningAdded(4, 8, "careful"), 2_600),
            (LogWritten(5, 9, 3, "bad"), 2_700),
            (JobCompleted(10), 4_000),
        ],
    )
    shape = timeline_of(trace, None, None, 4, now=BEGAN + 10**9)
    assert lanes(shape) == {
        Lane.CONTROL: [2, 0, 0, 1],
        Lane.CHECKPOINTS: [0, 0, 0, 0],
        Lane.OPERATIONS: [2, 0, 1, 0],
        Lane.WARNINGS: [0, 0, 1, 0],
        Lane.BUDGETS: [0, 0, 0, 0],
        Lane.LOG: [0, 0, 1, 0],
        Lane.PROGRESS: [1, 0, 0, 0],
    }
    operations = next(each for each in shape.lanes if each.lane is Lane.OPERATIONS)
    assert [(mark.label, mark.type, mark.failed, mark.took) for mark in operations.marks] == [
        ("query:a.b", "operation", True, None),
        ("action:a.c", "intent", False, None),
        ("action:a.c", "action", False, 2.5),
    ]
    assert operations.failed == [1, 0, 0, 0]
    (attempt,) = shape.attempts
    assert (attempt.attempt, attempt.outcome, attempt.first_sequence, attempt.last_sequence) == (1, "completed", 2, 9)
    assert shape.last == shape.until  # it has ended: the time now plays no part


def test_a_part_of_it_and_a_job_that_goes_on() -> None:
    job_id = uuid4()
    trace = traced(
        job_id,
        [
            (dispatched(job_id), 0),
            (JobStarted(1, 1), 100),
            (ItemsCounted(1, 5, 3), 200),
            (JobRecovered(0, 3, "recovery"), 300),
            (JobStarted(2, 1), 250),  # the clock was set back
            (ItemsCounted(2, 9, 4), 400),
        ],
    )
    whole = timeline_of(trace, None, None, 10, now=BEGAN + 1_000)
    assert sum(lanes(whole)[Lane.CONTROL]) == 4
    assert [each.outcome for each in whole.attempts] == [BROKEN_OFF, None]
    assert whole.attempts[1].started_at > whole.attempts[0].ended_at
    part = timeline_of(trace, BEGAN + 500, BEGAN + 350, 2, now=BEGAN + 1_000)  # the wrong way round
    assert lanes(part)[Lane.PROGRESS] == [1, 0]
    assert [each.attempt for each in part.attempts] == [2]
    assert [point.items for point in trace.curve.points(BEGAN, BEGAN + 1_000, 100)][-1] == 7


def test_a_trace_goes_on_where_it_was(  # and reads nothing twice
) -> None:
    job_id, traces = uuid4(), Traces(kept=1)
    store = store_with(job_id, [(dispatched(job_id), 0), (JobStarted(1, 1), 1)])
    with traces.of(store, job_id) as trace:
        assert trace.sequence == 2
    store.append(job_stream(job_id), [ItemsCounted(1, 5, 3)])
    with traces.of(store, job_id) as again:
        assert again is trace
        assert (again.sequence, again.tracks[Lane.PROGRESS].total) == (3, 1)
    with pytest.raises(UnknownJob), traces.of(store, uuid4()):
        pass


@given(
    gaps=st.lists(st.integers(0, 50), min_size=1, max_size=200), limit=st.integers(4, 300), columns=st.integers(1, 40)
)
def test_counts_add_up_however_they_are_thinned(gaps: list[int], limit: int, columns: int) -> None:
    track, times = Track(limit), list(accumulate(gaps))
    for sequence, moment in enumerate(times, 1):
        track.add(Entry(moment, sequence, 0, 0, -1, failed=sequence % 3 == 0))
    counts = track.counts(edges_of(times[0], times[-1], columns))
    assert len(counts) == columns
    assert len(track.span(times[0], times[-1])) <= limit
    if track.each == 1:
        assert sum(counts) == len(times)
    else:
        assert abs(sum(counts) - len(times)) < track.each
    assert sum(track.failures(edges_of(times[0], times[-1], columns))) <= len(times)


@given(count=st.integers(1, 400), limit=st.integers(4, 300), most=st.integers(2, 60))
def test_a_curve_keeps_its_ends_and_its_order(count: int, limit: int, most: int) -> None:
    job_id = uuid4()
    curve, trace = Curve(limit), Trace(job_id)
    store = store_with(job_id, [(dispatched(job_id), 0), (JobStarted(1, 1), 1)])
    for stored in store.read(job_stream(job_id)):
        trace.feed(stored)
    state = trace.state
    assert state is not None
    for number in range(count):
        state.items, state.sequence = number, number + 1
        curve.add(state, BEGAN + number)
    points = curve.points(BEGAN, BEGAN + count, most)
    assert len(points) <= most
    assert [points[0].items, points[-1].items] == [0, count - 1] if count > 1 else points[0].items == 0
    assert [point.time for point in points] == sorted(point.time for point in points)


# --- over HTTP -------------------------------------------------------------------------------------------------------


def failing(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
    host.report_progress(0.25, "a quarter")
    for _ in range(300):
        host.log(1, "again")
    host.add_warning("<b>careful</b>")
    return GuestResult(Exit.FAILED, host.fuel)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("timeline")) as found:
        yield found


@pytest.fixture(scope="module")
def job(served: Served) -> JobHandle:
    World(served.runtime)
    made = travellers(served.runtime, served.data, failing).start()
    made.wait(TIMEOUT)
    return made


def test_the_timeline_over_http(served: Served, job: JobHandle) -> None:
    path = f"{served.address}/v1/jobs/{job.job_id}"
    with httpx.Client(headers=served.headers, trust_env=False) as http:
        shape = http.get(f"{path}/timeline", params={"buckets": 7}).json()
        by_lane = {each["lane"]: each for each in shape["lanes"]}
        assert (by_lane["log"]["total"], len(by_lane["log"]["marks"]), len(by_lane["log"]["counts"])) == (300, 0, 7)
        assert by_lane["warnings"]["marks"][0]["type"] == "warning"
        assert [each["outcome"] for each in shape["attempts"]] == ["failed"]
        part = {"since": shape["attempts"][0]["started_at"], "until": shape["until"]}
        assert http.get(f"{path}/timeline", params=part).json()["since"] == part["since"]
        series = http.get(f"{path}/series", params={"points": 2}).json()
        assert len(series["points"]) == 2
        assert series["points"][-1]["progress"] == 0.25
        for wrong in ({"buckets": 0}, {"buckets": 10**9}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}):
            assert http.get(f"{path}/timeline", params=wrong).status_code == 422, wrong
        assert http.get(f"{served.address}/v1/jobs/{uuid4()}/timeline").status_code == 404
