"""What a cancel takes along: the job's descendants, in the transaction that records the cancel.

So a process that dies in the middle has cancelled all of them or none. A child that is dispatched while the cancel is
being computed changes the rows of its parent's children, and the store refuses the cancel, which is computed anew; one
that is dispatched after it never begins (`perdure.store.family.is_called_off`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from perdure.store.errors import UnknownJob
from perdure.store.event_store import Effects, EventStore, SideAppend
from perdure.store.events import JobCancelled, JobCancelRequested, encode, job_stream
from perdure.store.family import child_of_key, children_prefix
from perdure.store.job_state import JobState
from perdure.store.rows import RangeRead, digest_of_rows

_ALL: Final = 1 << 30


class Cancel(msgspec.Struct, frozen=True):
    """What the cancel is for one job: its end, if nothing of it runs, which ``expected`` makes sure of."""

    job: JobState
    event: JobCancelRequested | JobCancelled
    expected: int | None


def cancel_of(job: JobState, runs: bool) -> Cancel:
    """The cancel of one job."""
    if runs:
        return Cancel(job, JobCancelRequested(), None)
    return Cancel(job, JobCancelled(forced=False, fuel=0), job.sequence)


class FamilyCancel(msgspec.Struct, frozen=True):
    """The cancel of a job, and those of its descendants as its effects."""

    root: Cancel
    others: tuple[Cancel, ...]
    ranges: tuple[RangeRead, ...]

    @property
    def effects(self) -> Effects | None:
        """What the append to the job's own stream brings along."""
        if not self.ranges and not self.others:
            return None
        appends = tuple(
            SideAppend(job_stream(cancel.job.job_id), (encode(cancel.event),), cancel.expected)
            for cancel in self.others
        )
        return Effects(ranges=self.ranges, appends=appends)


def family_cancel(store: EventStore, job: JobState, runs: Callable[[JobState], bool]) -> FamilyCancel:
    """Compute the cancel of ``job``; ``runs`` says whether a job has an actor.

    Descendants that have ended stay as they are, theirs do not. Those that were asked before are not asked again.
    """
    root = cancel_of(job, runs(job))
    others: list[Cancel] = []
    ranges: list[RangeRead] = []
    left = [job]
    while left:
        above = left.pop()
        prefix = children_prefix(above.job_id)
        rows = store.rows(prefix, limit=_ALL)
        if runs(above):  # nobody else can get children meanwhile
            ranges.append(RangeRead(prefix, b"", len(rows) + 1, digest_of_rows(rows)))
        for row in rows:
            try:
                child = store.job(child_of_key(row.key))
            except UnknownJob:
                continue  # only a damaged log has a row without its job
            left.append(child)
            if not child.finished and not (child.cancel_requested and runs(child)):
                others.append(cancel_of(child, runs(child)))
    return FamilyCancel(root, tuple(others), tuple(ranges))
