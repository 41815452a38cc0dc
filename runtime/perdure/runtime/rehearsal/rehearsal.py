"""What a rehearsal found: for each job, and by job type. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from uuid import UUID

import msgspec

from perdure.runtime.manifest import UpgradePolicy
from perdure.runtime.proof.proof import Difference
from perdure.store.events import JsonObject
from perdure.store.lifecycle import Status


class Verdict(enum.StrEnum):
    """What the new version does with a recorded job."""

    SAME = "same"  # the same calls with the same arguments, and the same end; fuel aside
    DIFFERENT = "different"  # another call, or another end
    INCOMPATIBLE = "incompatible"  # it cannot run the job at all
    UNDECIDED = "undecided"  # something could not be compared


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an unfinished job can go on with the new version from its last checkpoint.

    ``checkpoint`` is that one's sequence, 0 the job's start. ``first`` is the first thing that the guest then does, a
    host call or its end; nothing of it happens. ``problem`` says why it cannot, for people.
    """

    checkpoint: int
    first: JsonObject | None = None
    problem: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it can."""
        return not self.problem


class JobRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """One job, rehearsed.

    ``version`` is the one that it runs, or ran last. ``runs`` were run again, in which ``calls`` host calls were
    answered from the log; at the last ones compared the recorded guests had consumed ``recorded_fuel`` in all, and the
    new version ``fuel``. ``difference`` is the first one; ``reason`` says why the verdict is not `Verdict.SAME`, for
    people. ``policy`` is what would become of the job, if the version were installed; ``onward`` is for unfinished
    ones.
    """

    job_id: UUID
    job_type: str
    status: Status
    version: str
    verdict: Verdict
    policy: UpgradePolicy = UpgradePolicy.STAY
    reason: str = ""
    runs: int = 0
    calls: int = 0
    recorded_fuel: int = 0
    fuel: int = 0
    difference: Difference | None = None
    onward: Onward | None = None

    @property
    def good(self) -> bool:
        """Whether there is nothing that a person should look at before the upgrade."""
        return self.verdict is Verdict.SAME and (self.onward is None or self.onward.goes_on)


class TypeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of one type: how many have which verdict, and how many unfinished ones ``cannot_go_on``."""

    job_type: str
    jobs: int
    unfinished: int
    same: int
    different: int
    incompatible: int
    undecided: int
    cannot_go_on: int
    recorded_fuel: int
    fuel: int


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of an extension, run again with version ``version`` instead of ``installed``.

    ``module`` is the SHA-256 of its bytes; ``problem`` is why it cannot run at all, which then is every job's reason.
    ``seed`` chose the sample of the finished jobs, of which there are ``finished``.
    """

    extension: str
    installed: str
    version: str
    module: str
    seed: int
    finished: int
    jobs: tuple[JobRehearsal, ...]
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether there is nothing that a person should look at before the upgrade."""
        return not self.problem and all(job.good for job in self.jobs)

    @property
    def by_type(self) -> tuple[TypeSummary, ...]:
        """The summary, by job type."""
        return tuple(
            _summary(job_type, [job for job in self.jobs if job.job_type == job_type])
            for job_type in sorted({job.job_type for job in self.jobs})
        )


def _summary(job_type: str, jobs: list[JobRehearsal]) -> TypeSummary:
    verdicts = Counter(job.verdict for job in jobs)
    return TypeSummary(
        job_type=job_type,
        jobs=len(jobs),
        unfinished=sum(job.onward is not None for job in jobs),
        same=verdicts[Verdict.SAME],
        different=verdicts[Verdict.DIFFERENT],
        incompatible=verdicts[Verdict.INCOMPATIBLE],
        undecided=verdicts[Verdict.UNDECIDED],
        cannot_go_on=sum(job.onward is not None and not job.onward.goes_on for job in jobs),
        recorded_fuel=sum(job.recorded_fuel for job in jobs),
        fuel=sum(job.fuel for job in jobs),
    )
