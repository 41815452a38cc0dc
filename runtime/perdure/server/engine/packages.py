"""Versions that clients hand over."""

from __future__ import annotations

from perdure.api import packages
from perdure.api.packages import Package, UploadPackage
from perdure.api.twins import twin_of
from perdure.server.access.authorising import require_all_libraries, require_extension
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers
from perdure.server.engine.received import Received


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add_upload(packages.UPLOAD, upload)


def upload(engine: Engine, caller: Caller, received: Received[UploadPackage]) -> Package:
    """Keep a version, so that it can be installed or rehearsed."""
    require_all_libraries(caller)
    kept = engine.uploads.take(received.file, received.request.name)
    require_extension(caller, kept.extension)
    return twin_of(kept, Package)
