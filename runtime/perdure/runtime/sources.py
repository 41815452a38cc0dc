"""What a call is about: bytes that it brings, an entry of the library, or a file of a shared folder.

class InspectImage(Source, frozen=True, kw_only=True, forbid_unknown_fields=True): …

image = self._sources.read(context, request, max_bytes=…)
"""

from __future__ import annotations

import os
from typing import Annotated
from uuid import UUID

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.files.shared_folders import SharedFolders, open_file
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Sensitive
from perdure.runtime.vdfs.library_call import LibraryCall, VdfsHost


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One of ``data`` in base64, an ``entry`` of the library (an id), a shared ``file`` (``NAME/path``)."""

    data: Annotated[bytes, Sensitive] | None = None
    entry: UUID | None = None
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None


class SourceReader:
    """Reads what calls are about. ``vdfs``: the libraries; ``folders``: what is shared with extensions."""

    def __init__(self, vdfs: VdfsHost, folders: SharedFolders) -> None:
        self._vdfs = vdfs
        self._folders = folders

    def read(self, context: CallContext, source: Source, max_bytes: int) -> bytes:
        """The bytes.

        Raises:
            OperationFailed: `invalid_payload`: none or several are named, or there are more than ``max_bytes`` bytes;
                `not_found`: the library has no such entry, or no such file is shared.
        """
        if sum(given is not None for given in (source.data, source.entry, source.file)) != 1:
            raise OperationFailed("invalid_payload", "give one of data, entry and file")
        if source.file is not None:
            return self._file(context, source.file, max_bytes)
        if source.entry is not None:
            return self._entry(context, source.entry, max_bytes)
        data = source.data or b""
        _check(len(data), max_bytes)
        return data

    def _entry(self, context: CallContext, entry_id: UUID, max_bytes: int) -> bytes:
        call = LibraryCall(self._vdfs, context)
        record = call.entry(entry_id)
        _check(record.size, max_bytes)
        with call.reading():
            return call.contents.read(record.id, 0, record.size)

    def _file(self, context: CallContext, file: str, max_bytes: int) -> bytes:
        descriptor = open_file(self._folders.resolve(context, file), file)
        try:
            with os.fdopen(descriptor, "rb") as opened:
                _check(os.fstat(opened.fileno()).st_size, max_bytes)
                data = opened.read(max_bytes + 1)  # it may grow meanwhile
        except OSError as error:
            raise OperationFailed("failed", f"{file} cannot be read: {error.strerror}") from None
        _check(len(data), max_bytes)
        return data


def _check(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise OperationFailed("invalid_payload", f"it has {size:,} bytes, it may have {max_bytes:,}")
