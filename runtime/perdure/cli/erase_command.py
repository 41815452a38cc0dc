"""``perdure keys erase``: what was called with secrets, made unreadable for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.consent_prompt import Yes, confirmed, is_interactive, who
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.terminal_text import counted, printable
from perdure.runtime import Erasure

Extension = Annotated[
    str | None, typer.Option("--extension", metavar="EXTENSION", help="What this extension called with secrets.")
]
Library = Annotated[
    UUID | None, typer.Option("--library", metavar="UUID", help="What was called with secrets in this library.")
]
_SHOWN: Final = 20


def erase(invocation: Invocation, extension: Extension = None, library: Library = None, yes: Yes = False) -> None:
    """Make what an extension, or everybody in a library, called with secrets unreadable, for everybody and for good.

    Its keys are destroyed, and its credentials with them. The log keeps what happened, when and by whom; its chain and
    its seals stay whole. With both options: only what the extension called in the library.
    """
    if extension is None and library is None:
        raise CommandError("say what: --extension EXTENSION, --library UUID, or both", ExitCode.USAGE)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        plan = runtime.erasure(extension=extension, library_id=library)
        if plan.keys and not yes:
            for line in _lines(plan):
                invocation.output.note(line)
            if not is_interactive(invocation):
                raise CommandError(
                    "this cannot be undone, and there is no terminal to ask at; agree with --yes", ExitCode.CONSENT
                )
            if not confirmed("Erase it, for good?"):
                raise CommandError("nothing was erased", ExitCode.CONSENT)
        done = runtime.erase(extension=extension, library_id=library, by=who())
    if invocation.json:
        credentials = [
            {"extension": place.extension, "library": str(place.library_id), "name": place.name}
            for place in done.credentials
        ]
        invocation.output.json({"keys": list(done.keys), "credentials": credentials})
    elif not done.keys:
        invocation.output.say("there is nothing to erase: no key of it is there")
    else:
        credentials_text = counted(len(done.credentials), "credential")
        invocation.output.say(f"erased: {counted(len(done.keys), 'key')}, {credentials_text} among them")


def _lines(plan: Erasure) -> Iterator[str]:
    whose = f"extension {plan.extension}" if plan.extension is not None else "every extension, and the host itself,"
    where = f"in library {plan.library_id}" if plan.library_id is not None else "in all libraries"
    yield f"What {whose} called with secrets {where} becomes unreadable in the log: {counted(len(plan.keys), 'key')}."
    yield "  Those calls can no longer be replayed: jobs with them cannot be verified, forked or run on beyond them."
    if plan.library_id is not None:
        yield (
            "  Not included: calls that no key of the library was made for (some that were refused, and those that an"
            " older perdure recorded); they go with --extension."
        )
    if plan.credentials:
        yield f"  These credentials are gone, and what uses them stops working ({len(plan.credentials)}):"
        for place in plan.credentials[:_SHOWN]:
            yield f"    {printable(place.name)} of {printable(place.extension)}, library {place.library_id}"
        if len(plan.credentials) > _SHOWN:
            yield f"    … and {len(plan.credentials) - _SHOWN} more"
    yield "  Backups of the folder keys that are older than this still open it: destroy those too."
