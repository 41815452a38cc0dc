"""All endpoints of the API, family by family."""

from __future__ import annotations

from typing import Any, Final

from perdure.api import (
    extensions,
    folders,
    job_history,
    job_timeline,
    jobs,
    keeping,
    me,
    operations,
    packages,
    proofs,
    steppers,
    tokens,
    watching,
)
from perdure.api.endpoint import Endpoint

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    *me.ENDPOINTS,
    *jobs.ENDPOINTS,
    *job_history.ENDPOINTS,
    *job_timeline.ENDPOINTS,
    *steppers.ENDPOINTS,
    *extensions.ENDPOINTS,
    *packages.ENDPOINTS,
    *operations.ENDPOINTS,
    *folders.ENDPOINTS,
    *keeping.ENDPOINTS,
    *proofs.ENDPOINTS,
    *tokens.ENDPOINTS,
    *watching.ENDPOINTS,
)
