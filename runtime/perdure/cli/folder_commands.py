"""``perdure folders``: folders of this machine that extensions may read."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from perdure.cli.any_runtime import AnyRuntime
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.extensions_commands import ExtensionId
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import counted, local_time, printable
from perdure.runtime.files.shared_folders import stored_shares

CALLER: Final = "cli"

Named = Annotated[
    list[str],
    typer.Argument(metavar="NAME=PATH...", help="What the extension calls the folder, and where it is."),
]
FolderOption = Annotated[
    list[str],
    typer.Option(
        "--folder",
        metavar="NAME=PATH",
        help="Share this folder with the extension, for reading, under this name; can be given several times.",
    ),
]
OneName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one; all of them if not given.")]


def share(invocation: Invocation, extension: ExtensionId, folders: Named) -> None:
    """Let an extension read folders, with all that is below them, until 'perdure folders unshare'."""
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        shared = share_folders(runtime, extension, folders)
    if invocation.json:
        invocation.output.json(shared)
        return
    for name, path in shared.items():
        invocation.output.say(f"{extension} may read {printable(path)}, as {name}")


def list_shares(invocation: Invocation, extension: ExtensionId) -> None:
    """List the folders that an extension may read."""
    with invocation.read_if_any() as store:
        shares = stored_shares(store, extension) if store is not None else []
    if invocation.json:
        invocation.output.json([{"name": name, "path": row.path, "since": row.since} for name, row in shares])
        return
    table = plain_table("name", "folder", "since")
    for name, row in shares:
        table.add_row(name, printable(row.path), local_time(row.since))
    invocation.output.show(table)


def unshare(invocation: Invocation, extension: ExtensionId, name: OneName = None) -> None:
    """Let an extension read a folder no longer, or none; what it has read, it has read."""
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        removed = runtime.unshare_folder(extension, name, caller=CALLER)
    if invocation.json:
        invocation.output.json({"removed": removed})
    else:
        invocation.output.say(f"{counted(removed, 'folder')} less for {extension}")


def share_folders(runtime: AnyRuntime, extension: str, folders: list[str]) -> dict[str, Any]:
    """Share what ``NAME=PATH`` arguments say; returns the paths by name.

    Raises:
        CommandError: one is none, or the folder is not there.
    """
    shared: dict[str, Any] = {}
    for folder in folders:
        name, separator, path = folder.partition("=")
        if not separator or not name or not path:
            raise CommandError(f"{folder}: say it as NAME=PATH, for example pictures=~/Pictures", ExitCode.USAGE)
        shared[name] = str(runtime.share_folder(extension, name, path, caller=CALLER))
    return shared
