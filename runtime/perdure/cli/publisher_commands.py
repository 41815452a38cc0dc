"""``perdure keys publisher``: the key with which an author signs packages."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.publisher_key_file import KeyOption, publisher_key_path
from perdure.cli.terminal_text import counted, printable
from perdure.runtime.packages.publisher_key import PublisherKey, new_key, read_key, rotated, write_key
from perdure.runtime.packages.statement import MAX_NAME, is_publisher_name
from perdure.runtime.seals.signing import as_pem

Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="What the publisher is called, for those who install packages."),
]
PublicOutput = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the public key to this file.")
]


def new(invocation: Invocation, name: Name = None, key: KeyOption = None) -> None:
    """Make a publisher's key. Keep a copy of the file where nobody else can read it: who has it is the publisher."""
    path = publisher_key_path(key)
    made = new_key(name if name is not None else user_name())
    write_key(made, path)
    if invocation.json:
        invocation.output.json(key_json(made, path))
    else:
        say_new(invocation, made, path)


def show(invocation: Invocation, key: KeyOption = None) -> None:
    """Show the publisher's name, fingerprint and public key, and where the key lies; never the key itself."""
    path = publisher_key_path(key)
    found = read_key(path)
    if invocation.json:
        invocation.output.json(key_json(found, path))
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("publisher", printable(found.name))
    grid.add_row("fingerprint", found.fingerprint)
    grid.add_row("public key", found.public.hex())
    if found.endorsements:
        grid.add_row("follows", counted(len(found.endorsements), "earlier key"))
    grid.add_row("file", printable(str(path)))
    invocation.output.show(grid)


def export(invocation: Invocation, output: PublicOutput = None, key: KeyOption = None) -> None:
    """Print the public key as PEM, for others to check signatures with. Publish its fingerprint where you are known."""
    found = read_key(publisher_key_path(key))
    if output is not None:
        try:
            Path(output).write_text(as_pem(found.public), encoding="ascii")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror or error}", ExitCode.USAGE) from error
    if invocation.json:
        invocation.output.json(
            {"name": found.name, "fingerprint": found.fingerprint, "pem": as_pem(found.public), "file": output}
        )
    elif output is None:
        invocation.output.show(as_pem(found.public).rstrip("\n"))
    else:
        invocation.output.say(f"the public key {found.fingerprint} is written to {output}")


def rotate(invocation: Invocation, name: Name = None, key: KeyOption = None) -> None:
    """Make a new key that the old one signs, and forget the old one. Hosts that know the old one accept the new one."""
    path = publisher_key_path(key)
    old = read_key(path)
    made = rotated(old, name)
    write_key(made, path, replace=True)
    if invocation.json:
        invocation.output.json({**key_json(made, path), "previous": old.fingerprint})
        return
    invocation.output.say(
        f"packages are signed with {made.fingerprint} from now on, which {old.fingerprint} signed; publish the new "
        f"fingerprint, and keep a copy of {printable(str(path))}"
    )


def key_json(key: PublisherKey, path: Path) -> dict[str, Any]:
    """A publisher's key as a JSON object, without its private part."""
    return {
        "name": key.name,
        "fingerprint": key.fingerprint,
        "key": key.public.hex(),
        "earlier": [one.key.hex() for one in key.endorsements],
        "file": str(path),
    }


def say_new(invocation: Invocation, key: PublisherKey, path: Path) -> None:
    """Tell the person what was made, and what depends on it."""
    invocation.output.say(f"a publisher's key was made for {printable(key.name)}: {key.fingerprint}")
    invocation.output.say(
        f"it lies in {printable(str(path))}; keep a copy in a safe place: without it nobody can publish a new version "
        "that hosts accept, and who has it can publish in your name"
    )


def user_name() -> str:
    """What the publisher is called if nobody says."""
    try:
        name = getpass.getuser()[:MAX_NAME]
    except (OSError, KeyError, ImportError):  # no such user in this system's list
        name = ""
    if not is_publisher_name(name):
        raise CommandError("nobody knows what the publisher is called; say it with --name", ExitCode.USAGE)
    return name
