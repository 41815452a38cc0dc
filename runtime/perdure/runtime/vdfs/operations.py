"""The family ``vdfs``: files of a library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.actors.clock import Clock
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.vdfs.content_operations import ContentOperations
from perdure.runtime.vdfs.contents import RunningDigests
from perdure.runtime.vdfs.entry_operations import EntryOperations
from perdure.runtime.vdfs.library_call import VdfsHost
from perdure.runtime.vdfs.library_operations import LibraryOperations
from perdure.runtime.vdfs.marks import Marks
from perdure.runtime.vdfs.orphans import OrphanOperations
from perdure.runtime.vdfs.quota import Amount
from perdure.runtime.vdfs.sidecar_operations import SidecarOperations
from perdure.runtime.vdfs.usage import ShardChoice
from perdure.store.event_store import EventStore


def vdfs_host(store: EventStore, clock: Clock, settings: RuntimeSettings) -> VdfsHost:
    """What they share, on a store whose entries, sidecars and blobs they work on."""
    limit = Amount(settings.library_quota_bytes, settings.library_quota_entries)
    return VdfsHost(store, clock.now, limit, Marks(), RunningDigests(), ShardChoice())


def vdfs_operations(host: VdfsHost) -> list[Callable[..., Any]]:
    """The handlers."""
    entries, contents, sidecars = EntryOperations(host), ContentOperations(host), SidecarOperations(host)
    library = LibraryOperations(host)
    return [
        entries.create_entry,
        entries.get_entry,
        entries.list_entries,
        entries.update_metadata,
        entries.delete_entry,
        contents.append_content,
        contents.read_content,
        contents.import_entry,
        sidecars.write_sidecar,
        sidecars.read_sidecar,
        sidecars.list_sidecars,
        sidecars.delete_sidecar,
        library.get_usage,
        library.set_quota,
        library.sweep,
        OrphanOperations(host).remove_orphans,
    ]
