"""All endpoints of the API, family by family."""

from __future__ import annotations

from typing import Any, Final

from perdure.api import job_history, jobs
from perdure.api.endpoint import Endpoint

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (*jobs.ENDPOINTS, *job_history.ENDPOINTS)
