"""DBOS: durable workflows in a Python process, on SQLite as it comes, on SQLite in WAL mode, and on PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from bench.peers import postgres
from bench.peers.peer import Peer, not_installed, versions
from bench.peers.rows import Subject

_CHILD: Final = "bench.peers.dbos_child"
_SECONDS: Final = {Subject.STEPS: 10.0}


def _version() -> str:
    return versions("dbos")


def _missing() -> str:
    return not_installed("dbos")


def _on(database: str) -> Any:
    return lambda: {"database": database}


DBOS: Final[tuple[Peer, ...]] = (
    Peer(
        key="dbos-sqlite",
        name="DBOS, SQLite",
        durability="SQLite with a rollback journal (its default), synchronous=FULL: journal, database and folder are "
        "flushed for each step",
        child=_CHILD,
        subjects=_SECONDS,
        version=_version,
        missing=_missing,
        words=_on("sqlite"),
        pace=0.25,
    ),
    Peer(
        key="dbos-wal",
        name="DBOS, SQLite in WAL mode",
        durability="SQLite with a write-ahead log, synchronous=FULL: the log is flushed for each step",
        child=_CHILD,
        subjects={**_SECONDS, Subject.BUSY: 8.0, Subject.RECOVERY: 28.0},
        version=_version,
        missing=_missing,
        words=_on("wal"),
        pace=0.5,
    ),
    Peer(
        key="dbos-postgres",
        name="DBOS, PostgreSQL",
        durability="PostgreSQL's defaults: the write-ahead log is flushed for each commit (fdatasync), by each backend",
        child=_CHILD,
        subjects=_SECONDS,
        version=lambda: ", ".join((_version(), postgres.version())) if _version() else "",
        missing=lambda: _missing() or postgres.missing(),
        words=lambda: {"database": "postgres", "programs": str(postgres.programs())},
        pace=0.5,
    ),
)
