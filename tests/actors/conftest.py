from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.actor_rig import Rig
from tests.support.waiting import eventually

from perdure.store import check

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
