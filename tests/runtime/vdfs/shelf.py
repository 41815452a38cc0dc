"""A library as tests use it: the operations by their names."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest

from perdure.runtime import Runtime
from perdure.runtime.errors import OperationError
from perdure.runtime.vdfs.library import Library
from perdure.runtime.vdfs.messages import ContentPart, Entry, EntryPage, Sidecar, SidecarContent, SidecarPage
from perdure.store.events import Inline, LibraryEventPublished, library_stream

LIBRARY = UUID(int=0xA11CE)

_ACTIONS = {
    "create_entry",
    "update_metadata",
    "delete_entry",
    "append_content",
    "import_entry",
    "write_sidecar",
    "delete_sidecar",
    "set_quota",
    "sweep",
    "remove_orphans",
}


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Shelf:
    """The library ``library_id`` of a runtime."""

    def __init__(self, runtime: Runtime, library_id: UUID = LIBRARY) -> None:
        self.runtime = runtime
        self.library = Library(runtime, library_id)
        self.library_id = library_id

    def call(self, operation: str, effect_key: str | None = None, **request: Any) -> Any:
        kind = "action" if operation in _ACTIONS else "query"
        return self.runtime.call(f"{kind}:vdfs.{operation}", request, library_id=self.library_id, effect_key=effect_key)

    def refused(self, operation: str, code: str, **request: Any) -> str:
        """The message with which the call is refused."""
        with pytest.raises(OperationError) as refused:
            self.call(operation, **request)
        assert refused.value.code == code, refused.value
        return refused.value.message

    def create(self, name: str = "note.txt", content: bytes = b"", **more: Any) -> Entry:
        entry: Entry = self.call("create_entry", name=name, content=base64_of(content), **more)
        return entry

    def append(self, entry: Entry, offset: int, content: bytes) -> Entry:
        grown: Entry = self.call("append_content", entry_id=entry.id, offset=offset, content=base64_of(content))
        return grown

    def get(self, entry: Entry) -> Entry:
        found: Entry = self.call("get_entry", entry_id=entry.id)
        return found

    def part(self, entry: Entry, **more: Any) -> ContentPart:
        part: ContentPart = self.call("read_content", entry_id=entry.id, **more)
        return part

    def content(self, entry: Entry) -> bytes:
        """All of an entry's content, in as many calls as it takes."""
        data, offset = b"", 0
        while True:
            part = self.part(entry, offset=offset)
            assert part.content is not None
            data += part.content
            if part.next_offset is None:
                return data
            offset = part.next_offset

    def entries(self, **request: Any) -> list[Entry]:
        """All entries of a list, page by page."""
        found: list[Entry] = []
        cursor = None
        while True:
            page: EntryPage = self.call("list_entries", cursor=cursor, **request)
            found += page.entries
            if (cursor := page.next) is None:
                return found

    def delete(self, entry: Entry, **more: Any) -> bool:
        deleted: bool = self.call("delete_entry", entry_id=entry.id, **more).deleted
        return deleted

    def write(self, entry: Entry, name: str, content: bytes, **more: Any) -> Sidecar:
        sidecar: Sidecar = self.call("write_sidecar", entry_id=entry.id, name=name, content=base64_of(content), **more)
        return sidecar

    def read(self, entry: Entry, name: str, **more: Any) -> SidecarContent:
        read: SidecarContent = self.call("read_sidecar", entry_id=entry.id, name=name, **more)
        return read

    def sidecars(self, entry: Entry, limit: int = 100) -> list[Sidecar]:
        """All sidecars of an entry, page by page."""
        found: list[Sidecar] = []
        cursor = None
        while True:
            page: SidecarPage = self.call("list_sidecars", entry_id=entry.id, limit=limit, cursor=cursor)
            found += page.sidecars
            if (cursor := page.next) is None:
                return found

    def blobs(self) -> int:
        """How many blobs there are on the disk."""
        return sum(1 for _ in self.runtime.store.blobs.digests())

    def published(self) -> list[tuple[str, bytes]]:
        """Topics and data of the library's events."""
        found = []
        for stored in self.runtime.store.read(library_stream(self.library_id)):
            assert isinstance(stored.event, LibraryEventPublished)
            assert isinstance(stored.event.data, Inline)
            found.append((stored.event.topic, stored.event.data.data))
        return found
