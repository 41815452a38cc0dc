"""All endpoints of the API, family by family."""

from __future__ import annotations

from typing import Any, Final

from perdure.api import job_history, job_timeline, jobs, me, steppers
from perdure.api.endpoint import Endpoint

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    *me.ENDPOINTS,
    *jobs.ENDPOINTS,
    *job_history.ENDPOINTS,
    *job_timeline.ENDPOINTS,
    *steppers.ENDPOINTS,
)
