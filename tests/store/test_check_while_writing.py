"""A check in the writer's own process, at the moment when a commit is in the file and nobody was told yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.job_events import Ticks, runtime_opened

from perdure.store import LmdbEventStore, Report, check, failpoints
from perdure.store import events as ev


@pytest.fixture
def checked() -> Iterator[list[Report]]:
    yield []
    failpoints.disarm()


def test_a_check_between_a_commit_and_its_answer_is_clean(tmp_path: Path, checked: list[Report]) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened(1)])
        failpoints.arm("commit.after_sync", lambda: checked.append(check(store)))
        store.append(ev.RUNTIME_STREAM, [runtime_opened(2)])
    (report,) = checked
    assert report.problems == []
    assert report.events == 2


def test_a_look_at_the_file_in_between_does_not_disturb_the_numbers_of_streams(
    tmp_path: Path, checked: list[Report]
) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        failpoints.arm("commit.after_plan", lambda: checked.append(check(store)))
        for number, stream in enumerate(("extension:a", "extension:b", "extension:c"), 1):
            store.append(stream, [ev.ExtensionUnloaded()])
            head = store.head(stream)
            assert head is not None
            assert head.number == number
        failpoints.disarm()
        assert check(store).problems == []
    assert [report.problems for report in checked] == [[], [], []]
