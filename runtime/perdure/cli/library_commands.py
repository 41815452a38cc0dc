"""``perdure library``: what is in a library, and out of it into files."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO
from uuid import UUID

import typer

from perdure.cli.call_command import Library as LibraryOption
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import local_time, printable, size
from perdure.runtime import DEFAULT_LIBRARY, Runtime
from perdure.runtime.vdfs.library import Library, LibraryHost
from perdure.runtime.vdfs.messages import Entry
from perdure.store.lmdb_store import LmdbEventStore

if TYPE_CHECKING:
    from perdure.client.client import Client

_PAGE = 1_000

EntryArgument = Annotated[str, typer.Argument(metavar="ENTRY", help="Its id, or its name if there is one of it.")]
Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only entries of this kind.")]
Sidecar = Annotated[str | None, typer.Option("--sidecar", metavar="NAME", help="This sidecar instead of its content.")]
Target = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where to; - for standard output. Its name, in this folder, if not given.",
    ),
]


def list_entries(invocation: Invocation, kind: Kind = None, library: LibraryOption = DEFAULT_LIBRARY) -> None:
    """List the entries of a library, in the order of creation."""
    with _host(invocation) as runtime:
        entries = _entries(runtime, library, kind=kind)
    if invocation.json:
        invocation.output.json(entries)
        return
    table = plain_table("entry", "kind", "size", "created", "by", "name")
    for one in entries:
        by = one.extension or ""
        table.add_row(str(one.id), one.kind, size(one.size), local_time(one.created), by, printable(one.name))
    invocation.output.show(table)


def get(
    invocation: Invocation,
    entry: EntryArgument,
    sidecar: Sidecar = None,
    target: Target = None,
    library: LibraryOption = DEFAULT_LIBRARY,
) -> None:
    """Write an entry's content, or a sidecar's, into a file; one that is there already is left alone."""
    with _host(invocation) as runtime:
        found = _entry(runtime, library, entry)
        if sidecar is None:
            with Library(runtime, library).open(found.id) as content:
                place = _write(target or Path(found.name), lambda file: shutil.copyfileobj(content, file))
        else:
            request = {"entry_id": found.id, "name": sidecar}
            data = runtime.call("query:vdfs.read_sidecar", request, library_id=library, caller="cli").content
            place = _write(target or Path(sidecar), lambda file: file.write(data))
    if place is not None:
        invocation.output.say(f"{printable(found.name)}: written to {printable(str(place))}")


class _Served:
    """What a server says of libraries; contents are read where they lie."""

    def __init__(self, client: Client, store: LmdbEventStore) -> None:
        self.call = client.call
        self.store = store


@contextlib.contextmanager
def _host(invocation: Invocation) -> Iterator[LibraryHost]:
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        if isinstance(runtime, Runtime):
            yield runtime
            return
        with invocation.read() as store:
            yield _Served(runtime, store)


def _entries(runtime: LibraryHost, library: UUID, **filters: Any) -> list[Entry]:
    found: list[Entry] = []
    request: dict[str, Any] = {"limit": _PAGE, **{name: value for name, value in filters.items() if value is not None}}
    while True:
        page = runtime.call("query:vdfs.list_entries", request, library_id=library, caller="cli")
        found += page.entries
        if page.next is None:
            return found
        request["cursor"] = page.next


def _entry(runtime: LibraryHost, library: UUID, named: str) -> Entry:
    try:
        return Library(runtime, library).entry(UUID(named))
    except ValueError:  # no id
        found = [one for one in _entries(runtime, library, name_prefix=named, order="name") if one.name == named]
    if not found:
        raise CommandError(f"the library has no entry {named}; perdure library list", ExitCode.NOT_FOUND)
    if len(found) > 1:
        ids = ", ".join(str(one.id) for one in found[:5])
        raise CommandError(f"the library has {len(found)} entries {named}: say which, {ids}", ExitCode.USAGE)
    return found[0]


def _write(target: Path, write: Any) -> Path | None:
    """Write a new file; None for standard output."""
    if str(target) == "-":
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return None
    try:
        file: BinaryIO
        with target.open("xb") as file:
            try:
                write(file)
            except BaseException:
                target.unlink()  # a part of it would look like all of it, and be in the way
                raise
    except FileExistsError:
        raise CommandError(f"{target} is there already; -o FILE names another", ExitCode.USAGE) from None
    except OSError as error:
        raise CommandError(f"{target}: {error.strerror or error}", ExitCode.USAGE) from error
    return target
