"""How the unfinished jobs of an extension come to the version that is installed: which policy holds for each. Pure.

The policy of a job type is what somebody set for this version, else what its manifest says, else ``stay``. How a job
then moves is `perdure.actors.upgrading`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.upgrading import Upgrade
from perdure.runtime.errors import InvalidUpgradePolicy
from perdure.runtime.guests.job_types import resolve_job
from perdure.runtime.manifest import Manifest, UpgradePolicy, parse_manifest
from perdure.store.events import JobType
from perdure.store.extension_state import ExtensionState
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

ANY_JOB: Final = "*"
_SHOWN: Final = 100  # characters of a name


class JobUpgrade(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy comes to for one job that runs another version than the one that is installed.

    ``version`` is the job's now. ``moves``: it will be moved; else ``reason`` says why not, for people.
    """

    job_id: UUID
    job_type: str
    status: Status
    version: str
    policy: UpgradePolicy
    moves: bool
    reason: str = ""


class UpgradeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The unfinished jobs of an extension that do not run its installed ``version``."""

    extension: str
    version: str
    jobs: tuple[JobUpgrade, ...]

    @property
    def refused(self) -> tuple[JobUpgrade, ...]:
        """Those that should move and cannot."""
        return tuple(job for job in self.jobs if not job.moves and job.policy is not UpgradePolicy.STAY)

    @property
    def lines(self) -> tuple[str, ...]:
        """What becomes of them, a line for each kind."""
        counts = Counter((job.job_type, job.version, job.policy, job.moves, job.reason) for job in self.jobs)
        lines = []
        for (job_type, version, policy, moves, reason), count in sorted(counts.items()):
            who = f"{count:,} unfinished job{'s' * (count != 1)} of {job_type} {version}"
            verb = ("moves", "starts", "stays") if count == 1 else ("move", "start", "stay")
            if moves and policy is UpgradePolicy.CHECKPOINT:
                lines.append(f"{who} {verb[0]} to {self.version} at the next checkpoint")
            elif moves:
                lines.append(f"{who} {verb[1]} again with {self.version}")
            else:
                lines.append(f"{who} {verb[2]} on that version{f': {reason}' if reason else ''}")
        return tuple(lines)


def checked_policies(extension: str, policies: Mapping[str, str]) -> dict[str, str]:
    """Policies by job type as they are recorded; a type may be given with its extension's id.

    Raises:
        InvalidUpgradePolicy: one is none of `UpgradePolicy`.
    """
    checked: dict[str, str] = {}
    for name, policy in policies.items():
        if policy not in set(UpgradePolicy):
            raise InvalidUpgradePolicy(name[:_SHOWN], policy[:_SHOWN], tuple(UpgradePolicy))
        checked[name.removeprefix(f"{extension}:")] = str(policy)
    return checked


def check_job_types(policies: Mapping[str, str], job_types: tuple[JobType, ...]) -> None:
    """Make sure that each policy is for a job type of the version; none can be carried out for another.

    Raises:
        InvalidUpgradePolicy: the version has no such job type.
    """
    names = {kind.name for kind in job_types}
    for name, policy in policies.items():
        if name != ANY_JOB and name not in names:
            raise InvalidUpgradePolicy(name[:_SHOWN], policy, tuple(sorted(names)), unknown=True)


def policy_of(job_type: str, upgrades: Mapping[str, str], manifest: Manifest) -> UpgradePolicy:
    """The policy for a job type, by its name within the extension."""
    chosen = upgrades.get(job_type, upgrades.get(ANY_JOB))
    if chosen is not None:
        return UpgradePolicy(chosen)
    entry = manifest.jobs.get(job_type)
    return entry.upgrade if entry is not None else UpgradePolicy.STAY


def unknown_jobs(manifest: Manifest, job_types: tuple[JobType, ...]) -> tuple[str, ...]:
    """A warning for each job of the manifest that the module does not offer, as far as that is known."""
    names = {kind.name for kind in job_types}
    if not names:
        return ()
    lines = (
        f"manifest.json: jobs.{name}: the module offers no such job" for name in manifest.jobs if name not in names
    )
    return tuple(lines)


def is_of_another_version(job: JobState, installed: ExtensionState) -> bool:
    """Whether the job runs another module than the installed one, and not because a fork of it was given one since."""
    if not installed.installed or job.module == installed.module:
        return False
    return job.forked_from is None or job.dispatched_at <= installed.installed_at


def upgrade_of(job: JobState, installed: ExtensionState) -> Upgrade | None:
    """What a job is to move to, if that is so: nothing is known before the installed version was loaded once."""
    if not is_of_another_version(job, installed) or not installed.job_types:
        return None
    policy, kind, reason = _decide(job, installed, parse_manifest(installed.manifest))
    if policy is UpgradePolicy.STAY or kind is None or reason:
        return None
    return Upgrade(
        installed.version, installed.module, kind.export, kind.resumable, restart=policy is UpgradePolicy.RESTART
    )


def job_upgrade(job: JobState, installed: ExtensionState) -> JobUpgrade:
    """What the policy comes to for a job of another version."""
    policy, _, reason = _decide(job, installed, parse_manifest(installed.manifest))
    return JobUpgrade(
        job_id=job.job_id,
        job_type=job.job_type,
        status=job.status,
        version=job.version,
        policy=policy,
        moves=policy is not UpgradePolicy.STAY and not reason,
        reason=reason,
    )


def _decide(job: JobState, installed: ExtensionState, manifest: Manifest) -> tuple[UpgradePolicy, JobType | None, str]:
    """The policy, the job type that the job will be, and why it cannot move."""
    name = job.job_type.partition(":")[2]
    policy = policy_of(name, installed.upgrades, manifest)
    kind = resolve_job(installed.job_types, name)
    if policy is UpgradePolicy.STAY:
        return policy, kind, ""
    if kind is None and installed.job_types:
        return policy, None, f"version {installed.version} has no such job type"
    if policy is UpgradePolicy.CHECKPOINT and not job.resumable:
        return policy, kind, "it cannot be resumed from a checkpoint"
    if policy is UpgradePolicy.CHECKPOINT and kind is not None and not kind.resumable:
        return policy, kind, f"version {installed.version} cannot resume it from a checkpoint"
    return policy, kind, ""
