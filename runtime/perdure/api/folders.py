"""Folders of the server's machine that extensions may read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.extensions import By, ExtensionId, OneExtension
from perdure.api.scopes import Scope
from perdure.api.twins import twin_of
from perdure.runtime.files.operations import Share

FolderName = Annotated[str, Meta(min_length=1, max_length=255, description="What the extension calls the folder.")]


class SharedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that an extension may read, and since when."""

    name: str
    path: str | None
    since: datetime


def share_of(folder: SharedFolder) -> Share:
    """The share that it was made of."""
    return twin_of(folder, Share)


class ShareFolder(msgspec.Struct, frozen=True, kw_only=True):
    """Let an extension read a folder, with all that is below it; ``path`` is one of the server's machine."""

    extension: ExtensionId
    name: FolderName
    path: str
    by: By = None


class UnshareFolder(msgspec.Struct, frozen=True, kw_only=True):
    """End a share, or all of an extension's."""

    extension: ExtensionId
    name: FolderName | None = None
    by: By = None


class FolderPath(msgspec.Struct, frozen=True, kw_only=True):
    """The folder, symbolic links resolved."""

    path: str


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many shares ended."""

    removed: int


LIST: Final = Endpoint(
    "folders.list",
    "GET",
    "/v1/extensions/{extension}/folders",
    Scope.ADMIN,
    OneExtension,
    list[SharedFolder],
    "The folders that are shared with an extension",
)
SHARE: Final = Endpoint(
    "folders.share",
    "PUT",
    "/v1/extensions/{extension}/folders/{name}",
    Scope.ADMIN,
    ShareFolder,
    FolderPath,
    "Let an extension read a folder",
    acts=True,
)
UNSHARE: Final = Endpoint(
    "folders.unshare",
    "DELETE",
    "/v1/extensions/{extension}/folders",
    Scope.ADMIN,
    UnshareFolder,
    Ended,
    "End what is shared with an extension",
    acts=True,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (LIST, SHARE, UNSHARE)
