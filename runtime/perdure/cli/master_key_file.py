"""A master key that is kept elsewhere: ``PERDURE_MASTER_KEY_FILE`` names a file with it, for example a mounted one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.runtime.secrets.wrapping import KEY_BYTES

VARIABLE: Final = "PERDURE_MASTER_KEY_FILE"


def master_key(environment: Mapping[str, str] = os.environ) -> bytes | None:
    """The key that the variable names; None if it is not set. Raises as `key_in`."""
    name = environment.get(VARIABLE)
    return key_in(name, VARIABLE) if name else None


def key_in(name: str, said_by: str) -> bytes:
    """The key in a file: 32 bytes, or 64 hexadecimal digits. ``said_by`` is what named the file.

    Raises:
        CommandError: it cannot be read, or holds no key. The text does not repeat what it holds.
    """
    try:
        with Path(name).open("rb") as file:
            data = file.read(1024)
    except OSError as error:
        raise CommandError(f"{said_by}: {name} cannot be read: {error.strerror or error}", ExitCode.USAGE) from None
    if len(data) == KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        text = f"{said_by}: {name} holds no master key: {KEY_BYTES} bytes, or as many in hexadecimal"
        raise CommandError(text, ExitCode.USAGE)
    return key
