"""``perdure jobs step``: walk through a job's run, call by call, forward and back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import typer
from rich.text import Text

from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId, require_job
from perdure.cli.master_key_file import master_key
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.step_view import (
    around_json,
    around_lines,
    has_text,
    here_json,
    here_lines,
    run_lines,
    runs_json,
    state_json,
    state_lines,
    whole_call_lines,
)
from perdure.cli.step_words import COMMANDS, Misunderstood, Said, understood
from perdure.cli.unlocking import locks_met, unlock_keys
from perdure.runtime import CannotStep
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.proof.modules import ProofModules, machine_code_of, recorded_artifacts
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.timetravel.stepping import End, Stepper, stepper_of
from perdure.store.blobs import BlobStore
from perdure.store.events import CheckpointSaved, WarningAdded

RunNumber = Annotated[
    int | None,
    typer.Option("--run", metavar="N", min=1, help="Begin in this run of its guest; the last one if not given."),
]
Script = Annotated[
    str | None,
    typer.Option("--script", metavar="COMMANDS", help="Do this and leave, for example 'n n g 12 s'; h lists them."),
]
_END: Final = 2**62


def step(
    invocation: Invocation,
    job: JobId,
    run: RunNumber = None,
    script: Script = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Walk through a job call by call, forward and back: what its guest asked, was told, and had consumed.

    The guest is run again in a sandbox and led by the log; nothing live happens, and nothing is recorded. Commands are
    read from the terminal or from a pipe, a line at a time; h lists them. Secrets are shown as they are in the log.
    """
    require_job(invocation, job)
    with invocation.read() as store:
        keychain = Keychain.of_folder(invocation.data, master_key())
        locks = locks_met(store, keychain, job)
        unlock_keys(invocation, keychain, locks, Passphrases(invocation, passphrase_file))
        modules = ProofModules(store.blobs.get, machine_code_of(invocation.data / "cache", recorded_artifacts(store)))
        with stepper_of(store, job, keychain, WasmGuestFactory(modules), run) as stepper:
            walk = _Walk(invocation, stepper, store.blobs)
            walk.show_here()
            lines = [script] if script is not None else _typed(invocation, stepper)
            walk.follow(lines, stays=script is None and sys.stdin.isatty())


def _typed(invocation: Invocation, stepper: Stepper) -> Iterator[str]:
    """What a person types, or what comes through a pipe."""
    if not sys.stdin.isatty():
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415  # `input` has a history then, and can be edited
    invocation.output.say("h lists the commands, q quits")
    while True:
        try:
            where = "end" if isinstance(stepper.here, End) else str(stepper.here.call)
            yield input(f"{stepper.run.number}:{where}> ")
        except EOFError:
            invocation.output.note("")
            return


class _Walk:
    def __init__(self, invocation: Invocation, stepper: Stepper, blobs: BlobStore) -> None:
        self._output = invocation.output
        self._json = invocation.json
        self._stepper = stepper
        self._blobs = blobs

    def follow(self, lines: Iterable[str], *, stays: bool) -> None:
        """Do what the lines say; ``stays``: whoever types them learns of a mistake and goes on."""
        for line in lines:
            try:
                for said in understood(line):
                    if said.letter == "q":
                        return
                    self._do(said)
            except (Misunderstood, CannotStep) as error:
                self._output.error(str(error))
                if not stays:
                    raise typer.Exit(ExitCode.USAGE) from None
            except KeyboardInterrupt:
                if not stays:
                    raise
                self._stepper.close()
                self._output.say("interrupted; q quits")

    def _do(self, said: Said) -> None:
        letter, stepper = said.letter, self._stepper
        if letter in _LOOKS:
            self._look(said)
            return
        if letter == "n":
            stepper.forward(said.number or 1)
        elif letter == "p":
            stepper.back(said.number or 1)
        elif letter == "g":
            number = said.number or 0
            stepper.at(_END if number < 0 else number)
        elif letter == "e":
            self._go_to_event(said.number or 0)
        elif not self._find(said):
            return
        self.show_here()

    def _go_to_event(self, sequence: int) -> None:
        found = self._stepper.run_of(sequence)
        if found is None:
            raise CannotStep(
                str(self._stepper.history.state.job_id),
                f"event {sequence} is in none of its runs; it is the host's own, or not there",
            )
        run, call = found
        if run != self._stepper.run.number:
            self._stepper.enter(run)
        self._stepper.at(call)

    def _find(self, said: Said) -> bool:
        backward = said.letter in ("C", "W", "?")
        found = self._stepper.find(lambda call: _is_wanted(call, said), backward=backward)
        if found is None:
            self._output.say(f"there is none {'before' if backward else 'behind'} here in this run")
            return False
        self._stepper.at(found)
        return True

    # --- showing -----------------------------------------------------------------------------------------------------

    def show_here(self) -> None:
        """Where we are."""
        if self._json:
            self._output.json(here_json(self._stepper, self._blobs))
        else:
            self._show(here_lines(self._stepper))

    def _look(self, said: Said) -> None:
        letter, stepper, blobs = said.letter, self._stepper, self._blobs
        if letter == "r" and said.number is not None:
            stepper.enter(said.number)
            self.show_here()
        elif letter == "." or (letter == "a" and self._json):
            self.show_here()
        elif letter == "h":
            self._show(Text(f"{name + ' ' + rest:<8} {words}") for name, (rest, words) in COMMANDS.items())
        elif letter == "s":
            self._output.json(state_json(stepper, blobs)) if self._json else self._show(state_lines(stepper, blobs))
        elif letter == "l":
            shown = around_json(stepper, blobs, said.number) if self._json else None
            self._output.json(shown) if shown is not None else self._show(around_lines(stepper, said.number))
        elif letter == "r":
            self._output.json(runs_json(stepper)) if self._json else self._show(run_lines(stepper))
        else:
            self._show(whole_call_lines(stepper, blobs))

    def _show(self, lines: Iterable[Text]) -> None:
        for line in lines:
            self._output.show(line)


_LOOKS: Final = frozenset(["a", "s", "l", "r", ".", "h"])


def _is_wanted(call: RecordedCall, said: Said) -> bool:
    if said.letter in "cC":
        return isinstance(call.event, CheckpointSaved)
    if said.letter in "wW":
        return isinstance(call.event, WarningAdded)
    return has_text(call, said.text)
