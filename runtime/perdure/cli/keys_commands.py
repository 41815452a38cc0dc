"""``perdure keys rotate``: the master key that wraps all others, and the key that signs seals."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.master_key_file import VARIABLE, key_in
from perdure.runtime import Runtime
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.master_key import SOURCES

KeyFile = Annotated[
    str | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help=f"Use the key in this file, and do not keep it: from then on {VARIABLE} has to name it.",
    ),
]


Seals = Annotated[
    bool,
    typer.Option(
        "--seals", metavar="", help="Not the master key: the one that signs seals. What the old one signed stays valid."
    ),
]


def rotate(invocation: Invocation, key_file: KeyFile = None, seals: Seals = False) -> None:
    """Wrap all keys with a new master key, and forget the old one; or, with --seals, sign with a new key from now on.

    The new key is kept in the system's keyring where there is one, else in the data folder. A rotation that is
    interrupted is finished by whatever opens the folder next.
    """
    if seals:
        _rotate_seals(invocation, key_file)
        return
    new = key_in(key_file, "--key-file") if key_file is not None else None
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        key = runtime.rotate_master_key(new)
        keychain = runtime.keychain if isinstance(runtime, Runtime) else Keychain.of_folder(invocation.data)
        record = keychain.master_record()
    source = record.source if record is not None else ""
    if invocation.json:
        invocation.output.json({"master_key": key, "kept_in": source})
    else:
        invocation.output.say(f"the new master key {key} is kept in {SOURCES[source]}")


def _rotate_seals(invocation: Invocation, key_file: str | None) -> None:
    if key_file is not None:
        raise CommandError("--key-file is for the master key; the key of seals is made here", ExitCode.USAGE)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        key = runtime.rotate_seal_key()
    if invocation.json:
        invocation.output.json({"seal_key": key.hex()})
    else:
        invocation.output.say(f"seals are signed with {key.hex()} from now on; keep it elsewhere: perdure keys public")
