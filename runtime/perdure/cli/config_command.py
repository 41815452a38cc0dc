"""``perdure extensions config``: show and set an extension's configuration."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.extensions_commands import ExtensionId
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.terminal_text import pretty_json, printable, shortened
from perdure.runtime.config.operations import Configuration

Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=VALUE...]",
        help="Settings to change: the value is JSON, or else text; NAME may lead into an object: server.port=80.",
        show_default=False,
    ),
]
Library = Annotated[
    UUID | None,
    typer.Option("--library", metavar="UUID", help="What holds in this library only; else what holds in all of them."),
]
Unset = Annotated[
    list[str] | None, typer.Option("--unset", metavar="NAME", help="Forget a setting, so that its default holds again.")
]
Reset = Annotated[bool, typer.Option("--reset", metavar="", help="Forget all that was set.")]


def config(
    invocation: Invocation,
    extension: ExtensionId,
    settings: Settings = None,
    unset: Unset = None,
    reset: Reset = False,
    library: Library = None,
) -> None:
    """Show an extension's configuration, with its defaults; or change it.

    It has to fit the schema in the manifest. What is set for a library is laid over what is set for all of them.
    """
    changes = [_change(word) for word in settings or []]
    forgotten = [_path(name) for name in unset or []]
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        found = runtime.config(extension, library_id=library)
        if changes or forgotten or reset:
            own: dict[str, Any] = {} if reset or found.own is None else found.own
            for path in forgotten:
                _forget(own, path)
            for path, value in changes:
                _set(own, path, value)
            found = runtime.configure(extension, own or None, library_id=library, if_revision=found.revision)
    _show(invocation, found)


def _show(invocation: Invocation, found: Configuration) -> None:
    if invocation.json:
        invocation.output.json(found)
        return
    invocation.output.show(pretty_json(found.values))
    for problem in found.left_out:
        invocation.output.say(f"warning: what was set does not fit, and is left out: {printable(str(problem))}")
    for problem in found.problems:
        invocation.output.say(f"warning: {printable(str(problem))}")


def _change(word: str) -> tuple[list[str], Any]:
    name, equals, text = word.partition("=")
    if not equals:
        raise CommandError(f"{shortened(word, 40)!r} is no setting; it must be NAME=VALUE", ExitCode.USAGE)
    try:
        return _path(name), msgspec.json.decode(text.encode(errors="surrogateescape"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _path(name), text


def _path(name: str) -> list[str]:
    path = name.split(".")
    if not all(path):
        raise CommandError(f"{shortened(name, 40)!r} names no setting", ExitCode.USAGE)
    return path


def _set(own: dict[str, Any], path: list[str], value: Any) -> None:
    *above, name = path
    for step in above:
        inner = own.get(step)
        if not isinstance(inner, dict):
            inner = own[step] = {}
        own = inner
    own[name] = value


def _forget(own: dict[str, Any], path: list[str]) -> None:
    name, *below = path
    inner = own.get(name)
    if not below:
        own.pop(name, None)
    elif isinstance(inner, dict):
        _forget(inner, below)
        if not inner:
            del own[name]
