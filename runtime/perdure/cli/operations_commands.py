"""``perdure operations``: what may be called, by extensions, by programs and from here."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import duration, pretty_json, printable
from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.client_python import client_module
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.schemas import example
from perdure.runtime.permissions import operation_name

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="An operation, like query:test.ping; without query: if there is one only.")
]


Families = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FAMILY",
        help="Which families, the first words of operations' names; without any, those of other distributions.",
    ),
]
Lang = Annotated[str, typer.Option("--lang", metavar="LANGUAGE", help="The language: python.")]


def operation_json(operation: Operation) -> dict[str, Any]:
    """An operation as a JSON object."""
    declaration = operation.declaration
    return {
        "name": str(operation.name),
        "kind": operation.name.kind,
        "version": operation.name.version,
        "effect": declaration.effect.value if declaration.effect is not None else None,
        "scope": declaration.scope,
        "callers": declaration.callers,
        "family": operation.family,
        "module": operation.origin,
        "timeout_seconds": declaration.timeout,
        "sensitive": operation.secrets is not None,
        "summary": operation.summary,
    }


def list_operations(invocation: Invocation) -> None:
    """List the operations: those that ship, and those of installed distributions."""
    operations, _ = catalogue()
    if invocation.json:
        invocation.output.json([operation_json(operation) for operation in operations])
        return
    table = plain_table("operation", "effect", "scope", "does")
    for operation in operations:
        declaration = operation.declaration
        scope = f"{declaration.scope}, host only" if declaration.callers == "host" else declaration.scope
        table.add_row(str(operation.name), operation.effect_text, scope, _plain(operation.summary))
    invocation.output.show(table)


def show(invocation: Invocation, name: Name) -> None:
    """Show what an operation does, and the JSON Schema of its input and its answer."""
    operation = _found(catalogue()[0], name)
    taken, given = operation.schemas()
    sample = example(taken)
    command = f"perdure call {operation.name} {shlex.quote(json.dumps(sample, ensure_ascii=False))}"
    if invocation.json:
        more = {"description": operation.description, "input": taken, "output": given}
        invocation.output.json({**operation_json(operation), **more, "example": sample, "command": command})
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _rows(operation, command):
        grid.add_row(label, text)
    invocation.output.show(_plain(operation.summary))
    body = operation.description.partition("\n")[2].strip("\n")
    for line in body.splitlines():
        invocation.output.show(_plain(line))
    invocation.output.show("", grid, "", "input", pretty_json(taken), "", "answer", pretty_json(given))


def client(invocation: Invocation, families: Families = None, lang: Lang = "python") -> None:
    """Write typed clients of operations, for extensions to have among their files."""
    if lang != "python":
        raise CommandError(f"there are clients in python, not in {printable(lang)}", ExitCode.USAGE)
    operations = catalogue()[0]
    wanted = set(families or ())
    if missing := sorted(wanted - {operation.family for operation in operations}):
        raise CommandError(
            f"there is no family {printable(', '.join(missing))}; see 'perdure operations list'", ExitCode.UNKNOWN
        )
    if not wanted:
        wanted = {operation.family for operation in operations if not operation.origin.startswith("perdure.")}
    if not wanted:
        raise CommandError(
            "there are no operations but those that ship, whose clients perdure_sdk has; say which families you want",
            ExitCode.USAGE,
        )
    chosen = [operation for operation in operations if operation.family in wanted]
    command = shlex.join(["perdure", "operations", "client", "--lang", lang, *sorted(families or ())])
    source = client_module(chosen, command)
    if invocation.json:
        invocation.output.json({"language": lang, "source": source})
    else:
        invocation.output.line(source.rstrip("\n"))


def _plain(text: str) -> str:
    return printable(text.replace("``", "`"))


def _rows(operation: Operation, command: str) -> Iterator[tuple[str, str]]:
    declaration = operation.declaration
    yield "operation", str(operation.name)
    yield "effect", operation.effect_text
    yield "scope", declaration.scope
    yield "callers", "the host only" if declaration.callers == "host" else "extensions it is granted to, and the host"
    yield "time limit", duration(declaration.timeout)
    if declaration.sensitive:
        yield "recorded", "encrypted"
    elif operation.secrets is not None:
        yield "recorded", "with its secrets encrypted (x-sensitive)"
    else:
        yield "recorded", "in clear"
    yield "written in", operation.origin
    yield "example", printable(command)


def _found(operations: list[Operation], name: str) -> Operation:
    wanted = operation_name(name)
    found = [one for one in operations if one.name == wanted or (":" not in name and one.name.name == name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(one.name) for one in found)
        raise CommandError(f"there are several: {names}; say which", ExitCode.USAGE)
    raise CommandError(f"there is no operation {printable(name)!r}; see 'perdure operations list'", ExitCode.UNKNOWN)
