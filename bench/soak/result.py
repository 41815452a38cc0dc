"""bench/results/soak.json."""

from __future__ import annotations

import msgspec

from bench.machine import Machine
from bench.soak.sample import Sample
from bench.soak.verdict import Judged


class SoakResult(msgspec.Struct, frozen=True, kw_only=True):
    """One soak.

    Attributes:
        minutes, warm_up: how long it was, and how much of it is not judged; minutes.
        load: which part of the newest of ``full_rates`` arrived.
        full_rates: jobs a second at full load, each time that they were measured.
        shed: jobs that were not dispatched because too many were unfinished.
        ended: jobs by how they ended.
        grown: types of Python objects of which there were more at the end than after the warm-up, and how many more.
    """

    machine: Machine
    minutes: float
    warm_up: float
    load: float
    full_rates: list[float]
    shed: int
    ended: dict[str, int]
    samples: list[Sample]
    judged: list[Judged]
    grown: dict[str, int]


def read(content: bytes) -> SoakResult:
    """A soak from its file."""
    return msgspec.json.decode(content, type=SoakResult)
