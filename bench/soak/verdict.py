"""Whether what should be flat is: pure, from the samples.

A quantity grows if it does so beyond noise (the lower end of the slope's interval), and if that comes to something over
the time that was looked at: more than `TOLERANCE` of what there is, or one for what is counted in single things.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from bench.soak.sample import Sample
from bench.soak.slope import slope_of

TOLERANCE: Final = 0.02
# What is judged: its title, its unit, how many of the sample's make one of it, and how much growth is none.
JUDGED: Final[Mapping[str, tuple[str, str, float, float]]] = {
    "private": ("private memory", "MiB", 2**20, 1.0),
    "blocks": ("memory blocks of Python", "1,000", 1_000, 1.0),
    "given_out": ("memory of the C library, given out", "MiB", 2**20, 1.0),
    "threads": ("threads", "1", 1, 1.0),
    "descriptors": ("file descriptors", "1", 1, 1.0),
    "mappings": ("mappings", "1", 1, 16.0),
    "readers": ("LMDB's reader slots", "1", 1, 1.0),
    "waiting": ("waiting messages and events", "1", 1, 16.0),
}


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity: medians of its first and its last quarter, its growth an hour, and that one's interval."""

    key: str
    title: str
    unit: str
    first: float
    last: float
    an_hour: float
    low: float
    high: float
    grows: bool


def judged(samples: Sequence[Sample], warm_up: float) -> list[Judged]:
    """Each quantity, from the samples after ``warm_up`` seconds.

    Raises:
        ValueError: there are fewer than eight.
    """
    kept = [sample for sample in samples if sample.seconds >= warm_up]
    if len(kept) < 8:
        raise ValueError(f"{len(kept)} samples after {warm_up:g} s; a verdict needs eight")
    return [_of(key, kept) for key in JUDGED]


def is_flat(found: Sequence[Judged]) -> bool:
    """Whether nothing grows."""
    return not any(one.grows for one in found)


def _of(key: str, samples: Sequence[Sample]) -> Judged:
    title, unit, scale, least = JUDGED[key]
    times = [sample.seconds for sample in samples]
    values = [getattr(sample, key) / scale for sample in samples]
    slope = slope_of(times, values)
    quarter = len(values) // 4
    first, last = statistics.median(values[:quarter]), statistics.median(values[-quarter:])
    grown = slope.low * (times[-1] - times[0])
    return Judged(
        key=key,
        title=title,
        unit=unit,
        first=first,
        last=last,
        an_hour=slope.median * 3_600,
        low=slope.low * 3_600,
        high=slope.high * 3_600,
        grows=grown > max(least, TOLERANCE * statistics.median(values)),
    )
