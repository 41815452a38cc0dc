"""After how many days a finished job is folded: pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from perdure.runtime.errors import InvalidRetention
from perdure.store.job_state import JobState

DAY: Final = 86_400_000_000  # microseconds
MOST_DAYS: Final = 36_500.0
_PATTERN: Final = re.compile(r"\*|[^:*\s]+:(\*|[^:*\s]+)")


class RetentionPolicy:
    """Days by job type, from ``RuntimeSettings.retention``.

    The closest pattern counts: ``shop:invoice`` before ``shop:*`` before ``*``. None, and no pattern, is for ever.

    Raises:
        InvalidRetention: a pattern or a number of days is none.
    """

    def __init__(self, days: Mapping[str, float | None]) -> None:
        for pattern, number in days.items():
            if _PATTERN.fullmatch(str(pattern)) is None:
                raise InvalidRetention(str(pattern), "a job type (shop:invoice), all of an extension (shop:*), or *")
            if number is not None:
                checked_days(pattern, number)
        self._days = dict(days)

    @property
    def folds(self) -> bool:
        """Whether any job is folded ever."""
        return any(days is not None for days in self._days.values())

    def days_of(self, job_type: str) -> float | None:
        """How long a job of this type is kept after its end; None: for ever."""
        extension = job_type.partition(":")[0]
        for pattern in (job_type, f"{extension}:*", "*"):
            if pattern in self._days:
                return self._days[pattern]
        return None

    def is_due(self, state: JobState, now: int) -> bool:
        """Whether a job is to be folded at ``now`` (microseconds since 1970)."""
        days = self.days_of(state.job_type)
        return days is not None and has_ended_before(state, now - round(days * DAY))

    def dispatched_before(self, now: int) -> UUID | None:
        """An id above those of all jobs that can be due; None if none can."""
        days = [number for number in self._days.values() if number is not None]
        return first_id_at(now - round(min(days) * DAY)) if days else None


def has_ended_before(state: JobState, moment: int) -> bool:
    """Whether a job had ended at ``moment``, and can be folded."""
    return state.finished and state.folded_at is None and state.ended_at is not None and state.ended_at <= moment


def first_id_at(moment: int) -> UUID:
    """The lowest id of a job that is dispatched after ``moment`` (microseconds since 1970; see `uuid7`)."""
    milliseconds = max(0, moment // 1000 + 1)
    return UUID(int=min(milliseconds, (1 << 48) - 1) << 80)


def checked_days(what: str, days: float) -> float:
    """``days``, if a job can be kept so long.

    Raises:
        InvalidRetention: it is no number, or out of range.
    """
    given: Any = days
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise InvalidRetention(what, "a number of days, or None for ever")
    if not 0 <= days <= MOST_DAYS:
        raise InvalidRetention(what, f"from 0 to {MOST_DAYS:,.0f} days, or None for ever")
    return days
