"""The turns: perdure and one peer after the other, again and again.

A run does everything once. Before each turn of a peer perdure takes its own at the same subject, so that of each pair
both met the same disk and the same machine: disks here change their pace within seconds. The warm-up is a run with
hardly any work, and does not count.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.disk import scratch
from bench.machine import Machine, spin_ms
from bench.peers.counts import QUICK, Counts
from bench.peers.peer import Peer
from bench.peers.results import Failure, Pairs, PeerFacts, Results
from bench.peers.rows import ROWS, Row, Subject
from bench.peers.turn import TurnFailed, run_turn

Measure = Callable[[Peer, Subject, Counts, Path], dict[str, float]]
Tell = Callable[[str], None]
_WARM_UP_SHARE: Final = 0.6  # of a run's time, which is mostly the starts of processes


class Pair(msgspec.Struct, frozen=True):
    """Two turns, one directly after the other: perdure's, and a peer's; perdure's alone where no peer is there."""

    subject: Subject
    peer: Peer | None


def pairs_of_a_run(peers: Sequence[Peer], subjects: Collection[Subject]) -> Iterator[Pair]:
    """What one run does, in this order."""
    for subject in Subject:
        if subject in subjects:
            there = [peer for peer in peers if subject in peer.subjects]
            yield from (Pair(subject, peer) for peer in there) if there else (Pair(subject, None),)


def chosen(peers: Sequence[Peer], part: str) -> tuple[list[Peer], list[Row]]:
    """The peers and rows that ``part`` is in the key of; with a peer all its rows, with a row all that have it."""
    rows = [row for row in ROWS if part in row.key or part == row.subject.value]
    some = [peer for peer in peers if part in peer.key]
    if some and not rows:
        return some, [row for row in ROWS if any(row.subject in peer.subjects for peer in some)]
    return [peer for peer in peers if any(row.subject in peer.subjects for row in rows)], rows


def estimate(ours: Peer, peers: Sequence[Peer], subjects: Collection[Subject], runs: int) -> float:
    """Seconds that it will take on an idle machine, about."""
    one = sum(
        ours.subjects[pair.subject] + (pair.peer.subjects[pair.subject] if pair.peer else 0.0)
        for pair in pairs_of_a_run(peers, subjects)
    )
    return one * (runs + _WARM_UP_SHARE)


class Comparison:
    """One comparison of those that are here; a peer whose turn fails takes no more turns at that subject."""

    def __init__(
        self,
        ours: Peer,
        peers: Sequence[Peer],
        rows: Sequence[Row],
        counts: Counts,
        root: Path,
        tell: Tell,
        measure: Measure = run_turn,
    ) -> None:
        self._ours = ours
        self._peers = peers
        self._rows = {row.key: row for row in rows}
        self._subjects = {row.subject for row in rows}
        self._counts = counts
        self._root = root
        self._tell = tell
        self._measure = measure
        self._failed: set[tuple[str, Subject]] = set()
        self.spins: list[float] = []
        self.ours: dict[str, list[float]] = {row.key: [] for row in rows}
        self.pairs: dict[tuple[str, str], Pairs] = {}
        self.failures: list[Failure] = []

    def run(self, runs: int) -> None:
        """The warm-up, and all runs."""
        self._run(0, "warm-up", QUICK)
        for number in range(1, runs + 1):
            self.spins.append(spin_ms())
            began = time.monotonic()
            self._run(number, f"run {number} of {runs}", self._counts)
            left = (time.monotonic() - began) * (runs - number)
            if left:
                self._tell(f"run {number} of {runs} is done; about {left / 60:.1f} minutes to go\n")

    def _run(self, number: int, name: str, counts: Counts) -> None:
        for pair in pairs_of_a_run(self._peers, self._subjects):
            if pair.peer is not None and (pair.peer.key, pair.subject) in self._failed:
                continue
            label = f"{name}: {pair.subject.value}"
            ours = self._turn(self._ours, pair.subject, counts, number, label)
            theirs = None if pair.peer is None else self._turn(pair.peer, pair.subject, counts, number, label)
            if number and ours is not None:
                for key in self._rows.keys() & ours.keys():
                    self.ours[key].append(ours[key])
                    if pair.peer is not None and theirs is not None and key in theirs:
                        found = self.pairs.setdefault((key, pair.peer.key), Pairs(key, pair.peer.key, [], []))
                        found.ours.append(ours[key])
                        found.theirs.append(theirs[key])

    def _turn(self, peer: Peer, subject: Subject, counts: Counts, run: int, label: str) -> dict[str, float] | None:
        self._tell(f"{label}, {peer.name}")
        try:
            with scratch(self._root) as folder:
                inner = folder / "turn"
                inner.mkdir()
                return self._measure(peer, subject, counts, inner)
        except TurnFailed as error:
            self.failures.append(Failure(peer.key, subject.value, run, str(error)))
            if peer is not self._ours:
                self._failed.add((peer.key, subject))
            self._tell(f"{label}, {peer.name}: {error}\n")
            return None


def compare(
    ours: Peer,
    peers: Sequence[Peer],
    rows: Sequence[Row],
    counts: Counts,
    runs: int,
    root: Path,
    machine: Machine,
    command: str,
    tell: Tell,
    measure: Measure = run_turn,
) -> Results:
    """Ask who is here, print the estimate, take all turns."""
    missing = {peer.key: peer.missing() for peer in peers}
    for peer in peers:
        if missing[peer.key]:
            tell(f"{peer.name} is missing: {missing[peer.key]}\n")
    here = [peer for peer in peers if not missing[peer.key]]
    seconds = estimate(ours, here, {row.subject for row in rows}, runs)
    minutes = max(1, round(seconds / 60))
    tell(f"{len(here)} peers and perdure, {runs} x: about {minutes} min on an idle machine\n")
    facts = [
        PeerFacts(
            key=peer.key,
            name=peer.name,
            version=peer.version(),
            durability=peer.durability,
            missing=missing.get(peer.key, ""),
            pace=peer.pace,
            weaker=peer.weaker,
        )
        for peer in (ours, *peers)
    ]
    comparison = Comparison(ours, here, rows, counts, root, tell, measure)
    began = time.monotonic()
    comparison.run(runs)
    return Results(
        command=command,
        measured=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"),
        machine=machine,
        runs=runs,
        seconds=round(time.monotonic() - began, 1),
        spin_ms=comparison.spins,
        counts=counts,
        peers=facts,
        rows=list(rows),
        ours=comparison.ours,
        pairs=list(comparison.pairs.values()),
        failures=comparison.failures,
    )
