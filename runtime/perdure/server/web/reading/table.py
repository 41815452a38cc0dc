"""All functions that answer from the log, family by family."""

from __future__ import annotations

from perdure.server.web.reading import job_history, job_timeline, jobs, me
from perdure.server.web.reading.readers import Readers


def log_readers() -> Readers:
    """Every endpoint that the web process answers by itself."""
    readers = Readers()
    for family in (me, jobs, job_history, job_timeline):
        family.add_readers(readers)
    return readers
