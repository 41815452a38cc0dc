"""Ids as callers give them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from perdure.store.errors import UnknownJob

DEFAULT_LIBRARY: Final = UUID(int=0)


def job_id_of(job_id: UUID | str) -> UUID:
    """A job's id, however it was given.

    Raises:
        UnknownJob: it is none.
    """
    try:
        return job_id if isinstance(job_id, UUID) else UUID(job_id)
    except ValueError:
        raise UnknownJob(str(job_id)) from None
