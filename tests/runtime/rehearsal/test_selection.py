from __future__ import annotations

from uuid import UUID

import pytest
from tests.support.job_events import completed, dispatched, job_id, started

from perdure.runtime.rehearsal.selection import Sample, Selection, select_jobs
from perdure.store import EventStore, MemoryEventStore
from perdure.store import events as ev

COMMON, RARE = "test-extension:common", "test-extension:rare"


@pytest.fixture
def store() -> EventStore:
    """40 finished jobs of one type, 2 of another in between, 3 unfinished ones, and those of another extension."""
    store = MemoryEventStore()
    for number in range(1, 50):
        kind, extension = (RARE if number in (5, 6) else COMMON), "test-extension"
        if number > 45:
            kind, extension = "other:common", "other"
        events: list[ev.Event] = [dispatched(job_id(number), job_type=kind, extension=extension), started()]
        if not 43 <= number <= 45:
            events.append(completed())
        store.append(ev.job_stream(job_id(number)), events)
    return store


def numbers(ids: tuple[UUID, ...]) -> list[int]:
    return [one.int & 0xFFFF for one in ids]


def chosen(store: EventStore, size: int | None, seed: int = 1) -> Selection:
    return select_jobs(store, "test-extension", Sample(size, seed))


def test_every_unfinished_job_and_no_other_extensions(store: EventStore) -> None:
    found = chosen(store, 0)
    assert numbers(found.unfinished) == [45, 44, 43]
    assert (found.sample, found.finished) == ((), 42)


def test_a_sample_is_of_each_type_half_of_it_the_newest(store: EventStore) -> None:
    found = numbers(chosen(store, 10).sample)
    assert len(found) == len(set(found)) == 12
    assert found[:5] == [42, 41, 40, 39, 38]
    assert {5, 6} <= set(found)
    assert found == sorted(found, reverse=True)


def test_a_seed_chooses_the_same_jobs_again(store: EventStore) -> None:
    assert chosen(store, 10, 3) == chosen(store, 10, 3)
    assert len({chosen(store, 10, seed).sample for seed in range(20)}) > 1


def test_each_finished_job_can_be_chosen(store: EventStore) -> None:
    found = {number for seed in range(60) for number in numbers(chosen(store, 10, seed).sample)}
    assert found == set(range(1, 43))


def test_all_of_them(store: EventStore) -> None:
    assert numbers(chosen(store, None).sample) == list(range(42, 0, -1))


def test_a_sample_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="-1"):
        Sample(-1)
