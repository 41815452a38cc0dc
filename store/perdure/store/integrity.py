"""Whether a log is what was written.

Reads everything: frames follow one another by position, each stream's sequences and hash chain are whole, the stored
ends and projections equal a fresh fold, every payload in the blob store is there and unaltered, the index names every
frame. What it cannot see: a stream whose last events were cut off together with its stored end and projection; for
that the heads have to be kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from perdure.store.blobs import BlobStore
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import BlobRef, ExtensionInstalled, JobDispatched, decode
from perdure.store.frame import genesis, link, read_frame
from perdure.store.lmdb_store import LmdbEventStore


class Problem(msgspec.Struct, frozen=True):
    """One thing that is not as it was written; ``where`` names the position, stream or blob."""

    where: str
    what: str


class Report(msgspec.Struct, kw_only=True):
    """What was looked at, and what was found."""

    events: int = 0
    frames: int = 0
    streams: int = 0
    blobs: int = 0
    problems: list[Problem] = []

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


class _Chain(msgspec.Struct):
    name: str
    sequence: int
    hash: bytes


def check(store: EventStore) -> Report:
    """Check the whole log as it is now; another process may go on writing to it.

    Reads once through the log and once through each stream: memory is that of the number of streams.
    """
    report = Report(problems=[])
    until = store.position()
    heads = {name: head for name in store.streams() if (head := store.head(name)) is not None}
    names = {head.number: name for name, head in heads.items()}
    chains: dict[int, _Chain] = {}
    digests: set[str] = set()
    placed: dict[tuple[int, int], int] = {}
    try:
        for entry in _walk(store, names, chains, digests, report, until):
            placed[entry[0], entry[1]] = entry[2]
    except StoreError as error:
        report.problems.append(Problem("the log", str(error)))
        return report
    _check_ends(store, chains, heads, report)
    _check_index(store, placed, until, report)
    _check_blobs(store.blobs, digests, report)
    return report


def _walk(
    store: EventStore,
    names: dict[int, str],
    chains: dict[int, _Chain],
    digests: set[str],
    report: Report,
    until: int,
) -> Iterator[tuple[int, int, int]]:
    expected = 1
    for raw in store.frames():
        if raw.position > until:
            break
        frame = read_frame(raw.data, raw.position)
        where = f"position {raw.position}"
        if raw.position != expected:
            report.problems.append(Problem(where, f"position {expected} is missing"))
        expected = raw.position + len(frame.bodies)
        report.frames += 1
        report.events += len(frame.bodies)
        name = names.get(frame.stream)
        if name is None:
            report.problems.append(Problem(where, f"no stream has the number {frame.stream}"))
            continue
        chain = chains.setdefault(frame.stream, _Chain(name, 0, genesis(name)))
        if frame.first != chain.sequence + 1:
            report.problems.append(Problem(where, f"{name} goes on at sequence {frame.first} after {chain.sequence}"))
        if frame.previous != chain.hash:
            report.problems.append(Problem(where, f"{name} is broken before sequence {frame.first}: altered or cut"))
        tip = frame.previous
        for sequence, (time, raw_body) in enumerate(zip(frame.times(), frame.bodies, strict=True), frame.first):
            body = bytes(raw_body)
            tip = link(tip, sequence, time, body)
            try:
                digests.update(_references(decode(body, name)))
            except StoreError as error:
                report.problems.append(Problem(f"{name}, sequence {sequence}", str(error)))
        chain.sequence, chain.hash = frame.last, tip
        yield frame.stream, frame.first, raw.position


def _references(event: Any) -> Iterator[str]:
    if isinstance(event, ExtensionInstalled | JobDispatched):
        yield event.module
    for name in ("state", "payload", "answer"):
        value = getattr(event, name, None)
        if isinstance(value, BlobRef):
            yield value.digest


def _check_ends(store: EventStore, chains: dict[int, _Chain], heads: dict[str, Any], report: Report) -> None:
    by_name = {chain.name: chain for chain in chains.values()}
    for name, head in heads.items():
        report.streams += 1
        chain = by_name.get(name)
        if chain is None:
            report.problems.append(Problem(name, "the stream has an end but no events"))
            continue
        if chain.sequence < head.sequence:
            report.problems.append(Problem(name, f"ends at sequence {chain.sequence}, not at {head.sequence}"))
        elif chain.sequence == head.sequence and chain.hash != head.hash:
            report.problems.append(Problem(name, f"its last event, {head.sequence}, was altered"))
        try:
            fresh, now = store.rebuild(name, head.sequence), store.head(name)
            # Another process may have appended since: then there is nothing to compare with.
            if now == head and fresh != store.state(name) and store.head(name) == head:
                report.problems.append(Problem(name, "its projection differs from a fresh fold of its events"))
        except StoreError as error:
            report.problems.append(Problem(name, str(error)))


def _check_index(store: EventStore, placed: dict[tuple[int, int], int], until: int, report: Report) -> None:
    if not isinstance(store, LmdbEventStore):
        return  # only a store on disk has an index of its own
    found = 0
    for number, sequence, position in store.indexed():
        if position > until:
            continue
        found += 1
        if placed.get((number, sequence)) != position:
            report.problems.append(Problem(f"position {position}", "the index points to a frame that is not this"))
    if found < len(placed):
        report.problems.append(Problem("the index", f"{len(placed) - found} frames are not in it"))


def _check_blobs(blobs: BlobStore, digests: set[str], report: Report) -> None:
    for digest in sorted(digests):
        report.blobs += 1
        try:
            blobs.get(digest)
        except StoreError as error:
            report.problems.append(Problem(f"blob {digest}", str(error)))
