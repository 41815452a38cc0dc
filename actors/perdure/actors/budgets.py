"""What the actors need of whoever keeps the budgets: what one attempt may use of what its extension may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from perdure.actors.messages import BudgetUse

PLENTY: Final = 1 << 62


class Edge(msgspec.Struct, frozen=True):
    """There is no room. ``use`` says of what and what to do; to ``wait`` is to ask again after ``seconds``.

    ``known``: whoever asked was told before, and asks too early.
    """

    use: BudgetUse
    seconds: float
    known: bool = False


class FuelLease(msgspec.Struct, frozen=True):
    """An attempt may have consumed ``limit`` in all; when it has consumed ``renew``, it should ask for more."""

    limit: int
    renew: int


class AttemptBudgets(Protocol):
    """The budgets of one attempt, for its own thread. ``waited``: the seconds that it has waited for this already."""

    def fuel(self, used: int, waited: float = 0.0) -> FuelLease | Edge:
        """Ask for fuel at the start, and when a lease is to be renewed; ``used`` is what the attempt has consumed."""

    def events(self, most: int, waited: float = 0.0) -> int | Edge:
        """Ask for room for events: from 1 to ``most``."""

    def bytes(self, amount: int, waited: float = 0.0) -> Edge | None:
        """Count bytes that are about to be written; nothing is counted at an edge."""

    def out_of_fuel(self, used: int) -> Edge:
        """The edge that an attempt has met which has used up its lease."""

    def close(self, fuel: int) -> None:
        """The attempt is over, and consumed so much fuel. Idempotent."""


class JobBudgets(Protocol):
    """Where attempts get their budgets. Thread-safe."""

    def attempt(self, extension: str, job_type: str) -> AttemptBudgets:
        """The budgets of an attempt of this job type, by its full name."""

    def concurrent_jobs(self, extension: str) -> Mapping[str, int]:
        """How many jobs may run at once, of the job types for which that is limited, by their full names."""


class NoAttemptBudgets:
    """An attempt may use what it likes."""

    def fuel(self, used: int, waited: float = 0.0) -> FuelLease | Edge:
        """See `AttemptBudgets.fuel`."""
        return FuelLease(PLENTY, PLENTY)

    def events(self, most: int, waited: float = 0.0) -> int | Edge:
        """See `AttemptBudgets.events`."""
        return most

    def bytes(self, amount: int, waited: float = 0.0) -> Edge | None:
        """See `AttemptBudgets.bytes`."""
        return None

    def out_of_fuel(self, used: int) -> Edge:
        """See `AttemptBudgets.out_of_fuel`."""
        raise AssertionError("unreachable: its lease has no end")

    def close(self, fuel: int) -> None:
        """See `AttemptBudgets.close`."""


class NoBudgets:
    """No extension has a budget."""

    def attempt(self, extension: str, job_type: str) -> AttemptBudgets:
        """See `JobBudgets.attempt`."""
        return NoAttemptBudgets()

    def concurrent_jobs(self, extension: str) -> Mapping[str, int]:
        """See `JobBudgets.concurrent_jobs`."""
        return {}
