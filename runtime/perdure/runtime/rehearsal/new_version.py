"""The version of an extension that is rehearsed: from a folder, or one that waits for consent. Nothing is recorded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from perdure.runtime.errors import NoUpdateProposed, RehearsalRefused, UnknownExtension
from perdure.runtime.extension_info import installed_extensions
from perdure.runtime.extensions import InitLimits
from perdure.runtime.guests.describe import describe
from perdure.runtime.manifest import Manifest, UpgradePolicy, parse_manifest
from perdure.runtime.packages.package_reader import SUFFIX
from perdure.runtime.packages.version_source import read_version
from perdure.runtime.proof.modules import ProofModules
from perdure.runtime.upgrades import policy_of
from perdure.runtime.wasm.code import compile_code
from perdure.runtime.wasm.engine import new_engine
from perdure.runtime.wasm.errors import ModuleError
from perdure.store.event_store import EventStore
from perdure.store.events import JobLimits, JobType
from perdure.store.extension_state import ExtensionState


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that could be installed in the place of version ``installed``.

    ``machine_code`` is made of ``wasm``; it is empty where ``problem`` says that the module cannot be used.
    """

    extension: str
    installed: str
    version: str
    module: str
    wasm: bytes
    machine_code: bytes
    job_types: tuple[JobType, ...]
    policies: dict[str, UpgradePolicy]
    problem: str = ""


def new_version(store: EventStore, name: str, limits: InitLimits) -> NewVersion:
    """The version that ``name`` names: a package, a folder, or the id of an extension whose update waits for consent.

    Its module is tried out, within ``limits``, and not stored.

    Raises:
        UnknownExtension: the extension is not installed.
        NoUpdateProposed: none of its versions waits for consent.
        RehearsalRefused: ``name`` is neither a package, nor a folder, nor an extension.
        ExtensionFolderError, PackageError, ManifestError: what is wrong with the folder or the package.
        StoreError: the log cannot be read.
    """
    path = Path(name)
    installed = {state.extension: state for state in installed_extensions(store)}
    if (path.is_dir() or path.suffix == SUFFIX) and name not in installed:
        package = read_version(path).extension
        if package.manifest.id not in installed:
            raise UnknownExtension(package.manifest.id, tuple(installed))
        return _tried_out(installed[package.manifest.id], package.manifest, package.wasm_bytes, limits)
    if name not in installed:
        raise RehearsalRefused(
            f"{name!r} is no extension's folder, no package, and no installed extension", tuple(installed)
        )
    proposed = installed[name].proposed
    if proposed is None:
        raise NoUpdateProposed(name)
    return _tried_out(installed[name], parse_manifest(proposed.manifest), store.blobs.get(proposed.module), limits)


def _tried_out(installed: ExtensionState, manifest: Manifest, wasm: bytes, limits: InitLimits) -> NewVersion:
    module = hashlib.sha256(wasm).hexdigest()
    machine_code, problem = b"", ""
    job_types: tuple[JobType, ...] = ()
    try:
        compiled = compile_code(new_engine(JobLimits().stack_bytes), wasm)
        machine_code = bytes(compiled.serialize())
        modules = ProofModules(lambda _: wasm, lambda _: machine_code)
        sandbox = limits.sandbox(manifest)
        job_types = describe(manifest.id, modules.loader(module), sandbox, seconds=limits.seconds)
    except ModuleError as error:
        problem = str(error)
    return NewVersion(
        extension=manifest.id,
        installed=installed.version,
        version=manifest.version,
        module=module,
        wasm=wasm,
        machine_code=machine_code,
        job_types=job_types,
        policies={kind.name: policy_of(kind.name, {}, manifest) for kind in job_types},
        problem=problem,
    )
