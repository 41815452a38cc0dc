"""perdure.runtime: open a data folder, install extensions, dispatch jobs.

The public surface is what this module exports.
"""

from perdure.actors.hooks import ActorHooks
from perdure.runtime.errors import (
    BadExport,
    CleanupFailed,
    ComponentNotSupported,
    ExtensionDisabled,
    ExtensionFolderError,
    ExtensionInUse,
    FileOutsideFolder,
    FileTooLarge,
    FileUnreadable,
    ForbiddenImports,
    InitFailed,
    InvalidLimits,
    InvalidState,
    InvalidWasm,
    LibraryDenied,
    ManifestError,
    ManifestMissing,
    ModuleError,
    NoSuchSequence,
    NotAnExtensionFolder,
    NotWasm,
    PerdureError,
    RuntimeClosedError,
    StateTooLarge,
    UnknownExtension,
    UnknownJobType,
    UnsafeCacheFolder,
    WasmMissing,
)
from perdure.runtime.extensions import ExtensionInfo, installed_extensions
from perdure.runtime.history import HistoryEntry, history, state_at
from perdure.runtime.job_handle import JobHandle, Timings
from perdure.runtime.runtime import DEFAULT_LIBRARY, Runtime, perdure_version
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.signals import on_stop_signals
from perdure.store.event_store import JobPage, StoredEvent
from perdure.store.events import JobError, JobLimits, RetryPolicy
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

__all__ = [
    "DEFAULT_LIBRARY",
    "ActorHooks",
    "BadExport",
    "CleanupFailed",
    "ComponentNotSupported",
    "ExtensionDisabled",
    "ExtensionFolderError",
    "ExtensionInUse",
    "ExtensionInfo",
    "FileOutsideFolder",
    "FileTooLarge",
    "FileUnreadable",
    "ForbiddenImports",
    "HistoryEntry",
    "InitFailed",
    "InvalidLimits",
    "InvalidState",
    "InvalidWasm",
    "JobError",
    "JobHandle",
    "JobLimits",
    "JobPage",
    "JobState",
    "LibraryDenied",
    "ManifestError",
    "ManifestMissing",
    "ModuleError",
    "NoSuchSequence",
    "NotAnExtensionFolder",
    "NotWasm",
    "PerdureError",
    "RetryPolicy",
    "Runtime",
    "RuntimeClosedError",
    "RuntimeSettings",
    "StateTooLarge",
    "Status",
    "StoredEvent",
    "Timings",
    "UnknownExtension",
    "UnknownJobType",
    "UnsafeCacheFolder",
    "WasmMissing",
    "history",
    "installed_extensions",
    "on_stop_signals",
    "perdure_version",
    "state_at",
]
