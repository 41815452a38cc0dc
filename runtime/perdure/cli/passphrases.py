"""Where a passphrase comes from: ``--passphrase-file``, else ``PERDURE_PASSPHRASE_FILE``, else who is at the terminal.

It is no argument and no variable of its own: both can be seen by others.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.consent_prompt import is_interactive
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import printable
from perdure.runtime.secrets.passphrase import MOST_BYTES

VARIABLE: Final = "PERDURE_PASSPHRASE_FILE"

PassphraseFile = Annotated[
    str | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"The passphrase of locked credentials is the first line of this file; else {VARIABLE} names one, else it "
        "is asked for at the terminal.",
        show_default=False,
    ),
]


class Passphrases:
    """The passphrases of one command.

    Args:
        option: what ``--passphrase-file`` names.
    """

    def __init__(self, invocation: Invocation, option: str | None, environment: Mapping[str, str] = os.environ) -> None:
        self._invocation = invocation
        self._file, self._said_by = option or environment.get(VARIABLE), "--passphrase-file" if option else VARIABLE

    @property
    def from_file(self) -> bool:
        """Whether a file has it: then nobody is asked, and asking again is no use."""
        return self._file is not None

    def of(self, extension: str) -> str | None:
        """The passphrase of an extension's credentials; None if nobody is there to be asked.

        Raises:
            CommandError: the file cannot be read, or holds none.
        """
        if self._file is not None:
            return passphrase_in(self._file, self._said_by)
        if not is_interactive(self._invocation):
            return None
        return getpass.getpass(f"Passphrase of the credentials of {printable(extension)}: ")

    def new(self, extension: str) -> str:
        """One that is to be set, typed twice.

        Raises:
            CommandError: the two differ, or nobody is there to be asked.
        """
        if self._file is not None:
            return passphrase_in(self._file, self._said_by)
        if not is_interactive(self._invocation):
            raise nobody_to_ask()
        new = getpass.getpass(f"New passphrase for the credentials of {printable(extension)}: ")
        if new != getpass.getpass("The same once more: "):
            raise CommandError("the two are not the same; nothing was changed", ExitCode.USAGE)
        return new


def passphrase_in(name: str, said_by: str) -> str:
    """The first line of a file. ``said_by`` is what named the file.

    Raises:
        CommandError: it cannot be read, or has none. The text does not repeat what it holds.
    """
    try:
        with Path(name).open("rb") as file:
            line = file.read(MOST_BYTES + 2).split(b"\n")[0].removesuffix(b"\r")
        text = line.decode()
    except OSError as error:
        raise CommandError(f"{said_by}: {name} cannot be read: {error.strerror or error}", ExitCode.USAGE) from None
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise CommandError(f"{said_by}: the first line of {name} is no passphrase", ExitCode.USAGE)
    return text


def nobody_to_ask() -> CommandError:
    """There is no file, and no terminal."""
    return CommandError(
        f"there is no terminal to ask for the passphrase at; --passphrase-file, or {VARIABLE}, names a file with it",
        ExitCode.CONSENT,
    )
