"""The operations of the family ``ai``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.runtime.ai.classifying import Classifying
from perdure.runtime.ai.embedding import Embedding
from perdure.runtime.ai.endpoint import Endpoint
from perdure.runtime.ai.local_model import LocalModel
from perdure.runtime.ai.settings import AiSettings
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.worker_processes.pool import WorkerPool


def ai_operations(settings: AiSettings, http: HttpSettings, pool: WorkerPool) -> tuple[Callable[..., Any], ...]:
    """The handlers to register.

    Args:
        settings: which models there are.
        http: which certificate authorities are trusted, of the endpoint too.
        pool: the processes that models run in.
    """
    local = LocalModel(pool)
    endpoint = None if settings.endpoint is None else Endpoint(settings.endpoint, http)
    return (
        Classifying(settings, local, endpoint).classify,
        Embedding(settings, local, endpoint).embed,
    )
