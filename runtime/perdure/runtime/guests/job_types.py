"""Which jobs a module offers, and which of them a name means. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from perdure.store.events import JobType

JOB_EXPORT_PREFIX: Final = "execute_"
MAX_JOB_TYPES: Final = 1_000

# No colon: it parts the extension from the job in a full name. No space or control character: names go into tables.
_JOB_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def is_job_name(name: str) -> bool:
    """Whether a job may have this name: 1 to 64 ASCII letters, digits and ``_ . -``; the last two not at its start."""
    return _JOB_NAME.fullmatch(name) is not None


class JobRegistry:
    """The jobs that one instance has offered; in ABI 1 it may name the functions in ``exports``, in ABI 2 anything."""

    def __init__(self, exports: frozenset[str] | None = None) -> None:
        self._exports = exports
        self._accepted: dict[str, JobType] = {}

    def register(self, name: str, export: str, *, resumable: bool) -> str:
        """Accept a job type, or say why not; the answer is empty when it was accepted."""
        if not is_job_name(name):
            return "the name is not 1 to 64 letters, digits, '_', '.' or '-'"
        if name in self._accepted:
            return "the name is taken"
        if self._exports is not None and export not in self._exports:
            return "the module exports no such job function"
        if len(self._accepted) >= MAX_JOB_TYPES:
            return f"there are {MAX_JOB_TYPES} job types already"
        self._accepted[name] = JobType(name, export, resumable)
        return ""

    @property
    def registered(self) -> tuple[JobType, ...]:
        """The accepted job types, in their order."""
        return tuple(self._accepted.values())


def offered_jobs(registered: tuple[JobType, ...], named_jobs: Iterable[str]) -> tuple[JobType, ...]:
    """The job types of a module: what it registered, or if that is nothing, one for each ``execute_NAME``.

    The latter are resumable: nothing says that they are not, and a job that cannot go on may start anew by itself.
    """
    return registered or tuple(JobType(name, JOB_EXPORT_PREFIX + name, True) for name in named_jobs)


def resolve_job(job_types: Iterable[JobType], name: str) -> JobType | None:
    """The job type that ``name`` means: a job's own name first, then the NAME of its ``execute_NAME`` export."""
    export, by_export = JOB_EXPORT_PREFIX + name, None
    for job_type in job_types:
        if job_type.name == name:
            return job_type
        if by_export is None and job_type.export == export:
            by_export = job_type
    return by_export
