"""``files.share``, ``unshare``, ``shares`` for the host; ``files.list`` and ``read`` for extensions.

Nothing is shared unless a person, or the program, does so. What is shared can be read, never written: what an extension
makes goes into a library. Contents are a person's own, so they are recorded sealed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.operations import OperationFailed
from perdure.runtime.files.listing import FoundFile, files_below
from perdure.runtime.files.shared_folders import MAX_SHARES, SharedFolders, ShareRow, open_file, share_key
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, Sensitive, action, query

MAX_READ_BYTES: Final = 4 * 1024 * 1024  # within a job's payload limit (8 MiB) also as base64
_FILE: Final = msgspec.Meta(min_length=1, max_length=4096)

File = Annotated[str, _FILE]
ShareName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$(?!\n)")]


class ShareFolder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which folder (an absolute path), with which extension, under which name."""

    extension: str
    name: ShareName
    path: Annotated[str, _FILE]


class FolderShared(msgspec.Struct, frozen=True):
    """``path``: the folder, symbolic links resolved. ``replaced``: another one had this name."""

    path: str
    replaced: bool


class UnshareFolder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which share ends; without ``name`` all of the extension's."""

    extension: str
    name: ShareName | None = None


class FolderUnshared(msgspec.Struct, frozen=True):
    """How many shares ended."""

    removed: int


class ListShares(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose: an extension is told of its own; the host says which one it means."""

    extension: str | None = None


class Share(msgspec.Struct, frozen=True):
    """A share. ``path`` is null for extensions: where a folder lies is none of their business."""

    name: str
    path: str | None
    since: int


class SharesListed(msgspec.Struct, frozen=True):
    """All of them, by name."""

    shares: list[Share]


class ListFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files of ``folder``, which is ``NAME`` or ``NAME/below``, that come after the file ``after``.

    ``suffixes``: only files whose names end so, like ``.jpg``, in capitals or not; all if there are none.
    """

    folder: File
    after: File | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    recursive: bool = True
    suffixes: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=32)]], msgspec.Meta(max_length=64)
    ] = []


class ListedFile(msgspec.Struct, frozen=True):
    """A file: its name for other calls, its size in bytes, when it was changed (microseconds since 1970)."""

    file: str
    size: int
    modified: int


class FilesListed(msgspec.Struct, frozen=True):
    """A page, by path. ``next`` is what to give as ``after`` for the next one, null if this is the last."""

    files: list[ListedFile]
    next: str | None


class ReadFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to ``length`` bytes of a file from ``offset`` on, at most 4 MiB at once."""

    file: File
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    length: Annotated[int, msgspec.Meta(ge=0)] | None = None


class FilePart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file. ``size`` and ``modified`` are the whole's; ``next_offset`` is null at its end.

    A file may change between two parts: then ``modified`` does.
    """

    content: Annotated[bytes, Sensitive]
    offset: int
    next_offset: int | None
    size: int
    modified: int


