"""``perdure keys``: the master key that wraps all others."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.master_key_file import VARIABLE, key_in
from perdure.runtime.secrets.master_key import SOURCES

KeyFile = Annotated[
    str | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help=f"Use the key in this file, and do not keep it: from then on {VARIABLE} has to name it.",
    ),
]


def rotate(invocation: Invocation, key_file: KeyFile = None) -> None:
    """Wrap all keys with a new master key, and forget the old one.

    The new key is kept in the system's keyring where there is one, else in the data folder. A rotation that is
    interrupted is finished by whatever opens the folder next.
    """
    new = key_in(key_file, "--key-file") if key_file is not None else None
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        key = runtime.rotate_master_key(new)
        record = runtime.keychain.master_record()
    source = record.source if record is not None else ""
    if invocation.json:
        invocation.output.json({"master_key": key, "kept_in": source})
    else:
        invocation.output.say(f"the new master key {key} is kept in {SOURCES[source]}")
