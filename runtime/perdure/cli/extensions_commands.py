"""``perdure extensions``: list, install, inspect and remove them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from perdure.cli.consent_prompt import who
from perdure.cli.invocation import Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.package_view import package_json, package_table, publisher_json, publisher_text
from perdure.cli.terminal_text import counted, local_time, printable, shortened, size
from perdure.runtime import UpgradePolicy, installed_extensions
from perdure.runtime.errors import UnknownExtension
from perdure.runtime.extension_info import grant_of
from perdure.runtime.grants import asks_for_anything
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.runtime.packages.package_reader import SUFFIX, check_package
from perdure.runtime.permissions import LibraryEntries, MethodEntries, Permissions
from perdure.runtime.upgrades import policy_of, unknown_jobs
from perdure.store.events import extension_stream
from perdure.store.export import timestamp
from perdure.store.extension_state import ExtensionState, ProposedVersion

ExtensionId = Annotated[str, typer.Argument(metavar="EXT", help="The extension's id.")]
ExtensionOrPackage = Annotated[
    str, typer.Argument(metavar="EXT|FILE", help=f"The extension's id, or a package ({SUFFIX}) that is not installed.")
]
ForgetPublisher = Annotated[
    bool,
    typer.Option("--forget-publisher", metavar="", help="Forget who signed it too: the next package may be anybody's."),
]


def extension_json(state: ExtensionState) -> dict[str, Any]:
    """An installed extension as a JSON object."""
    manifest = parse_manifest(state.manifest)
    return {
        "extension": state.extension,
        "name": manifest.name,
        "version": state.version,
        "description": manifest.description,
        "author": manifest.author,
        "homepage": manifest.homepage,
        "enabled": state.enabled,
        "job_types": [msgspec.structs.asdict(kind) for kind in state.job_types],
        "upgrades": {kind.name: policy_of(kind.name, state.upgrades, manifest) for kind in state.job_types},
        "module": state.module,
        "module_bytes": state.module_bytes,
        "installed_at": timestamp(state.installed_at),
        "loaded_at": timestamp(state.loaded_at) if state.loaded_at is not None else None,
        "permissions": msgspec.to_builtins(manifest.permissions),
        "grant": msgspec.to_builtins(grant_of(state)),
        "granted_at": timestamp(state.granted_at) if state.granted_at is not None else None,
        "granted_by": state.granted_by or None,
        **publisher_json(state),
        "update": _update_json(state.proposed),
        "warnings": [*manifest.warnings, *unknown_jobs(manifest, state.job_types)],
    }


def _update_json(proposed: ProposedVersion | None) -> dict[str, Any] | None:
    if proposed is None:
        return None
    return {
        "version": proposed.version,
        "module": proposed.module,
        "module_bytes": proposed.module_bytes,
        "proposed_at": timestamp(proposed.proposed_at),
        "permissions": msgspec.to_builtins(parse_manifest(proposed.manifest).permissions),
    }


def list_extensions(invocation: Invocation) -> None:
    """List the installed extensions."""
    states = _installed(invocation)
    if invocation.json:
        invocation.output.json([extension_json(state) for state in states])
        return
    if not states:
        invocation.output.show(f"no extensions in {invocation.data}; install one: perdure extensions install FILE|DIR")
        return
    publishers = ["publisher"] if any(state.publisher is not None for state in states) else []
    table = plain_table("extension", "version", "jobs", "module", "installed", *publishers, "name", right=("module",))
    for state in states:
        table.add_row(
            state.extension,
            state.version if state.proposed is None else f"{state.version} ({state.proposed.version} waits)",
            _jobs(state),
            size(state.module_bytes),
            local_time(state.installed_at)[:19],
            *(shortened(state.publisher.name if state.publisher is not None else "", 30) for _ in publishers),
            shortened(parse_manifest(state.manifest).name, 60),
        )
    invocation.output.show(table)


def inspect(invocation: Invocation, extension: ExtensionOrPackage) -> None:
    """Show what an extension offers and may do, and who signed it; or check a package and show what is in it."""
    if not extension.endswith(SUFFIX):
        show_extension(invocation, extension)
        return
    contents = check_package(extension)
    if invocation.json:
        invocation.output.json(package_json(contents))
    else:
        invocation.output.show(package_table(contents))


def show_extension(invocation: Invocation, extension: str) -> None:
    """Print an installed extension.

    Raises:
        UnknownExtension: it is not installed.
    """
    _show(invocation, _state(invocation, extension))


def remove(invocation: Invocation, extension: ExtensionId, forget_publisher: ForgetPublisher = False) -> None:
    """Remove an extension that has no unfinished jobs; its history stays, and its publisher stays the only one."""
    if forget_publisher and extension not in {state.extension for state in _installed(invocation)}:
        _forget_removed(invocation, extension)
        return
    state = _state(invocation, extension)
    with invocation.runtime() as runtime:
        runtime.uninstall(extension)
        if forget_publisher and state.publisher is not None:
            runtime.forget_publisher(extension, by=who())
    if invocation.json:
        invocation.output.json({"extension": state.extension, "version": state.version, "removed": True})
    else:
        invocation.output.show(f"{state.extension} {state.version} removed")


def _forget_removed(invocation: Invocation, extension: str) -> None:
    """Of an extension that was removed before: its publisher is all that there is to forget."""
    with invocation.read_if_any() as store:
        known = store.state(extension_stream(extension)) if store is not None else None
    if not isinstance(known, ExtensionState):
        _state(invocation, extension)
    with invocation.runtime() as runtime:
        runtime.forget_publisher(extension, by=who())
    if invocation.json:
        invocation.output.json({"extension": extension, "publisher": None})
    else:
        invocation.output.show(f"{extension} may be installed from any publisher")


def _installed(invocation: Invocation) -> list[ExtensionState]:
    with invocation.read_if_any() as store:
        return installed_extensions(store) if store is not None else []


def _state(invocation: Invocation, extension: str) -> ExtensionState:
    states = {state.extension: state for state in _installed(invocation)}
    if extension not in states:
        raise UnknownExtension(extension, tuple(states))
    return states[extension]


def _jobs(state: ExtensionState) -> str:
    if not state.enabled:
        return "switched off"
    return ", ".join(printable(kind.name) for kind in state.job_types) or "known after its first run"


def _show(invocation: Invocation, state: ExtensionState) -> None:
    if invocation.json:
        invocation.output.json(extension_json(state))
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _rows(state, parse_manifest(state.manifest)):
        grid.add_row(name, value)
    invocation.output.show(grid)


def _rows(state: ExtensionState, manifest: Manifest) -> Iterator[tuple[str, str]]:
    permissions = manifest.permissions
    yield "extension", f"{state.extension} {state.version}"
    yield "name", printable(manifest.name)
    for name in ("description", "author", "homepage"):
        if value := getattr(manifest, name):
            yield name, printable(value)
    yield "jobs", _jobs(state)
    policies = {kind.name: policy_of(kind.name, state.upgrades, manifest) for kind in state.job_types}
    if any(policy is not UpgradePolicy.STAY for policy in policies.values()):
        yield "upgrades", ", ".join(f"{printable(name)}: {policy}" for name, policy in policies.items())
    yield "operations", ", ".join(map(printable, permissions.methods)) or "none"
    yield "libraries", "all" if permissions.libraries == ("*",) else ", ".join(map(printable, permissions.libraries))
    yield "network", ", ".join(map(printable, permissions.network_access)) or "none"
    limits = permissions.rate_limits
    yield (
        "limits",
        (
            f"{counted(limits.requests_per_minute, 'operation')} a minute, "
            f"{counted(limits.concurrent_jobs, 'job')} at once, {permissions.max_memory_mb:,} MiB of memory each"
        ),
    )
    yield "granted", _granted(state, manifest)
    if publisher := publisher_text(state):
        yield "publisher", publisher
    if state.proposed is not None:
        yield (
            "waits for consent",
            f"{state.proposed.version}, since {local_time(state.proposed.proposed_at)[:19]}; "
            f"perdure extensions update {state.extension}",
        )
    yield "module", f"{size(state.module_bytes)}, SHA-256 {state.module}"
    yield "installed", local_time(state.installed_at)
    for warning in (*manifest.warnings, *unknown_jobs(manifest, state.job_types)):
        yield "warning", printable(warning)


def _granted(state: ExtensionState, manifest: Manifest) -> str:
    """What of the above it may do."""
    grant = grant_of(state)
    asked = manifest.permissions
    if grant is None:
        if not asks_for_anything(asked):
            return "it asks for nothing that needs consent"
        return f"nothing: nobody was asked when it was installed; perdure extensions grant {state.extension}"
    when = f"{local_time(state.granted_at)[:19] if state.granted_at is not None else '?'} by {state.granted_by}"
    allowed = Permissions(grant.methods, grant.libraries, grant.denied)
    methods = MethodEntries(asked.methods).narrowed(allowed.methods).entries
    less = f", but not {', '.join(allowed.denied.entries)}" if allowed.denied else ""
    hosts = HostRules.of(asked.network_access).narrowed(HostRules.of(grant.hosts)).entries
    libraries = LibraryEntries(asked.libraries).narrowed(allowed.libraries).entries
    where = "" if libraries == ("*",) else f"; in {', '.join(libraries) or 'no library'}"
    what = f"{', '.join(methods) or 'no operation'}{less}; hosts: {', '.join(hosts) or 'none'}{where}"
    return printable(f"{what} ({when})")
