"""The argument that names a job."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="The job's id, as 'perdure jobs list' shows it.")]
MaybeJobId = Annotated[
    UUID | None, typer.Argument(metavar="[JOB]", help="One job's id; all unfinished jobs if not given.")
]
