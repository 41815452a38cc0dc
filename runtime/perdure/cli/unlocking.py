"""Unlocking credentials for one command: each is a process of its own, and what is unlocked ends with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.any_runtime import AnyRuntime
from perdure.cli.consent_prompt import who
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.passphrases import VARIABLE, Passphrases, nobody_to_ask
from perdure.cli.terminal_text import printable
from perdure.runtime import OperationError, Runtime
from perdure.runtime.credentials.lock_operations import LOCK_STATE, MOST_SECONDS, UNLOCK, UNLOCK_SECONDS
from perdure.runtime.secrets.errors import SecretsError, WrongPassphrase
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import Sealed, job_stream

_TRIES: Final = 3

UnlockFor = Annotated[
    int,
    typer.Option(
        "--unlock-for",
        metavar="SECONDS",
        min=1,
        max=MOST_SECONDS,
        help="How long locked credentials stay unlocked once their passphrase was given.",
    ),
]


def unlock_for_jobs(
    invocation: Invocation,
    runtime: AnyRuntime,
    extensions: Iterable[str],
    passphrases: Passphrases,
    seconds: int = UNLOCK_SECONDS,
) -> None:
    """Unlock what jobs of these extensions may need. Where nobody can say the passphrase, it stays locked.

    Raises:
        OperationError, CommandError: the passphrase is wrong, or its file cannot be read.
    """
    locked = [extension for extension in dict.fromkeys(extensions) if is_locked(invocation, runtime, extension)]
    for extension in locked:
        with _others_may_fit(invocation, extension, passphrases, several=len(locked) > 1):
            if unlock_one(invocation, runtime, extension, passphrases, seconds):
                continue
            invocation.output.say(
                f"the credentials of {printable(extension)} are locked, and what needs them waits or fails; "
                f"--passphrase-file, or {VARIABLE}, names a file with the passphrase"
            )


def is_locked(invocation: Invocation, runtime: AnyRuntime, extension: str) -> bool:
    """Whether an extension's credentials have a passphrase that nobody has said to whoever runs the jobs."""
    if isinstance(runtime, Runtime):
        return runtime.keychain.locks.is_locked(extension)
    if not has_passphrase(invocation, runtime, extension):
        return False
    return not runtime.call(LOCK_STATE, {"extension": extension}, caller=who()).unlocked


def has_passphrase(invocation: Invocation, runtime: AnyRuntime, extension: str) -> bool:
    """Whether an extension's credentials have a passphrase."""
    # Of a server's folder the files say so: asking the server would be one more call in the log.
    keychain = runtime.keychain if isinstance(runtime, Runtime) else Keychain.of_folder(invocation.data)
    return keychain.locks.state(extension).has_passphrase


def unlock_one(
    invocation: Invocation, runtime: AnyRuntime, extension: str, passphrases: Passphrases, seconds: int
) -> bool:
    """Unlock one extension's credentials; False if nobody is there to be asked. Errors as for `unlock_for_jobs`."""

    def attempt(passphrase: str) -> None:
        request = {"extension": extension, "passphrase": passphrase, "seconds": seconds}
        runtime.call(UNLOCK, request, caller=who())

    return _attempted(invocation, extension, passphrases, attempt) is not None


def unlock_keys(
    invocation: Invocation, keychain: Keychain, extensions: Sequence[str], passphrases: Passphrases
) -> dict[str, str]:
    """Unlock for reading what the log holds; returns the passphrases that were right, for other processes.

    Raises:
        WrongPassphrase, CommandError: the passphrase is wrong, or its file cannot be read.
    """
    found: dict[str, str] = {}
    for extension in extensions:
        attempt = partial(_unlock, keychain, extension)
        with _others_may_fit(invocation, extension, passphrases, several=len(extensions) > 1):
            passphrase = _attempted(invocation, extension, passphrases, attempt)
            if passphrase is not None:
                found[extension] = passphrase
                continue
            invocation.output.say(
                f"the credentials of {printable(extension)} are locked, so calls that carried them cannot be run "
                f"again; --passphrase-file, or {VARIABLE}, names a file with the passphrase"
            )
    return found


def _unlock(keychain: Keychain, extension: str, passphrase: str) -> None:
    keychain.locks.unlock(extension, passphrase, MOST_SECONDS)


@contextlib.contextmanager
def _others_may_fit(
    invocation: Invocation, extension: str, passphrases: Passphrases, *, several: bool
) -> Iterator[None]:
    """A file has one passphrase: where several are wanted, that it is not this one's is no reason to end."""
    try:
        yield
    except (WrongPassphrase, OperationError) as error:
        if not (several and passphrases.from_file and _is_wrong(error)):
            raise
        invocation.output.say(f"the file does not have the passphrase of the credentials of {printable(extension)}")


def _is_wrong(error: WrongPassphrase | OperationError) -> bool:
    return isinstance(error, WrongPassphrase) or error.code == "permission_denied"


def known_locks(keychain: Keychain) -> list[str]:
    """The extensions whose credentials have a passphrase; none where the keys cannot be used: others say that."""
    try:
        return keychain.locks.extensions()
    except (SecretsError, StoreError):
        return []


def locks_met(store: EventStore, keychain: Keychain, job: UUID) -> list[str]:
    """The extensions whose locks close something of what the log holds of a job."""
    if not known_locks(keychain):
        return []
    keys: dict[str, None] = {}
    for stored in store.read(job_stream(job)):
        for name in ("payload", "answer"):
            recorded = getattr(stored.event, name, None)
            if isinstance(recorded, Sealed):
                keys[recorded.key] = None
    owners = (keychain.locks.lock_of(key) for key in keys)
    return list(dict.fromkeys(owner for owner in owners if owner is not None))


def _attempted(
    invocation: Invocation, extension: str, passphrases: Passphrases, attempt: Callable[[str], None]
) -> str | None:
    """The passphrase that was right; None if nobody is there to be asked."""
    left = 1 if passphrases.from_file else _TRIES
    while True:
        passphrase = passphrases.of(extension)
        if passphrase is None:
            return None
        left -= 1
        try:
            attempt(passphrase)
        except (WrongPassphrase, OperationError) as error:
            if not _is_wrong(error) or not left:
                raise
            invocation.output.say(f"this is not it; {left} more")
        else:
            return passphrase


def require_unlocked(
    invocation: Invocation, runtime: AnyRuntime, extension: str, passphrases: Passphrases, seconds: int
) -> None:
    """Unlock one extension's credentials, which is what the command is for.

    Raises:
        CommandError: they have no passphrase, or nobody is there to be asked.
        OperationError: the passphrase is wrong.
    """
    if not is_locked(invocation, runtime, extension):
        raise CommandError(
            f"the credentials of {printable(extension)} have no passphrase; "
            f"'perdure credentials passphrase {printable(extension)}' sets one",
            ExitCode.NOT_NOW,
        )
    if not unlock_one(invocation, runtime, extension, passphrases, seconds):
        raise nobody_to_ask()
