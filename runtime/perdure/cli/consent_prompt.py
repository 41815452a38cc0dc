"""Asks the person at the terminal whether an extension gets what it asks for, in words, the greatest risks first."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from rich.text import Text

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.narrowing import Narrowing
from perdure.cli.package_view import signer_text
from perdure.cli.terminal_text import printable, shortened
from perdure.runtime.consent import Ask, ConsentRequest, Risk
from perdure.runtime.grants import Grant
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.permissions import LibraryEntries, MethodEntries

Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Agree, without being asked.")]

_RISKS: Final = {Risk.HIGH: ("high", "bold red"), Risk.MEDIUM: ("medium", "yellow"), Risk.LOW: ("low", "dim")}
# An extension may ask for a thousand things; nobody reads them, but the riskiest come first.
_SHOWN: Final = 100


class ConsentPrompt:
    """A `Consent` of the command line.

    Args:
        narrowing: what the options take away from what is asked for.
        yes: whether ``--yes`` was given: then nobody is asked.
        question: what the person is asked.
    """

    def __init__(
        self, invocation: Invocation, narrowing: Narrowing, *, yes: bool, question: str = "Install it?"
    ) -> None:
        self._invocation = invocation
        self._narrowing = narrowing
        self._yes = yes
        self._question = question
        self._asked = False

    @property
    def can_answer(self) -> bool:
        """Whether somebody has agreed, or is there to be asked."""
        return self._yes or is_interactive(self._invocation)

    @property
    def ignored(self) -> bool:
        """Whether the options said something and were not needed."""
        return not self._asked and self.can_answer and self._narrowing != Narrowing()

    def __call__(self, request: ConsentRequest) -> Grant | None:
        """Show what is asked for, and ask; None for a no.

        Raises:
            CommandError: nobody is there to be asked, or an option makes no sense.
        """
        self._asked = True
        grant = self._narrowing.apply(request.as_asked(), request.asked)
        return grant if self.agrees(request, grant) else None

    def agrees(self, request: ConsentRequest, grant: Grant) -> bool:
        """Show on standard error what is asked for, and what of it is granted, and ask.

        Raises:
            CommandError: nobody is there to be asked.
        """
        for line in _lines(request, grant):
            self._invocation.output.note(line)
        if self._yes:
            return True
        if not is_interactive(self._invocation):
            raise consent_needed(request)
        return confirmed(self._question)


def is_interactive(invocation: Invocation) -> bool:
    """Whether a person can be asked: there is a terminal to read from and to write to, and no program that reads."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not invocation.json


def confirmed(question: str) -> bool:
    """Ask; anything but a clear yes is a no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def consent_needed(request: ConsentRequest) -> CommandError:
    """There is nobody to ask."""
    return CommandError(
        f"{request.extension} {request.version} asks for permissions, and there is no terminal to ask at; "
        "agree with --yes, and narrow them with --allow, --deny, --host or --library",
        ExitCode.CONSENT,
    )


def who() -> str:
    """Who decides, as it is recorded."""
    try:
        name = printable(getpass.getuser())[:100]
    except (OSError, KeyError, ImportError):  # no such user in this system's list
        return "cli"
    return f"cli:{name}"


def _lines(request: ConsentRequest, grant: Grant) -> Iterator[Text]:
    by = f", by {shortened(request.author, 60)}" if request.author else ""
    title = f"{request.extension} {request.version} ({shortened(request.name, 60)}{by})"
    then = f" ({request.installed} is installed)" if request.installed not in (None, request.version) else ""
    if request.signer is not None:
        yield Text(f"{request.extension} {request.version} is {signer_text(request.signer)}")
    if not request.asks:
        yield Text(f"{title} asks for nothing{then}")
        return
    yield Text.assemble((title, "bold"), f" asks for{then}:")
    for ask in request.asks[:_SHOWN]:
        word, style = _RISKS[ask.risk]
        line = Text.assemble((f"  {word:<7}", style), f"{printable(ask.words)}  ({printable(ask.entry)})")
        if note := _withheld(ask, grant):
            line.append(f"  {note}", "bold")
        elif ask.new and request.granted is not None:
            line.append("  new", "bold")
        yield line
    if len(request.asks) > _SHOWN:
        yield Text(f"  … and {len(request.asks) - _SHOWN} more")
    if grant.denied:
        yield Text(f"  denied: {', '.join(map(printable, grant.denied))}")


def _withheld(ask: Ask, grant: Grant) -> str:
    """What the grant does not give of what is asked for; empty if it gives all."""
    whole, part = True, True
    if ask.kind == "method":
        methods, denied = MethodEntries(grant.methods), MethodEntries(grant.denied)
        whole = methods.covers(ask.entry) and not denied.meets(ask.entry)
        part = methods.meets(ask.entry) and not denied.covers(ask.entry)
    elif ask.kind == "host":
        granted = HostRules.of(grant.hosts)
        both = granted.narrowed(HostRules.of((ask.entry,)))
        whole, part = both == HostRules.of((ask.entry,)), bool(both.entries)
    elif ask.kind == "library":
        libraries, one = LibraryEntries(grant.libraries), LibraryEntries((ask.entry,))
        whole, part = libraries.covers(one), bool(libraries.narrowed(one).entries)
    return "" if whole else "in part" if part else "not granted"
