"""``vdfs.remove_orphans``: blobs that crashes left, put before a commit that was to name them and never came."""

from __future__ import annotations

from collections.abc import Iterator

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.runtime.vdfs.library_call import VdfsHost
from perdure.runtime.vdfs.marks import KEY_ROW, is_left_behind, new_key
from perdure.runtime.vdfs.messages import OrphansRemoved, RemoveOrphans
from perdure.runtime.vdfs.records import BlobUse, IdleBlob, decode_row
from perdure.store.errors import BlobMissing, CorruptBlob
from perdure.store.event_store import EventStore
from perdure.store.rows import SEPARATOR, row_key


class OrphanOperations:
    """The operation on all libraries at once."""

    def __init__(self, host: VdfsHost) -> None:
        self._host = host

    @action("vdfs.remove_orphans", effect=Effect.IDEMPOTENT, scope="core", timeout=3600.0, callers="host")
    def remove_orphans(self, context: CallContext, request: RemoveOrphans) -> OrphansRemoved:
        """Remove blobs that a process put for a library and did not live to name.

        Reads all blobs that no library names, so it takes a while; safe at any time. What this process has put stays.
        """
        key = context.data.get(KEY_ROW)
        if key is None:
            context.data.put(KEY_ROW, new_key())
            return OrphansRemoved(blobs=0, bytes=0)
        store, blobs, size = self._host.store, 0, 0
        named = set(_named(store))
        for digest in store.blobs.digests():
            if context.cancelled.cancelled:
                raise OperationFailed("unavailable", "the call was cancelled; what was removed is")
            if digest in named:
                continue
            try:
                blob = store.blobs.get(digest)
            except (BlobMissing, CorruptBlob):
                continue  # of those the check of the log tells
            if is_left_behind(key, blob):
                store.blobs.remove(digest)
                blobs, size = blobs + 1, size + len(blob)
        return OrphansRemoved(blobs=blobs, bytes=size)


def _named(store: EventStore) -> Iterator[str]:
    for kind, shape in (("b", BlobUse), ("z", IdleBlob)):
        prefix = after = row_key("vdfs", kind) + SEPARATOR
        while rows := store.rows(prefix, after=after):
            for row in rows:
                yield decode_row(row.value, shape).blob  # type: ignore[attr-defined]  # both have one
            after = rows[-1].key
