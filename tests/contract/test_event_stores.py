from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.contract.event_store_contract import EventStoreContract

from perdure.store import EventStore, LmdbEventStore, MemoryEventStore


class TestLmdbEventStore(EventStoreContract):
    def make(self, folder: Path, clock: Callable[[], int]) -> EventStore:
        return LmdbEventStore.open(folder, clock=clock, map_size=1 << 20)


class TestMemoryEventStore(EventStoreContract):
    def make(self, folder: Path, clock: Callable[[], int]) -> EventStore:
        return MemoryEventStore(clock=clock)
