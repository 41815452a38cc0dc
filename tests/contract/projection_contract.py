"""What an event store's projections say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.store_fixtures import JOB, RUNTIME, StoreFixtures, shared
from tests.support.histories import histories
from tests.support.job_events import (
    EXAMPLES,
    START,
    completed,
    dispatched,
    installed,
    job_id,
    runtime_opened,
    start_job,
    started,
    warning,
)

from perdure.store import (
    Appended,
    AppendRequest,
    EventStore,
    ExtensionState,
    JobQuery,
    JobState,
    RuntimeState,
    Status,
    UnknownJob,
    fold,
)
from perdure.store import events as ev
from perdure.store.family import child_key, children_of
from perdure.store.frame import MAX_FRAME_EVENTS


class ProjectionContract(StoreFixtures):
    """Projection, rebuild and fold agree; jobs are listed, filtered and paged."""

    def test_projection_rebuild_and_fold_agree(self, store: EventStore) -> None:
        numbers = iter(range(1, 1_000_000))

        @shared
        @given(data=st.data())
        def agree(data: st.DataObject) -> None:
            number = next(numbers)
            history = data.draw(histories(number=number))
            stream = ev.job_stream(job_id(number))
            rest = list(history)
            while rest:
                size = data.draw(st.integers(1, len(rest)))
                store.append(stream, rest[:size])
                del rest[:size]
            triples: list[tuple[ev.Event, int, int]] = [(e.event, e.sequence, e.time) for e in store.read(stream)]
            assert [event for event, _, _ in triples] == history
            assert store.state(stream) == store.rebuild(stream) == store.job(job_id(number)) == fold(None, triples)
            until = data.draw(st.integers(1, len(history)))
            assert store.rebuild(stream, until=until) == fold(None, triples[:until])

        agree()

    def test_rebuild_ends_where_it_is_told(self, full: EventStore) -> None:
        assert full.rebuild(JOB, until=0) is None
        for until in (1, 2, 3, MAX_FRAME_EVENTS, MAX_FRAME_EVENTS + 9):
            state = full.rebuild(JOB, until=until)
            assert isinstance(state, JobState)
            assert state.sequence == until
        assert full.rebuild(JOB, until=10**9) == full.state(JOB)

    def test_extensions_and_the_runtime_have_projections_too(self, store: EventStore) -> None:
        stream = ev.extension_stream("test-extension")
        for event in (installed(), *[e for e in EXAMPLES if isinstance(e, ev.ExtensionLoaded | ev.ExtensionUnloaded)]):
            store.append(stream, [event])
        extension = store.state(stream)
        assert isinstance(extension, ExtensionState)
        assert (extension.installed, extension.enabled, extension.loaded_at) == (True, False, START + 1000)
        assert [kind.name for kind in extension.job_types] == ["counter"]
        store.append(stream, [ev.ExtensionUninstalled()])
        assert store.rebuild(stream) == store.state(stream)
        compiled = next(e for e in EXAMPLES if isinstance(e, ev.ModuleCompiled))
        store.append(RUNTIME, [runtime_opened(1), compiled, runtime_opened(2), ev.RuntimeClosed(pid=2)])
        runtime = store.state(RUNTIME)
        assert isinstance(runtime, RuntimeState)
        assert (runtime.opens, runtime.crashes, runtime.closed, runtime.pid) == (2, 1, True, 2)
        assert runtime.artifacts == {f"{compiled.module}@{compiled.engine}": compiled.artifact}
        assert store.rebuild(RUNTIME) == runtime
        assert store.rebuild(RUNTIME, until=1) == RuntimeState(pid=1, closed=False, opens=1)

    def test_an_unknown_job_has_an_error_of_its_own(self, store: EventStore) -> None:
        with pytest.raises(UnknownJob) as caught:
            store.job(job_id(7))
        assert caught.value.job_id == str(job_id(7))
        assert isinstance(caught.value, LookupError)

    # --- jobs --------------------------------------------------------------------------------------------------------

    @pytest.fixture
    def crowd(self, store: EventStore) -> EventStore:
        """Thirty jobs of three types and two extensions in five statuses, dispatched out of order."""
        store.append(RUNTIME, [runtime_opened()])
        store.append(ev.extension_stream("job"), [installed("job")])
        for number in [*range(15, 31), *range(1, 15)]:
            extension = ("one", "two")[number % 2]
            job_type = f"{extension}:{('count', 'hash', 'scan')[number % 3]}"
            stream = ev.job_stream(job_id(number))
            store.append(stream, [dispatched(job_id(number), job_type=job_type, extension=extension)])
            ends: tuple[list[ev.Event], ...] = (
                [],
                [started()],
                [started(), completed()],
                [started(), warning(1), ev.JobSuspended(reason="shutdown", forced=False, fuel=1)],
                [ev.JobCancelled(forced=False, fuel=0)],
            )
            for event in ends[number % 5]:
                store.append(stream, [event])
        return store

    def test_jobs_are_listed_newest_first(self, crowd: EventStore) -> None:
        page = crowd.jobs(JobQuery())
        assert [job.job_id for job in page.jobs] == [job_id(number) for number in range(30, 0, -1)]
        assert page.next is None
        assert page.jobs == [crowd.job(job.job_id) for job in page.jobs]

    def test_jobs_are_filtered_and_paged(self, crowd: EventStore) -> None:
        listed = crowd.jobs(JobQuery()).jobs
        queries = st.builds(
            dict[str, Any],
            statuses=st.frozensets(st.sampled_from(Status)),
            extension=st.sampled_from([None, "one", "two", "three"]),
            job_type=st.sampled_from([None, "one:count", "count", "two:hash", "hash", "one", ""]),
            extensions=st.none() | st.frozensets(st.sampled_from(["one", "two", "three"])),
            text=st.sampled_from(["", "HASH", "one:", "0015", "nothing of this"]),
        )

        @shared
        @given(
            query=queries, limit=st.integers(1, 31), before=st.none() | st.integers(0, 32), offset=st.integers(0, 32)
        )
        def pages(query: dict[str, Any], limit: int, before: int | None, offset: int) -> None:
            expected = [
                job
                for job in listed
                if (not query["statuses"] or job.status in query["statuses"])
                and query["extension"] in (None, job.extension)
                and query["job_type"] in (None, job.job_type, job.job_type.split(":")[1])
                and (query["extensions"] is None or job.extension in query["extensions"])
                and query["text"].casefold() in f"{job.job_type} {job.job_id}"
                and (before is None or job.job_id < job_id(before))
            ]
            cursor = job_id(before) if before is not None else None
            counts = Counter(job.status for job in expected)
            assert crowd.count_jobs(JobQuery(**query, before=cursor)) == {each: counts[each] for each in Status}
            skipped = crowd.jobs(JobQuery(**query, limit=limit, before=cursor, offset=offset))
            assert skipped.jobs == expected[offset : offset + limit]
            assert (skipped.next is None) == (len(expected) <= offset + limit)
            found: list[JobState] = []
            while True:
                page = crowd.jobs(JobQuery(**query, limit=limit, before=cursor))
                found += page.jobs
                assert len(page.jobs) == limit or page.next is None
                if page.next is None:
                    break
                cursor = page.next
            assert found == expected

        pages()

    def test_jobs_are_found_by_their_library(self, crowd: EventStore) -> None:
        library = crowd.job(job_id(3)).library_id
        assert len(crowd.jobs(JobQuery(libraries=frozenset({library}))).jobs) == 30
        assert crowd.jobs(JobQuery(libraries=frozenset())).jobs == []
        with pytest.raises(ValueError, match="offset"):
            JobQuery(offset=-1)

    def test_a_last_page_that_is_full_says_that_it_is_the_last(self, crowd: EventStore) -> None:
        assert crowd.jobs(JobQuery(limit=30)).next is None
        assert crowd.jobs(JobQuery(limit=29)).next == job_id(2)

    def test_a_job_moves_from_one_status_to_the_next(self, store: EventStore) -> None:
        stream = start_job(store, 1)
        for event, status in (
            (ev.JobPaused(forced=False, fuel=1), Status.PAUSED),
            (ev.JobResumed(checkpoint=0, cause="resume"), Status.QUEUED),
            (started(2), Status.RUNNING),
            (completed(), Status.COMPLETED),
        ):
            store.append(stream, [event])
            for each in Status:
                found = store.jobs(JobQuery(statuses=frozenset({each}))).jobs
                assert [job.job_id for job in found] == ([job_id(1)] if each is status else [])
            assert store.count_jobs() == {each: int(each is status) for each in sorted(Status)}

    def test_children_are_found_by_their_parent(self, store: EventStore) -> None:
        parent, other = job_id(1), job_id(2)
        for number in range(3, 11):
            above = parent if number % 2 else other
            child = ev.encode(dispatched(job_id(number))), ev.encode(ev.JobLinked(above, number))
            request = AppendRequest(ev.job_stream(job_id(number)), child, [START, START], 0)
            (answer,) = store.append_batch([request], [ev.RowWrite(child_key(above, job_id(number)), b"")])
            assert isinstance(answer, Appended)
        store.append(ev.job_stream(job_id(5)), [ev.JobCancelled(forced=False, fuel=0)])
        assert [job.job_id for job in store.jobs(JobQuery(parent=parent)).jobs] == [job_id(n) for n in (9, 7, 5, 3)]
        page = store.jobs(JobQuery(parent=parent, limit=2))
        assert [job.job_id for job in page.jobs] == [job_id(9), job_id(7)]
        page = store.jobs(JobQuery(parent=parent, limit=2, before=page.next))
        assert ([job.job_id for job in page.jobs], page.next) == ([job_id(5), job_id(3)], None)
        ended = frozenset({Status.CANCELLED})
        assert [job.job_id for job in store.jobs(JobQuery(parent=parent, statuses=ended)).jobs] == [job_id(5)]
        assert store.jobs(JobQuery(parent=job_id(3))).jobs == []
        library = store.job(job_id(3)).library_id
        assert len(store.jobs(JobQuery(library_id=library)).jobs) == 8
        assert store.jobs(JobQuery(library_id=job_id(1))).jobs == []
        assert list(children_of(store, other)) == [job_id(n) for n in (4, 6, 8, 10)]

    def test_a_page_holds_at_least_one_job(self) -> None:
        with pytest.raises(ValueError, match="limit"):
            JobQuery(limit=0)
