"""Folders of the server's machine that extensions may read."""

from __future__ import annotations

import os
from pathlib import Path

from perdure.api import folders
from perdure.api.extensions import OneExtension
from perdure.api.folders import ShareFolder, UnshareFolder, share_of
from perdure.client.calls.call import Call
from perdure.client.calls.said import said
from perdure.runtime.files.operations import Share


def share(extension: str, name: str, path: str | os.PathLike[str], caller: str) -> Call[Path]:
    """Let an extension read one."""
    absolute = str(Path(path).expanduser().absolute())
    request = ShareFolder(extension=extension, name=name, path=absolute, by=said(caller))
    return Call(folders.SHARE, request, lambda shared: Path(shared.path))


def unshare(extension: str, name: str | None, caller: str) -> Call[int]:
    """End that."""
    request = UnshareFolder(extension=extension, name=name, by=said(caller))
    return Call(folders.UNSHARE, request, lambda ended: int(ended.removed))


def shared_with(extension: str) -> Call[list[Share]]:
    """Which there are."""
    return Call(folders.LIST, OneExtension(extension=extension), lambda found: [share_of(one) for one in found])
