"""What a comparison found, as it is kept in bench/results/peers.json, and the ratios that follow from it."""

from __future__ import annotations

import statistics

import msgspec

from bench.figure import Better
from bench.machine import Machine
from bench.peers.counts import Counts
from bench.peers.rows import Row


class PeerFacts(msgspec.Struct, frozen=True):
    """Who was compared. ``missing``: why a peer could not be; ``pace``: times the steps of `Results.counts`.

    ``weaker``: it answers before its steps are on the disk.
    """

    key: str
    name: str
    version: str
    durability: str
    missing: str
    pace: float
    weaker: bool


class Pairs(msgspec.Struct):
    """One row of one peer: its values, and perdure's directly before each of them."""

    row: str
    peer: str
    ours: list[float]
    theirs: list[float]


class Failure(msgspec.Struct, frozen=True):
    """A turn without values. Runs count from 1; 0 is the warm-up."""

    peer: str
    subject: str
    run: int
    reason: str


class Results(msgspec.Struct, kw_only=True):
    """A whole comparison. ``ours``: all values of perdure by row; ``spin_ms``: a fixed piece of Python, once a run."""

    command: str
    measured: str  # the date, UTC
    machine: Machine
    runs: int
    seconds: float
    spin_ms: list[float]
    counts: Counts
    peers: list[PeerFacts]
    rows: list[Row]
    ours: dict[str, list[float]]
    pairs: list[Pairs]
    failures: list[Failure]


class Ratio(msgspec.Struct, frozen=True):
    """How many times as fast as a peer perdure is, or as small: above 1 is better for perdure. Of each pair."""

    median: float
    minimum: float
    maximum: float


def ratio(row: Row, pairs: Pairs) -> Ratio | None:
    """The ratios pair by pair, summed up; None where a value is nothing, which nothing can be compared with."""
    found = []
    for ours, theirs in zip(pairs.ours, pairs.theirs, strict=True):
        above, below = (theirs, ours) if row.better is Better.LESS else (ours, theirs)
        if below <= 0 or above <= 0:
            return None
        found.append(above / below)
    if not found:
        return None
    return Ratio(statistics.median(found), min(found), max(found))


def best_peer(row: Row, results: Results) -> Pairs | None:
    """The pairs of the peer that is best at this row, by its median, of those as durable; None where there is none."""
    weaker = {peer.key for peer in results.peers if peer.weaker}
    found = [pairs for pairs in results.pairs if pairs.row == row.key and pairs.theirs and pairs.peer not in weaker]
    if not found:
        return None
    choose = min if row.better is Better.LESS else max
    return choose(found, key=lambda pairs: statistics.median(pairs.theirs))


def encoded(results: Results) -> bytes:
    """As a file, one value a line, so that two of them can be compared."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def decoded(data: bytes) -> Results:
    """From a file."""
    return msgspec.json.decode(data, type=Results)
