"""How much an extension may use, and what happens when it has used it: a part of its grant.

A budget is a limit and what the host does at its edge:

- ``refuse``: a call is answered with ``rate_limited`` and ``retry_after_ms``; what has no answer fails the job.
- ``wait``: the job is held at its host call until there is room; if ``wait_ms`` are not enough for that, refused.
- ``suspend``: the job is stopped, and goes on by itself from its last checkpoint when there is room.

Not each makes sense for each budget: fuel of a job that is used up never comes back (`RESPONSES`).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import msgspec

from perdure.actors.hooks import BUDGETS

if TYPE_CHECKING:
    from perdure.runtime.manifest import ManifestPermissions

_MIB: Final = 1024 * 1024
MOST: Final = 2**62  # sums of what is used stay within 64 bits
MOST_REQUESTS: Final = 1_000_000  # each has a stamp of 8 bytes in memory
MOST_WAIT_MS: Final = 600_000


class AtEdge(enum.StrEnum):
    """What the host does when a budget is used up; see the module."""

    REFUSE = "refuse"
    WAIT = "wait"
    SUSPEND = "suspend"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, None for none, and what happens at its edge. ``wait_ms`` bounds a wait; it says nothing otherwise.

    Raises:
        ValueError: a number is out of range.
    """

    limit: int | None = None
    at_edge: AtEdge = AtEdge.REFUSE
    wait_ms: int = 30_000

    def __post_init__(self) -> None:
        if self.limit is not None and not 1 <= self.limit < MOST:
            raise ValueError(f"a budget's limit must be from 1 to {MOST - 1}, or null for none, not {self.limit}")
        if not 1 <= self.wait_ms <= MOST_WAIT_MS:
            raise ValueError(f"a budget's wait_ms must be from 1 to {MOST_WAIT_MS}, not {self.wait_ms}")


class JobTypeBudgets(msgspec.Struct, frozen=True, kw_only=True):
    """What all jobs of one type may use, within what their extension may.

    Attributes:
        requests_per_minute: calls of operations in any 60 seconds.
        concurrent_jobs: jobs that run at once.
        fuel_per_job: fuel of one job, over all its attempts.
        fuel_per_hour: fuel in any hour.
        bytes_per_hour: bytes written in any hour: checkpoints, payloads and answers of actions, contents.
        events_per_second: what guests report, in any second.
        memory_bytes: the memory of one job.

    Raises:
        ValueError: a budget has a response that it cannot have (`RESPONSES`), or too large a limit.
    """

    requests_per_minute: Budget = Budget()
    concurrent_jobs: Budget = Budget(at_edge=AtEdge.WAIT)
    fuel_per_job: Budget = Budget()
    fuel_per_hour: Budget = Budget()
    bytes_per_hour: Budget = Budget()
    events_per_second: Budget = Budget()
    memory_bytes: Budget = Budget()

    def __post_init__(self) -> None:
        for name, responses in RESPONSES.items():
            budget = self.of(name)
            if budget.at_edge not in responses:
                raise ValueError(f"at the edge of {name} there can be {', '.join(responses)}, not {budget.at_edge}")
        requests = self.requests_per_minute.limit
        if requests is not None and requests > MOST_REQUESTS:
            raise ValueError(f"requests_per_minute may be at most {MOST_REQUESTS}, or null for no limit")

    def of(self, name: str) -> Budget:
        """The budget with this name, one of `BUDGETS`."""
        budget: Budget = getattr(self, name)
        return budget


class Budgets(JobTypeBudgets, frozen=True, kw_only=True):
    """What an extension may use. ``job_types`` has what some of its job types may use of that, by their names."""

    requests_per_minute: Budget = Budget(limit=1_000)
    concurrent_jobs: Budget = Budget(limit=10, at_edge=AtEdge.WAIT)
    events_per_second: Budget = Budget(limit=500_000)
    memory_bytes: Budget = Budget(limit=512 * _MIB)
    job_types: dict[str, JobTypeBudgets] = {}


_ANY: Final = tuple(AtEdge)
RESPONSES: Final[dict[str, tuple[AtEdge, ...]]] = {
    "requests_per_minute": _ANY,
    # Refused is the dispatch. A job that waits is queued: it has no thread, and is not held by any call.
    "concurrent_jobs": (AtEdge.REFUSE, AtEdge.WAIT),
    "fuel_per_job": (AtEdge.REFUSE,),
    "fuel_per_hour": _ANY,
    "bytes_per_hour": _ANY,
    "events_per_second": _ANY,
    "memory_bytes": (AtEdge.REFUSE,),
}


def asked_budgets(permissions: ManifestPermissions, default: Budgets) -> Budgets:
    """What a manifest asks for. ``default`` says what it cannot: the other limits, and what happens at each edge."""
    limits = permissions.rate_limits
    replace = msgspec.structs.replace
    return replace(
        default,
        requests_per_minute=replace(default.requests_per_minute, limit=limits.requests_per_minute),
        concurrent_jobs=replace(default.concurrent_jobs, limit=limits.concurrent_jobs),
        memory_bytes=replace(default.memory_bytes, limit=permissions.max_memory_mb * _MIB),
    )


def exceeding(asked: Budgets, granted: Budgets) -> tuple[str, ...]:
    """The budgets of which ``asked`` wants more than ``granted`` has. What happens at their edges is not asked for."""
    return tuple(
        name
        for name in BUDGETS
        if (most := granted.of(name).limit) is not None and ((limit := asked.of(name).limit) is None or limit > most)
    )
