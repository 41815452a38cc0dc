from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.actor_rig import Rig
from tests.support.desk import Desk
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import eventually

from perdure.store import LmdbEventStore, MemoryEventStore, check

MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    """Makes actor systems. After the test they are gone with their threads, and the log is clean."""
    before = set(threading.enumerate())
    rigs: list[Rig] = []

    def make(*args: Any, **kwargs: Any) -> Rig:
        rigs.append(Rig(*args, **kwargs))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.__exit__()
    for store in {id(rig.store.inner): rig.store.inner for rig in rigs}.values():
        assert check(store).problems == []
    eventually(lambda: set(threading.enumerate()) <= before)


@pytest.fixture(params=["memory", "lmdb"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with MemoryEventStore() if request.param == "memory" else LmdbEventStore.open(tmp_path) as inner:
        desk = Desk(StoreWrapper(inner))
        yield desk
        desk.stop()
