"""Which jobs there are, by their ids and their statuses: what lists of them begin with."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from perdure.store.event_store import JobQuery
from perdure.store.events import job_stream, stream_key
from perdure.store.job_state import JobState
from perdure.store.lifecycle import TERMINAL, UNFINISHED, Status
from perdure.store.lmdb_environment import LmdbEnvironment
from perdure.store.lmdb_layout import FOLDED, kept_end, status_key, status_value
from perdure.store.projection import decode_state

_STEPS: Final = 4_096  # of a cursor in one transaction
_STATES: Final = 128  # that one transaction copies out at most
_CHUNK: Final = 1024  # keys that one transaction copies out at most


class LmdbJobs:
    """The jobs in an environment, as each transaction finds them."""

    def __init__(self, env: LmdbEnvironment) -> None:
        self._env = env

    def streams(self, query: JobQuery) -> Iterator[str]:
        """The streams of the jobs before ``query.before`` that have one of its statuses, newest first."""
        if not query.statuses:
            yield from self._keys_backward(self._env.streams, b"job:", query.before)
            return
        of_each = (
            self._keys_backward(self._env.statuses, f"{status}\0".encode(), query.before) for status in query.statuses
        )
        # Merged as they are read: a page of many jobs costs a page.
        yield from map(job_stream, heapq.merge(*of_each, reverse=True))

    def states(self, streams: Iterator[str], containing: bytes = b"") -> Iterator[JobState]:
        """The states of jobs, in the order of their streams; those without these bytes are passed over undecoded."""
        while chunk := list(itertools.islice(streams, _STATES)):
            with self._env.transaction() as txn:
                found = [(stream, txn.get(stream_key(stream), db=self._env.streams)) for stream in chunk]
            for stream, data in found:
                if data is None or containing not in data:
                    continue
                state = decode_state(stream, kept_end(stream, data).state)
                if isinstance(state, JobState):
                    yield state

    def _keys_backward(self, database: Any, prefix: bytes, before: UUID | None) -> Iterator[str]:
        """Keys that begin with ``prefix``, last first; the prefix is kept only for stream names."""
        upper = prefix + (str(before).encode() if before is not None else b"\xff")
        cut = 0 if database is self._env.streams else len(prefix)
        while True:
            chunk: list[str] = []
            with self._env.transaction() as txn:
                cursor = txn.cursor(database)
                found = cursor.prev() if cursor.set_range(upper) else cursor.last()
                while found and cursor.key().startswith(prefix) and len(chunk) < _CHUNK:
                    upper = cursor.key()
                    chunk.append(upper[cut:].decode())
                    found = cursor.prev()
            if not chunk:
                return
            yield from chunk

    def count_unfinished(self) -> dict[Status, int]:
        """How many jobs have not ended, by status; statuses without jobs are 0."""
        return {
            status: sum(1 for _ in self._keys_backward(self._env.statuses, f"{status}\0".encode(), None))
            for status in sorted(UNFINISHED)
        }

    def count(self) -> dict[Status, int]:
        """How many jobs there are, by status; statuses without jobs are 0."""
        with self._env.transaction() as txn:
            return {status: self._count_of(txn.cursor(self._env.statuses), status) for status in sorted(Status)}

    def _count_of(self, cursor: Any, status: Status) -> int:
        prefix = f"{status}\0".encode()
        if not cursor.set_range(prefix):
            return 0
        keys = itertools.takewhile(lambda key: key.startswith(prefix), cursor.iternext(keys=True, values=False))
        return sum(1 for _ in keys)

    def unfolded(self, after: UUID | None, until: UUID | None, limit: int) -> list[UUID]:
        """The first ``limit`` jobs that have ended and are not folded, with ``after < id < until``, oldest first."""
        found: list[str] = []
        for status in TERMINAL:
            found += self._unfolded_with(status, after, until, limit)
        return [UUID(job_id) for job_id in sorted(found)[:limit]]

    def _unfolded_with(self, status: Status, after: UUID | None, until: UUID | None, limit: int) -> list[str]:
        prefix, found = f"{status}\0".encode(), list[str]()
        stop = prefix + (str(until).encode() if until is not None else b"\xff")
        key = prefix + (str(after).encode() + b"\0" if after is not None else b"")
        there = True
        while there and len(found) < limit:
            steps = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.statuses)
                there = cursor.set_range(key)
                while there and steps < _STEPS and len(found) < limit:
                    key = cursor.key()
                    if key >= stop:
                        there = False
                        break
                    if cursor.value() != FOLDED:
                        found.append(key[len(prefix) :].decode())
                    there = cursor.next()
                    steps += 1
                if there:
                    key = cursor.key()
        return found

    def misfiled(self) -> tuple[list[str], int]:
        """Streams of jobs that the index of statuses lacks, and how many of its entries are too many.

        One look at all jobs in one transaction.
        """
        missing: list[str] = []
        jobs = 0
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.streams)
            found = cursor.set_range(b"job:")
            while found and cursor.key().startswith(b"job:"):
                stream = cursor.key().decode()
                state = decode_state(stream, kept_end(stream, cursor.value()).state)
                jobs += 1
                filed = txn.get(status_key(state), db=self._env.statuses) if isinstance(state, JobState) else None
                if not isinstance(state, JobState) or filed != status_value(state):
                    missing.append(stream)
                found = cursor.next()
            entries: int = txn.stat(self._env.statuses)["entries"]
        return missing, entries - (jobs - len(missing))
