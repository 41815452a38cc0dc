"""What commands that take an extension do with a project: build it, and go on with what was built."""

from __future__ import annotations

from pathlib import Path

from perdure.cli.build_check import check_calls
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import duration, printable, size
from perdure.runtime.manifest import MANIFEST_FILE
from perdure.toolchain import build as build_project
from perdure.toolchain import project_in
from perdure.toolchain.errors import BuildFailed, NoProject


def built_if_project(invocation: Invocation, path: str) -> str:
    """The path of the extension that ``path`` means: itself, or what was built just now if it is a project's folder.

    An extension's folder that is a project too, with its manifest beside its sources, is taken as it is.

    Raises:
        ToolchainError: it is a project that cannot be built.
        CommandError: its code calls what its permissions do not allow.
    """
    folder = Path(path)
    if not folder.is_dir() or (folder / MANIFEST_FILE).exists():
        return path
    try:
        project = project_in(folder)
    except NoProject:
        return path
    quiet = invocation.json
    try:
        built = build_project(project, lambda text: None if quiet else invocation.say_lines(text))
    except BuildFailed as error:
        invocation.say_lines(error.said.rstrip())
        raise
    for warning in check_calls(built):
        invocation.output.say(f"warning: {printable(warning)}")
    if not quiet:
        name = printable(f"{built.manifest['id']} {built.manifest.get('version', '')}")
        invocation.output.say(f"built {name} in {duration(built.seconds)}, {size(built.wasm_bytes)}")
    return str(built.folder)
