"""perdure.store: typed events, the log on LMDB, its projections, the blob store, integrity and export.

The public surface is what this module exports; ``events`` holds the event types and is public too.
"""

from typing import TYPE_CHECKING

from perdure.store import events
from perdure.store.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from perdure.store.backups.backup import BackupReport, make_backup
    from perdure.store.backups.errors import BackupDamaged, BackupFailed, FolderNotEmpty, NotABackup
    from perdure.store.backups.restore import RestoreReport, restore_backup
    from perdure.store.blobs import BlobStore, FileBlobs, MemoryBlobs, load_payload, store_payload
    from perdure.store.compaction import CompactionReport, compact
    from perdure.store.errors import (
        BadEvent,
        BlobMissing,
        CorruptBlob,
        CorruptLog,
        DiskFull,
        IllegalTransition,
        JobIsFolded,
        LogFull,
        LogInUse,
        OldFormat,
        ReadOnlyStore,
        SequenceConflict,
        StoreClosed,
        StoreError,
        StoreFailed,
        StoreLocked,
        StoreMissing,
        TooManyReaders,
        UnknownJob,
        UnsupportedFormat,
        UsedAfterFork,
        WriteConflict,
    )
    from perdure.store.event_store import (
        Appended,
        AppendRequest,
        Effects,
        EventStore,
        Head,
        JobPage,
        JobQuery,
        LogMoment,
        RawFrame,
        Removed,
        SideAppend,
        StoredEvent,
    )
    from perdure.store.export import as_json, export_lines
    from perdure.store.extension_state import ExtensionState
    from perdure.store.integrity import Problem, Report, check
    from perdure.store.job_evolution import evolve, fold
    from perdure.store.job_state import Checkpoint, JobState
    from perdure.store.lifecycle import TERMINAL, UNFINISHED, Status
    from perdure.store.lmdb_store import LmdbEventStore
    from perdure.store.memory_store import MemoryEventStore
    from perdure.store.rows import RangeRead, Row, RowRead, row_key
    from perdure.store.runtime_state import RuntimeState
    from perdure.store.tail import follow, follow_stream
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "perdure.store.backups.backup": "BackupReport make_backup",
            "perdure.store.backups.errors": "BackupDamaged BackupFailed FolderNotEmpty NotABackup",
            "perdure.store.backups.restore": "RestoreReport restore_backup",
            "perdure.store.blobs": "BlobStore FileBlobs MemoryBlobs load_payload store_payload",
            "perdure.store.compaction": "CompactionReport compact",
            "perdure.store.errors": (
                "BadEvent BlobMissing CorruptBlob CorruptLog DiskFull IllegalTransition JobIsFolded LogFull LogInUse "
                "OldFormat ReadOnlyStore SequenceConflict StoreClosed StoreError StoreFailed StoreLocked StoreMissing "
                "TooManyReaders UnknownJob UnsupportedFormat UsedAfterFork WriteConflict"
            ),
            "perdure.store.event_store": (
                "Appended AppendRequest Effects EventStore Head JobPage JobQuery LogMoment RawFrame Removed SideAppend "
                "StoredEvent"
            ),
            "perdure.store.export": "as_json export_lines",
            "perdure.store.extension_state": "ExtensionState",
            "perdure.store.integrity": "Problem Report check",
            "perdure.store.job_evolution": "evolve fold",
            "perdure.store.job_state": "Checkpoint JobState",
            "perdure.store.lifecycle": "TERMINAL UNFINISHED Status",
            "perdure.store.lmdb_store": "LmdbEventStore",
            "perdure.store.memory_store": "MemoryEventStore",
            "perdure.store.rows": "RangeRead Row RowRead row_key",
            "perdure.store.runtime_state": "RuntimeState",
            "perdure.store.tail": "follow follow_stream",
        },
    )

__all__ = [
    "TERMINAL",
    "UNFINISHED",
    "AppendRequest",
    "Appended",
    "BackupDamaged",
    "BackupFailed",
    "BackupReport",
    "BadEvent",
    "BlobMissing",
    "BlobStore",
    "Checkpoint",
    "CompactionReport",
    "CorruptBlob",
    "CorruptLog",
    "DiskFull",
    "Effects",
    "EventStore",
    "ExtensionState",
    "FileBlobs",
    "FolderNotEmpty",
    "Head",
    "IllegalTransition",
    "JobIsFolded",
    "JobPage",
    "JobQuery",
    "JobState",
    "LmdbEventStore",
    "LogFull",
    "LogInUse",
    "LogMoment",
    "MemoryBlobs",
    "MemoryEventStore",
    "NotABackup",
    "OldFormat",
    "Problem",
    "RangeRead",
    "RawFrame",
    "ReadOnlyStore",
    "Removed",
    "Report",
    "RestoreReport",
    "Row",
    "RowRead",
    "RuntimeState",
    "SequenceConflict",
    "SideAppend",
    "Status",
    "StoreClosed",
    "StoreError",
    "StoreFailed",
    "StoreLocked",
    "StoreMissing",
    "StoredEvent",
    "TooManyReaders",
    "UnknownJob",
    "UnsupportedFormat",
    "UsedAfterFork",
    "WriteConflict",
    "as_json",
    "check",
    "compact",
    "events",
    "evolve",
    "export_lines",
    "fold",
    "follow",
    "follow_stream",
    "load_payload",
    "make_backup",
    "restore_backup",
    "row_key",
    "store_payload",
]
