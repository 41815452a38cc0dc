"""Which module a fork is to run: a file, a package, an extension's folder, or a version that is installed or waits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from perdure.runtime.errors import ForkRefused, UnknownJobType
from perdure.runtime.extension_folder import read_module
from perdure.runtime.extensions import Extensions
from perdure.runtime.guests.describe import resolve_job
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.runtime.packages.package_reader import SUFFIX
from perdure.runtime.packages.version_source import read_version
from perdure.runtime.timetravel.fork_copy import NewModule
from perdure.store.event_store import EventStore
from perdure.store.job_state import JobState


def find_module(store: EventStore, extensions: Extensions, job: JobState, name: str | os.PathLike[str]) -> NewModule:
    """The module that ``name`` names, tried out; its bytes are in the blob store afterwards.

    It may do what the extension was granted, and nothing else.

    Raises:
        ForkRefused: there is none, or it is another extension's.
        UnknownJobType: it has no such job.
        ExtensionFolderError, PackageError, ManifestError, ModuleError: what is wrong with it.
        StoreError: it could not be stored.
    """
    version, module, manifest = _found(store, extensions, job, name)
    types = extensions.try_out(job.extension, module, manifest)
    kind = resolve_job(types, job.job_type.partition(":")[2])
    if kind is None:
        raise UnknownJobType(job.job_type, tuple(one.name for one in types))
    return NewModule(version, module, kind.export, kind.resumable)


def _found(
    store: EventStore, extensions: Extensions, job: JobState, name: str | os.PathLike[str]
) -> tuple[str, str, Manifest]:
    path = Path(name)
    installed = extensions.state(job.extension)
    if path.is_dir() or path.suffix == SUFFIX:
        package = read_version(path).extension
        if package.manifest.id != job.extension:
            raise ForkRefused(job.job_id, f"{path} is extension {package.manifest.id}, the job is of {job.extension}")
        return package.manifest.version, store.blobs.put(package.wasm_bytes), package.manifest
    if path.exists():
        data = read_module(path)
        # A file has no version of its own, and no manifest.
        store.blobs.put(data)
        return job.version, hashlib.sha256(data).hexdigest(), parse_manifest(installed.manifest)
    if name == installed.version:
        return installed.version, installed.module, parse_manifest(installed.manifest)
    proposed = installed.proposed
    if proposed is not None and name == proposed.version:
        return proposed.version, proposed.module, parse_manifest(proposed.manifest)
    known = [installed.version, *([proposed.version] if proposed is not None else [])]
    raise ForkRefused(
        job.job_id, f"{os.fspath(name)!r} is no wasm file, no extension's folder and no version of {', '.join(known)}"
    )
