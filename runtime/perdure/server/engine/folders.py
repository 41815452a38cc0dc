"""Shared folders, for clients."""

from __future__ import annotations

from perdure.api import folders
from perdure.api.errors import BadRequest
from perdure.api.extensions import OneExtension
from perdure.api.folders import Ended, FolderPath, SharedFolder, ShareFolder, UnshareFolder
from perdure.api.twins import twins_of
from perdure.server.access.authorising import require_all_libraries
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(folders.LIST, shared_with)
    handlers.add(folders.SHARE, share)
    handlers.add(folders.UNSHARE, unshare)


def shared_with(engine: Engine, caller: Caller, request: OneExtension) -> list[SharedFolder]:
    """See `Runtime.shared_with`."""
    require_all_libraries(caller)
    return twins_of(engine.runtime.shared_with(request.extension), SharedFolder)


def share(engine: Engine, caller: Caller, request: ShareFolder) -> FolderPath:
    """See `Runtime.share_folder`."""
    require_all_libraries(caller)
    if not request.path.startswith("/"):
        raise BadRequest("the path has to be absolute: it is one of the server's machine", "path")
    shared = engine.runtime.share_folder(
        request.extension, request.name, request.path, caller=caller.acting(request.by)
    )
    return FolderPath(path=str(shared))


def unshare(engine: Engine, caller: Caller, request: UnshareFolder) -> Ended:
    """See `Runtime.unshare_folder`."""
    require_all_libraries(caller)
    return Ended(
        removed=engine.runtime.unshare_folder(request.extension, request.name, caller=caller.acting(request.by))
    )
