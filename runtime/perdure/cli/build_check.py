"""Whether what a build made is an extension that this host takes: its manifest, its interface, its calls, its jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.terminal_text import counted
from perdure.runtime.extension_folder import ExtensionPackage, read_extension
from perdure.runtime.extensions import InitLimits
from perdure.runtime.guests.describe import describe
from perdure.runtime.guests.files import extension_file
from perdure.runtime.manifest import ManifestPermissions
from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.permissions import MethodEntries, OperationName, operation_name
from perdure.runtime.proof.modules import ProofModules
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.upgrades import unknown_jobs
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.store.events import JobType
from perdure.toolchain import Built
from perdure.toolchain.calls import Calls

_REQUESTS: Final = (OperationName("query", "http.request"), OperationName("action", "http.request"))


class CheckedBuild(msgspec.Struct, frozen=True, kw_only=True):
    """A build that this host takes. ``digest`` is the SHA-256 of the module, in hexadecimal digits."""

    built: Built
    package: ExtensionPackage
    digest: str
    job_types: tuple[JobType, ...]
    warnings: tuple[str, ...]


def check_build(built: Built) -> CheckedBuild:
    """Check a build with the host's own code; the extension is initialised once, in a sandbox.

    Raises:
        CommandError: the code calls what its permissions do not allow.
        ManifestError, ExtensionFolderError: the manifest is not what it must be.
        ModuleError: the module does not fit its ABI, or could not be initialised.
    """
    package = read_extension(built.folder)
    manifest = package.manifest
    digest = hashlib.sha256(package.wasm_bytes).hexdigest()
    load = ProofModules(lambda _: package.wasm_bytes).loader(digest)
    extension_file(load)  # before anything is compiled: its imports
    about_calls = _about_calls(built, package)
    job_types = _offered(package, load)
    warnings = (*package.warnings, *unknown_jobs(manifest, job_types), *about_calls)
    if not job_types:
        warnings = (*warnings, "it offers no job")
    return CheckedBuild(built=built, package=package, digest=digest, job_types=job_types, warnings=warnings)


def check_calls(built: Built) -> tuple[str, ...]:
    """Compare what the code of a build calls with what its permissions ask for; nothing is compiled. Returns warnings.

    Raises:
        CommandError: the code calls what its permissions do not allow.
        ManifestError, ExtensionFolderError: the manifest is not what it must be.
    """
    return _about_calls(built, read_extension(built.folder))


def _about_calls(built: Built, package: ExtensionPackage) -> tuple[str, ...]:
    permissions = package.manifest.permissions
    if missing := uncovered(built.calls, permissions):
        raise CommandError(_not_allowed(package.manifest.id, missing), ExitCode.BAD_EXTENSION)
    return (*unused(built.calls, permissions), *unknown(built.calls))


def check_extension(package: ExtensionPackage) -> tuple[str, ...]:
    """Check an extension that is built already; it is initialised once, in a sandbox. Returns warnings.

    Raises:
        ModuleError: the module does not fit its ABI, or could not be initialised.
    """
    digest = hashlib.sha256(package.wasm_bytes).hexdigest()
    load = ProofModules(lambda _: package.wasm_bytes).loader(digest)
    extension_file(load)  # before anything is compiled: its imports
    return (*package.warnings, *unknown_jobs(package.manifest, _offered(package, load)))


def _offered(package: ExtensionPackage, load: ModuleLoader) -> tuple[JobType, ...]:
    settings = RuntimeSettings()
    limits = InitLimits(settings.init_seconds, settings.init_fuel)
    return describe(package.manifest.id, load, limits.sandbox(package.manifest), seconds=limits.seconds)


def uncovered(calls: Calls, permissions: ManifestPermissions) -> list[str]:
    """The calls that the permissions do not allow, as the code names them."""
    allowed = MethodEntries(permissions.methods)
    return [name for name in calls.names if (known := operation_name(name)) is not None and not allowed.allows(known)]


def unused(calls: Calls, permissions: ManifestPermissions) -> Iterator[str]:
    """A line for each permission that no call of the code uses."""
    called = [known for name in calls.names if (known := operation_name(name)) is not None]
    made = f" by name ({counted(calls.dynamic, 'call')} with a name that is made when it runs)" if calls.dynamic else ""
    for entry in permissions.methods:
        if not any(map(MethodEntries((entry,)).allows, called)):
            yield f"permissions.methods: nothing in the code calls {entry}{made}; take it away if it is not needed"
    requests = [str(name) for name in _REQUESTS if name in called]
    if permissions.network_access and not calls.dynamic and not requests:
        yield "permissions.network_access: nothing in the code calls http.request"
    if requests and not permissions.network_access:
        yield f"it calls {requests[0]}, and permissions.network_access has no host: each request will be refused"


def unknown(calls: Calls) -> Iterator[str]:
    """A line for each call of an operation that this installation does not have; an embedder's own may be one."""
    if not calls.names:
        return
    offered = {str(operation.name) for operation in catalogue()[0]}
    for name in calls.names:
        known = operation_name(name)
        if known is None:
            yield f"{name} is no name that an operation can have"
        elif str(known) not in offered:
            yield f"{name} is no operation of this installation; 'perdure operations list' names those"


def _not_allowed(extension: str, names: Sequence[str]) -> str:
    entries = ", ".join(f'"{name}"' for name in names)
    return (
        f"{extension} calls what its permissions do not ask for: {', '.join(names)}; add to the methods of its "
        f"permissions: {entries}"
    )
