"""Which label values get series of their own.

Names of extensions and job types come from other people's manifests and modules, and a series is kept for ever. So each
label has all its values, or a limit of them, in the tables: first come, first served, and all the rest is counted
together as `OTHER`.
"""

from __future__ import annotations

import threading
from typing import Final

from perdure.metrics.definitions import JOB_TYPES_OF_ONE, OTHER
from perdure.metrics.server_definitions import ALL_LABELS

MAX_LENGTH: Final = 200  # characters; nothing that is named legally comes near


class LabelBounds:
    """The values that were admitted so far. Thread-safe; a value that is known costs one look-up."""

    def __init__(self) -> None:
        self._values = {label.name: set(label.values) for label in ALL_LABELS.values()}
        self._jobs: dict[tuple[str, str], tuple[str, str]] = {}
        self._jobs_of: dict[str, int] = {}
        self._admitting = threading.Lock()

    def value(self, label: str, value: str) -> str:
        """The value to count under: itself, or `OTHER`."""
        admitted = self._values[label]
        if value in admitted:
            return value
        limit = ALL_LABELS[label].limit
        with self._admitting:
            if len(admitted) < limit and _is_printable(value):
                admitted.add(value)
        return value if value in admitted else OTHER

    def job(self, extension: str, job_type: str) -> tuple[str, str]:
        """The values of ``extension`` and ``job_type`` for a job; ``job_type`` may be its full name."""
        job = (extension, job_type)
        labels = self._jobs.get(job)
        return labels if labels is not None else self._admit_job(job)

    def _admit_job(self, job: tuple[str, str]) -> tuple[str, str]:
        name = job[1].removeprefix(f"{job[0]}:")
        extension = self.value("extension", job[0])
        with self._admitting:
            count = self._jobs_of.get(extension, 0)
            room = len(self._jobs) < ALL_LABELS["job_type"].limit and count < JOB_TYPES_OF_ONE
            if extension == OTHER or not room or not _is_printable(name):
                return self._jobs.get(job, (extension, OTHER))
            if job not in self._jobs:
                self._jobs_of[extension] = count + 1
            return self._jobs.setdefault(job, (extension, name))


def _is_printable(value: str) -> bool:
    # One lone surrogate would make the whole exposition fail to encode.
    return len(value) <= MAX_LENGTH and value.isprintable() and value != ""
