"""``perdure build``: from a project to an extension's folder, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from perdure.cli.build_check import CheckedBuild, check_build
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import duration, printable, size
from perdure.runtime.manifest import ManifestPermissions
from perdure.toolchain import build as build_project
from perdure.toolchain import deliver, project_around, project_in
from perdure.toolchain.errors import BuildFailed

ProjectFolder = Annotated[
    str | None,
    typer.Argument(metavar="[DIR]", help="The project's folder; else this one, or the nearest around it."),
]
OutputFolder = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="Where the extension goes; else dist/ID in the project."),
]


def build(invocation: Invocation, folder: ProjectFolder = None, output: OutputFolder = None) -> None:
    """Build an extension from its project: manifest.json and the module, which 'perdure extensions install' takes.

    What the code calls is compared with what its permissions ask for: a call that they do not allow is an error.
    Nothing is delivered unless all is well.
    """
    project = project_in(Path(folder)) if folder is not None else project_around(Path())

    def say(text: str) -> None:
        if not invocation.json:
            invocation.say_lines(text)

    try:
        built = build_project(project, say)
    except BuildFailed as error:
        invocation.say_lines(error.said.rstrip())
        raise
    checked = check_build(built)
    delivered = deliver(built, Path(output) if output is not None else None)
    for warning in checked.warnings:
        invocation.output.say(f"warning: {printable(warning)}")
    checked = msgspec.structs.replace(checked, built=delivered)
    if invocation.json:
        invocation.output.json(build_json(checked))
    else:
        invocation.output.show(build_table(checked))


def build_json(checked: CheckedBuild) -> dict[str, Any]:
    """A build as a JSON object."""
    built, manifest = checked.built, checked.package.manifest
    return {
        "extension": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "language": built.project.language,
        "folder": str(built.folder),
        "wasm_file": str(built.wasm_path),
        "module": checked.digest,
        "module_bytes": built.wasm_bytes,
        "job_types": [msgspec.structs.asdict(kind) for kind in checked.job_types],
        "permissions": msgspec.to_builtins(manifest.permissions),
        "calls": list(built.calls.names),
        "dynamic_calls": built.calls.dynamic,
        "warnings": list(checked.warnings),
        "seconds": round(built.seconds, 3),
    }


def build_table(checked: CheckedBuild) -> Table:
    """A build in a few lines."""
    built, manifest = checked.built, checked.package.manifest
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    rows = {
        "extension": f"{manifest.id} {manifest.version}",
        "jobs": ", ".join(kind.name for kind in checked.job_types) or "none",
        "permissions": _permissions(manifest.permissions),
        "module": f"{size(built.wasm_bytes)}, SHA-256 {checked.digest}",
        "built in": duration(built.seconds),
        "folder": str(built.folder),
    }
    for name, value in rows.items():
        grid.add_row(name, printable(value))
    return grid


def _permissions(permissions: ManifestPermissions) -> str:
    return ", ".join((*permissions.methods, *permissions.network_access)) or "none"
