"""What a verification found: all numbers, for programs and for people. Pure."""

from __future__ import annotations

import enum
import json
from uuid import UUID

import msgspec

from perdure.store.events import JsonObject


class Verdict(enum.StrEnum):
    """What a proof comes to."""

    PROVED = "proved"  # all that can be compared was compared, and is equal
    PARTIAL = "partial"  # nothing differs, but something could not be compared that should be
    DIFFERS = "differs"  # run again, the guest does something else than the log says
    DAMAGED = "damaged"  # the events are not what was written, or do not follow from one another


class Difference(msgspec.Struct, frozen=True):
    """The first place where what came differs from what is recorded.

    ``run`` and ``call`` count from 1; the event stands at ``sequence`` of the stream. ``recorded`` and ``came`` say the
    host call or the end with its arguments, of bytes the size and the SHA-256, the fuel only where it is what differs.
    """

    run: int
    call: int
    sequence: int
    recorded: JsonObject
    came: JsonObject

    @property
    def is_fuel(self) -> bool:
        """Whether nothing but the fuel differs."""
        without = [{name: value for name, value in words.items() if name != "fuel"} for words in self.both]
        return without[0] == without[1] and self.recorded.get("fuel") != self.came.get("fuel")

    @property
    def both(self) -> tuple[JsonObject, JsonObject]:
        """What is recorded, and what came."""
        return self.recorded, self.came

    @property
    def message(self) -> str:
        """One line for people."""
        recorded, came = (json.dumps(words, ensure_ascii=False) for words in self.both)
        return f"run {self.run}, call {self.call}, event {self.sequence}: recorded was {recorded}, what came is {came}"


class NotCompared(msgspec.Struct, frozen=True):
    """Something that could not be compared: ``count`` times ``what``, and ``why``.

    ``expected``: it is so with every such job and leaves the verdict as it is.
    """

    what: str
    count: int
    why: str
    expected: bool = True


class Lost(msgspec.Struct, frozen=True):
    """Calls that cannot be run again any more: ``calls`` of run ``run``, from ``call`` (at ``sequence``) on.

    ``why``: a key that was destroyed or is not there, a blob that is missing.
    """

    run: int
    call: int
    sequence: int
    calls: int
    why: str


class RunProof(msgspec.Struct, frozen=True, kw_only=True):
    """One run, run again.

    ``origin`` is the sequence of the checkpoint that it began from, 0 the dispatch; its events stand from ``first`` to
    ``last``. ``end`` names its end: an event's tag, ``broken off`` or ``unfinished``; ``by_guest``: the guest ended it,
    so that was compared too. ``calls`` were compared (``recorded_calls`` are known), ``silent`` of them interrupts
    that were answered with 0; ``events`` and ``bytes`` came out as they are stored; ``fuel`` is what had been consumed
    at the last of them. ``answers`` counts what the guest was told, by kind; ``opened`` the calls with a sealed part.
    ``same_fuel``: the fuel was compared and equal at every call.
    """

    number: int
    origin: int
    first: int
    last: int
    module: str
    export: str
    attempts: int
    end: str
    by_guest: bool
    recorded_calls: int
    calls: int = 0
    silent: int = 0
    events: int = 0
    bytes: int = 0
    fuel: int = 0
    same_fuel: bool = True
    opened: int = 0
    functions: dict[str, int] = {}
    answers: dict[str, int] = {}
    difference: Difference | None = None
    lost: Lost | None = None
    not_compared: tuple[NotCompared, ...] = ()


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over all runs; ``host_events`` are those that state what the host did, which no guest makes again."""

    runs: int = 0
    attempts: int = 0
    calls: int = 0
    silent: int = 0
    events: int = 0
    bytes: int = 0
    fuel: int = 0
    opened: int = 0
    host_events: int = 0
    functions: dict[str, int] = {}
    answers: dict[str, int] = {}


class Versions(msgspec.Struct, frozen=True):
    """Which perdure and which wasmtime ran something."""

    perdure: str
    wasmtime: str


class SealFinding(msgspec.Struct, frozen=True):
    """A seal that covers the job's events up to ``sequence``: made at ``time`` (microseconds since 1970) with ``key``.

    ``trusted``: the key is one that the checker named, or follows from it; else it is the bundle's own.
    """

    sequence: int
    time: int
    key: str
    trusted: bool


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the verification of one job found.

    ``sequence`` and ``hash`` (hex) name the event up to which it goes; ``events`` and ``bytes`` are the stream's, whose
    chain was computed. ``projection``: ``equal`` or ``differs`` (what is kept of the job, compared with a fold of its
    events), ``none`` in a bundle, ``moved on`` where the job went on meanwhile. ``ran_with`` are the versions that made
    the events, ``verified_with`` those that made the proof. Durations in seconds.
    """

    job_id: UUID
    verdict: Verdict
    source: str  # ``log`` or ``bundle``
    job_type: str = ""
    extension: str = ""
    status: str = ""
    sequence: int = 0
    hash: str = ""
    events: int = 0
    bytes: int = 0
    compared: Totals = Totals()
    runs: tuple[RunProof, ...] = ()
    difference: Difference | None = None
    lost: tuple[Lost, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    damage: str = ""
    projection: str = "none"
    forked_from: UUID | None = None
    seal: SealFinding | None = None
    ran_with: tuple[Versions, ...] = ()
    verified_with: Versions = Versions("", "")
    seconds: float = 0.0
    original_seconds: float = 0.0

    @property
    def is_proved(self) -> bool:
        """Whether the verdict is `Verdict.PROVED`."""
        return self.verdict is Verdict.PROVED
