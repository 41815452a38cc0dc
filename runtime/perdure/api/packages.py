"""Versions of extensions that are handed to the server: uploaded first, then installed or rehearsed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Body, Endpoint
from perdure.api.scopes import Scope


class UploadPackage(msgspec.Struct, frozen=True, kw_only=True):
    """The body is a ``.perdure-ext`` file, or a folder in the archive of `perdure.runtime.packages.folder_archive`.

    ``name`` is what errors call it.
    """

    name: Annotated[str, Meta(max_length=4096)] = "the package"


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A version that the server keeps until ``kept_until``, to be installed or rehearsed.

    ``fingerprint`` is of who signed it, null if it is a folder, which nobody signs; ``publisher`` is what they call
    themselves, and not to be believed.
    """

    package: str
    extension: str
    version: str
    size: int
    sha256: str
    publisher: str
    fingerprint: str | None
    kept_until: datetime


UPLOAD: Final = Endpoint(
    "packages.upload",
    "POST",
    "/v1/packages",
    Scope.ADMIN,
    UploadPackage,
    Package,
    "Hand over a version of an extension",
    acts=True,
    status=201,
    body=Body.UPLOAD,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (UPLOAD,)
