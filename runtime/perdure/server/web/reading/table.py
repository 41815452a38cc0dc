"""All functions that answer from the log, family by family."""

from __future__ import annotations

from perdure.server.web.reading import job_history, jobs
from perdure.server.web.reading.readers import Readers


def log_readers() -> Readers:
    """Every endpoint that the web process answers by itself."""
    readers = Readers()
    for family in (jobs, job_history):
        family.add_readers(readers)
    return readers
