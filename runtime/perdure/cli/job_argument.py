"""The argument that names a job, and the job of that name."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.store.job_state import JobState

JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="The job's id, as 'perdure jobs list' shows it.")]
MaybeJobId = Annotated[
    UUID | None, typer.Argument(metavar="[JOB]", help="One job's id; all unfinished jobs if not given.")
]


def require_job(invocation: Invocation, job_id: UUID) -> JobState:
    """The job as it is now, before anything is opened for writing.

    Raises:
        UnknownJob: there is no such job.
        CommandError: nothing has run in this folder yet.
    """
    with invocation.read_if_any() as store:
        if store is None:
            raise CommandError(f"there is no job {job_id}: nothing has run in {invocation.data} yet", ExitCode.UNKNOWN)
        return store.job(job_id)
