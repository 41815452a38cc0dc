"""Which folders an extension may read, and which file on this machine a name of its means.

A file is named ``NAME/relative/path``: NAME is the share's, the rest is below its folder, with slashes. Shares are rows
of the log, so that every share, and its end, is in the history.

| key | value |
| --- | --- |
| ``files.share``, extension, name | `ShareRow` |
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.store.event_store import EventStore
from perdure.store.rows import SEPARATOR, row_key

MAX_SHARES: Final = 100  # of one extension
_PREFIX: Final = "files.share"
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class ShareRow(msgspec.Struct, array_like=True, frozen=True):
    """The folder's absolute path, with no symbolic links in it, and since when, in microseconds since 1970."""

    path: str
    since: int


class SharedFile(msgspec.Struct, frozen=True):
    """A file as an extension names it, and where it is."""

    file: str
    path: Path


class SharedFolders:
    """Finds shared files. ``forbidden``: a folder nothing of which is ever shared, perdure's own data folder."""

    def __init__(self, forbidden: Path | None) -> None:
        self._forbidden = Path(os.path.realpath(forbidden)) if forbidden is not None else None

    def resolve(self, context: CallContext, file: str) -> Path:
        """Where a file or folder is that the calling extension names; it need not be there.

        Raises:
            OperationFailed: `not_found`: nothing of this name is shared with it; `invalid_payload`: it is no such name.
        """
        if context.extension is None:
            raise OperationFailed("invalid_payload", "file: folders are shared with extensions; call it for one")
        return self.resolve_for(context, context.extension, file)

    def resolve_for(self, context: CallContext, extension: str, file: str) -> Path:
        """The same for a named extension."""
        name, *below = file.split("/")
        if not name or "\0" in file or any(part in ("", ".", "..") for part in below):
            raise OperationFailed("invalid_payload", "file: name it as in pictures/2024/a.jpg")
        row = self.find(context, extension, name)
        if row is None:
            share = f"perdure folders share {extension} {name}=PATH"
            raise OperationFailed("not_found", f"no folder is shared with {extension} as {name}: {share}")
        root = Path(row.path)
        try:
            real = Path(os.path.realpath(root.joinpath(*below)))
        except (OSError, ValueError):
            raise _missing(file) from None
        # A link that leads out of the folder names something that nobody shared.
        if not real.is_relative_to(root) or self.forbids(real):
            raise _missing(file)
        return real

    def forbids(self, path: Path) -> bool:
        """Whether this path, without symbolic links, is perdure's own."""
        return self._forbidden is not None and path.is_relative_to(self._forbidden)

    def find(self, context: CallContext, extension: str, name: str) -> ShareRow | None:
        """What is shared under a name."""
        value = context.data.get(share_key(extension, name))
        return msgspec.msgpack.decode(value, type=ShareRow) if value is not None else None

    def all(self, context: CallContext, extension: str) -> Iterator[tuple[str, ShareRow]]:
        """All that is shared with an extension, by name."""
        prefix = share_key(extension) + SEPARATOR
        for key, value in context.data.scan(prefix, limit=MAX_SHARES + 1):
            yield _named(prefix, key, value)


def stored_shares(store: EventStore, extension: str) -> list[tuple[str, ShareRow]]:
    """What is shared with an extension, by name, read from a log, whoever writes to it."""
    prefix = share_key(extension) + SEPARATOR
    return [_named(prefix, row.key, row.value) for row in store.rows(prefix, limit=MAX_SHARES + 1)]


def _named(prefix: bytes, key: bytes, value: bytes) -> tuple[str, ShareRow]:
    return key.removeprefix(prefix).decode(), msgspec.msgpack.decode(value, type=ShareRow)


def open_file(path: Path, file: str) -> int:
    """Open a resolved file for reading; returns its descriptor.

    Raises:
        OperationFailed: it is not there, cannot be read, or is no file with content (a device, a pipe, a folder).
    """
    try:
        # Not blocking: a pipe that nobody writes to would hold this thread for ever. No link: it was resolved.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise _missing(file) from None
        raise OperationFailed("failed", f"{file} cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OperationFailed("failed", f"{file} is no file with content")
    return descriptor


def share_key(extension: str, *name: str) -> bytes:
    """The key of a share's row, or what the keys of all shares of an extension begin with.

    Raises:
        OperationFailed: no extension has such an id.
    """
    try:
        return row_key(_PREFIX, extension, *name)
    except ValueError:
        raise OperationFailed("not_found", "no extension has such an id, or no folder such a name") from None


def _missing(file: str) -> OperationFailed:
    return OperationFailed("not_found", f"there is no file {file}")
