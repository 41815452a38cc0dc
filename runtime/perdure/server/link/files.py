"""Files that go between the two processes: by their names in the data folder, never through the link."""

from __future__ import annotations

from typing import Any, Final

import msgspec

UPLOADS: Final = "uploads"  # the folder in the data folder where they lie; the engine makes it


class FileReady(msgspec.Struct, frozen=True, kw_only=True):
    """A file for a client. The web process deletes it once it has opened it.

    Attributes:
        path: where it is.
        name: what the client may call it.
        media_type: what it is.
        size: in bytes.
        about: what is to be said of it, in a header.
    """

    path: str
    name: str
    media_type: str
    size: int
    about: dict[str, Any] = {}
