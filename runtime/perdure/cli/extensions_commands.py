"""``perdure extensions``: list, install, inspect and remove them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import counted, local_time, printable, shortened, size
from perdure.runtime import installed_extensions
from perdure.runtime.errors import UnknownExtension
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.store.export import timestamp
from perdure.store.extension_state import ExtensionState

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="The folder with manifest.json and the module.")]
ExtensionId = Annotated[str, typer.Argument(metavar="EXT", help="The extension's id.")]


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
        "module": state.module,
        "module_bytes": state.module_bytes,
        "installed_at": timestamp(state.installed_at),
        "loaded_at": timestamp(state.loaded_at) if state.loaded_at is not None else None,
        "permissions": msgspec.to_builtins(manifest.permissions),
        "warnings": list(manifest.warnings),
    }


def list_extensions(invocation: Invocation) -> None:
    """List the installed extensions."""
    states = _installed(invocation)
    if invocation.json:
        invocation.output.json([extension_json(state) for state in states])
        return
    if not states:
        invocation.output.show(f"no extensions in {invocation.data}; install one: perdure extensions install FOLDER")
        return
    table = plain_table("extension", "version", "jobs", "module", "installed", "name", right=("module",))
    for state in states:
        table.add_row(
            state.extension,
            state.version,
            _jobs(state),
            size(state.module_bytes),
            local_time(state.installed_at)[:19],
            shortened(parse_manifest(state.manifest).name, 60),
        )
    invocation.output.show(table)


def install(invocation: Invocation, folder: Folder) -> None:
    """Install an extension from its folder, or a new version of it."""
    if not Path(folder).is_dir():
        raise CommandError(f"{folder} is not a folder; name the one that holds manifest.json", ExitCode.BAD_EXTENSION)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        info = runtime.install(folder)
        runtime.load(info.extension)  # so that its jobs are known, and listed
    for warning in info.warnings:
        invocation.output.say(f"warning: {printable(warning)}")
    _show(invocation, _state(invocation, info.extension))


def inspect(invocation: Invocation, extension: ExtensionId) -> None:
    """Show what an extension offers, and what it may do."""
    _show(invocation, _state(invocation, extension))


def remove(invocation: Invocation, extension: ExtensionId) -> None:
    """Remove an extension that has no unfinished jobs; its history stays."""
    state = _state(invocation, extension)
    with invocation.runtime() as runtime:
        runtime.uninstall(extension)
    if invocation.json:
        invocation.output.json({"extension": state.extension, "version": state.version, "removed": True})
    else:
        invocation.output.show(f"{state.extension} {state.version} removed")


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
    yield "module", f"{size(state.module_bytes)}, SHA-256 {state.module}"
    yield "installed", local_time(state.installed_at)
    for warning in manifest.warnings:
        yield "warning", printable(warning)
