from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.job_events import Ticks, items, runtime_opened, start_job

from perdure.store import LmdbEventStore, ReadOnlyStore, StoreMissing


def test_a_closed_log_can_be_opened_for_reading(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        stream = start_job(store, 1, [items(1)])
        written = list(store.read_all())
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        assert list(reader.read_all()) == written
        assert list(reader.read(stream)) == written
        assert reader.position() == 3


def test_a_reader_does_not_write(tmp_path: Path) -> None:
    LmdbEventStore.open(tmp_path, map_size=1 << 20).close()
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        with pytest.raises(ReadOnlyStore):
            reader.append("runtime", [runtime_opened()])
        assert reader.position() == 0


def test_there_must_be_a_log_to_read(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing) as caught:
        LmdbEventStore.open_readonly(tmp_path / "nowhere")
    assert caught.value.path == tmp_path / "nowhere"
    assert not (tmp_path / "nowhere").exists()
