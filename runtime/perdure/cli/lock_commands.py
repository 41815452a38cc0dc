"""``perdure credentials passphrase`` and ``unlock``: what a person says about locked credentials."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.consent_prompt import who
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import MetricsPort, Stopped, foreground
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_ends import report_ends
from perdure.cli.passphrases import PassphraseFile, Passphrases, nobody_to_ask, passphrase_in
from perdure.cli.resume_command import let_go_on, unfinished
from perdure.cli.terminal_text import printable
from perdure.cli.unlocking import UnlockFor, has_passphrase, require_unlocked
from perdure.runtime.credentials.lock_operations import REMOVE, SET, UNLOCK_SECONDS
from perdure.store.lifecycle import Status

Extension = Annotated[str, typer.Argument(metavar="EXT", help="The extension whose credentials are meant.")]
Remove = Annotated[bool, typer.Option("--remove", metavar="", help="Take the passphrase away.")]
NewFile = Annotated[
    str | None,
    typer.Option(
        "--new-passphrase-file",
        metavar="FILE",
        help="To change it without being asked: the new one is the first line of this file.",
        show_default=False,
    ),
]


def passphrase(
    invocation: Invocation,
    extension: Extension,
    remove: Remove = False,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: NewFile = None,
) -> None:
    """Give an extension's credentials a passphrase, change it, or take it away.

    From then on nothing can be done with them until somebody has given it: neither with the data folder nor with the
    master key. If it is forgotten they are lost.
    """
    if remove and new_passphrase_file is not None:
        raise CommandError("--remove takes no new passphrase", ExitCode.USAGE)
    passphrases = Passphrases(invocation, passphrase_file)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        request = {"extension": extension}
        if not has_passphrase(invocation, runtime, extension) and not remove:
            if new_passphrase_file is not None:
                raise CommandError("there is no passphrase to change; --passphrase-file sets one", ExitCode.USAGE)
            runtime.call(SET, request | {"passphrase": passphrases.new(extension)}, caller=who())
            said = "set"
        else:
            old = passphrases.of(extension)
            if old is None:
                raise nobody_to_ask()
            if remove:
                runtime.call(REMOVE, request | {"passphrase": old}, caller=who())
                said = "removed"
            else:
                new = _new(invocation, extension, passphrases, new_passphrase_file)
                runtime.call(SET, request | {"passphrase": old, "new_passphrase": new}, caller=who())
                said = "changed"
    if invocation.json:
        invocation.output.json({"extension": extension, "passphrase": said})
    else:
        invocation.output.say(f"the passphrase of the credentials of {printable(extension)} is {said}")


def _new(invocation: Invocation, extension: str, passphrases: Passphrases, file: str | None) -> str:
    if file is not None:
        return passphrase_in(file, "--new-passphrase-file")
    if passphrases.from_file:
        raise CommandError("there is a passphrase; --new-passphrase-file names a file with the new one", ExitCode.USAGE)
    return passphrases.new(extension)


def unlock(
    invocation: Invocation,
    extension: Extension,
    passphrase_file: PassphraseFile = None,
    unlock_for: UnlockFor = UNLOCK_SECONDS,
    metrics_port: MetricsPort = None,
) -> None:
    """Unlock an extension's credentials, and let its jobs that are not finished go on, to their end.

    They are unlocked in this process, and locked again when it ends: 'run', 'resume' and 'call' ask by themselves.
    Where a server runs the jobs they are unlocked there, for as long as --unlock-for says.
    """
    stopped = Stopped()
    with foreground(invocation, stopped, metrics_port, busy=BUSY_FOR_NEW) as front:
        require_unlocked(invocation, front.runtime, extension, Passphrases(invocation, passphrase_file), unlock_for)
        mine = [state for state in unfinished(front) if state.extension == extension]
        left = [state for state in mine if state.status not in (Status.PAUSED, Status.ATTENTION, Status.COPYING)]
        for state in left:
            let_go_on(front, state)
        front.follow([state.job_id for state in left])
    if left:
        report_ends(invocation, [state.job_id for state in left], stopped, as_list=True)
    elif invocation.json:
        invocation.output.json([])
    else:
        invocation.output.say(f"the passphrase is right; no job of {printable(extension)} waits for it")
