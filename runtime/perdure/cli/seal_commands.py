"""``perdure log seal`` and the public keys of seals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.terminal_text import counted, local_time
from perdure.runtime.seals.errors import NotSealed
from perdure.runtime.seals.seal_file import SealFile, check_seal_file, seal_file_of, write_seal_file
from perdure.runtime.seals.sealed_log import read_keys
from perdure.runtime.seals.signing import as_pem

SealOutput = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the seal to this file, to keep it elsewhere."),
]
Last = Annotated[
    bool,
    typer.Option("--last", metavar="", help="Make no new seal, take the last one: also while another process works."),
]


def seal(invocation: Invocation, output: SealOutput = None, last: Last = False) -> None:
    """State how every stream of the log ends, signed, so that nothing before can be changed or cut off unseen."""
    if not last:
        with invocation.runtime(busy=f"{BUSY_FOR_NEW}; or take its last seal with --last") as runtime:
            runtime.seal()
    with invocation.read() as store:
        made = seal_file_of(store)
    statement = check_seal_file(made)
    if output is not None:
        write_seal_file(made, Path(output))
    if invocation.json:
        invocation.output.json({**_facts(made), "file": output})
        return
    where = f", written to {output}" if output is not None else ""
    invocation.output.say(
        f"{counted(statement.streams, 'stream')} at position {statement.position:,} sealed at"
        f" {local_time(statement.time)[:19]} with key {statement.key.hex()[:16]}…{where}"
    )


def _facts(made: SealFile) -> dict[str, object]:
    statement = check_seal_file(made)
    return {
        "position": statement.position,
        "streams": statement.streams,
        "root": statement.root.hex(),
        "time": statement.time,
        "key": statement.key.hex(),
    }


def public(invocation: Invocation, output: SealOutput = None) -> None:
    """Print the public key that signs the seals, as PEM; with --json all of this log's, oldest first."""
    with invocation.read() as store:
        line = read_keys(store)
    if not line.current:
        raise NotSealed
    if output is not None:
        try:
            Path(output).write_text(as_pem(line.current), encoding="ascii")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror or error}", ExitCode.USAGE) from error
    if invocation.json:
        keys = [
            {"key": new.key.hex(), "from_position": new.position, "previous": new.previous.hex() or None}
            for new in line.introductions
        ]
        invocation.output.json({"current": line.current.hex(), "pem": as_pem(line.current), "keys": keys})
    elif output is None:
        invocation.output.show(as_pem(line.current).rstrip("\n"))
    else:
        invocation.output.say(f"the public key {line.current.hex()} is written to {output}")
