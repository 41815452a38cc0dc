"""eventsourcing: aggregates in Python whose events are stored, here in SQLite."""

from __future__ import annotations

from typing import Final

from bench.peers.peer import Peer, not_installed, versions
from bench.peers.rows import Subject

EVENTSOURCING: Final = Peer(
    key="eventsourcing",
    name="eventsourcing, SQLite",
    durability="SQLite with a write-ahead log (its default), synchronous=FULL: the log is flushed for each save",
    child="bench.peers.eventsourcing_child",
    subjects={Subject.LOG: 3.0},
    version=lambda: versions("eventsourcing"),
    missing=lambda: not_installed("eventsourcing"),
)
