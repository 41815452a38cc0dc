"""The operations of the family ``ai``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.runtime.ai.classifying import Classifying
from perdure.runtime.ai.embedding import Embedding
from perdure.runtime.ai.endpoint import Endpoint
from perdure.runtime.ai.local_model import LocalModel
from perdure.runtime.ai.ocr.operation import ocr_operations
from perdure.runtime.ai.ocr.settings import OcrSettings
from perdure.runtime.ai.settings import AiSettings
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.sources import SourceReader
from perdure.runtime.worker_processes.pool import WorkerPool


def ai_operations(
    settings: AiSettings, ocr: OcrSettings, http: HttpSettings, pool: WorkerPool, sources: SourceReader
) -> tuple[Callable[..., Any], ...]:
    """The handlers to register.

    Args:
        settings: which models there are.
        ocr: how documents are read.
        http: which certificate authorities are trusted, of the endpoint too.
        pool: the processes that models run in.
        sources: where documents come from.
    """
    local = LocalModel(pool)
    endpoint = None if settings.endpoint is None else Endpoint(settings.endpoint, http)
    return (
        Classifying(settings, local, endpoint).classify,
        Embedding(settings, local, endpoint).embed,
        *ocr_operations(ocr, pool, sources),
    )