class FileOperations:
    """The handlers. ``clock``: the time."""

    def __init__(self, folders: SharedFolders, clock: Clock) -> None:
        self._folders = folders
        self._clock = clock

    @action("files.share", effect=Effect.TRANSACTIONAL, scope="core", callers="host")
    def share(self, context: CallContext, request: ShareFolder) -> FolderShared:
        """Let an extension read a folder of this machine, with all that is below it."""
        path = self._checked(request.path)
        known = self._folders.find(context, request.extension, request.name)
        if known is None and sum(1 for _ in self._folders.all(context, request.extension)) >= MAX_SHARES:
            raise OperationFailed("failed", f"an extension may have {MAX_SHARES} shared folders")
        row = ShareRow(str(path), self._clock.now())
        context.data.put(share_key(request.extension, request.name), msgspec.msgpack.encode(row))
        return FolderShared(str(path), known is not None and known.path != str(path))

    def _checked(self, text: str) -> Path:
        if "\0" in text or not Path(text).is_absolute():
            raise OperationFailed("invalid_payload", "path: it must be an absolute path")
        path = Path(os.path.realpath(text))
        if not path.is_dir():
            raise OperationFailed("not_found", f"there is no folder {path}")
        if self._folders.forbids(path):
            raise OperationFailed(
                "failed", "this is in perdure's own data folder, which holds keys; it is never shared"
            )
        return path

    @action("files.unshare", effect=Effect.TRANSACTIONAL, scope="core", callers="host")
    def unshare(self, context: CallContext, request: UnshareFolder) -> FolderUnshared:
        """End a share: what was read stays read, nothing more is."""
        names = [name for name, _ in self._folders.all(context, request.extension) if request.name in (None, name)]
        for name in names:
            context.data.delete(share_key(request.extension, name))
        return FolderUnshared(len(names))

    @query("files.shares", scope="core")
    def shares(self, context: CallContext, request: ListShares) -> SharesListed:
        """Which folders are shared with an extension."""
        extension = context.extension or request.extension
        if extension is None:
            raise OperationFailed("invalid_payload", "extension is missing: say whose shares are meant")
        if request.extension not in (None, extension):
            raise OperationFailed("permission_denied", "an extension is told of its own shares, and no other's")
        shown = context.extension is None
        rows = self._folders.all(context, extension)
        return SharesListed([Share(name, row.path if shown else None, row.since) for name, row in rows])

    @query("files.list", scope="core", timeout=120.0)
    def list(self, context: CallContext, request: ListFiles) -> FilesListed:
        """List files of a shared folder, in pages, by path."""
        folder = self._folders.resolve(context, request.folder)
        root = self._folders.resolve(context, request.folder.partition("/")[0])
        suffixes = tuple(suffix.lower() for suffix in request.suffixes)
        after = self._after(request)
        found = files_below(
            folder,
            after,
            recursive=request.recursive,
            wanted=lambda name: not suffixes or name.lower().endswith(suffixes),
            allowed=lambda path: path.is_relative_to(root) and not self._folders.forbids(path),
        )
        try:
            page = list(itertools.islice(_until_cancelled(found, context), request.limit + 1))
        except (FileNotFoundError, NotADirectoryError):
            raise OperationFailed("not_found", f"there is no folder {request.folder}") from None
        except OSError as error:
            raise OperationFailed("failed", f"{request.folder} cannot be read: {error.strerror}") from None
        files = [_listed(request.folder, file) for file in page[: request.limit]]
        return FilesListed(files, files[-1].file if len(page) > request.limit else None)

    def _after(self, request: ListFiles) -> tuple[str, ...]:
        if request.after is None:
            return ()
        prefix = f"{request.folder}/"
        if not request.after.startswith(prefix):
            raise OperationFailed("invalid_payload", f"after: it is no file below {request.folder}")
        return tuple(request.after.removeprefix(prefix).split("/"))

    @query("files.read", scope="core")
    def read(self, context: CallContext, request: ReadFile) -> FilePart:
        """Read a part of a file in a shared folder."""
        descriptor = open_file(self._folders.resolve(context, request.file), request.file)
        try:
            status = os.fstat(descriptor)
            length = MAX_READ_BYTES if request.length is None else min(request.length, MAX_READ_BYTES)
            content = os.pread(descriptor, length, request.offset)
        except OSError as error:
            raise OperationFailed("failed", f"{request.file} cannot be read: {error.strerror}") from None
        finally:
            os.close(descriptor)
        end = request.offset + len(content)
        return FilePart(
            content=content,
            offset=request.offset,
            next_offset=end if end < status.st_size else None,
            size=status.st_size,
            modified=status.st_mtime_ns // 1_000,
        )


def file_operations(folders: SharedFolders, clock: Clock) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered."""
    operations = FileOperations(folders, clock)
    return operations.share, operations.unshare, operations.shares, operations.list, operations.read


def _until_cancelled(found: Any, context: CallContext) -> Any:
    for file in found:
        if context.cancelled.cancelled:
            raise OperationFailed("unavailable", "nobody waits for the list any more")
        yield file


def _listed(folder: str, found: FoundFile) -> ListedFile:
    return ListedFile("/".join((folder, *found.parts)), found.size, found.modified)
