"""What becomes of unfinished jobs in an upgrade: the option that says it, and what is then printed of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import printable
from perdure.runtime import UpgradePolicy, UpgradeReport

Policy = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="TYPE=POLICY",
        help="What becomes of unfinished jobs of this type (* for all others): "
        f"{', '.join(UpgradePolicy)}. Else the manifest says it, else they stay on the version they have.",
    ),
]


def chosen_policies(options: Sequence[str] | None) -> dict[str, str] | None:
    """The policies by job type; None where nothing was said.

    Raises:
        CommandError: an option is not of the form ``TYPE=POLICY``, or a type has two.
    """
    if not options:
        return None
    policies: dict[str, str] = {}
    for option in options:
        name, equals, policy = option.partition("=")
        if not equals or not name or not policy:
            raise CommandError(f"--policy {option}: say TYPE=POLICY, like counter=checkpoint", ExitCode.USAGE)
        if policies.setdefault(name, policy) != policy:
            raise CommandError(f"--policy: {name} has two policies", ExitCode.USAGE)
    return policies


def say_upgrades(invocation: Invocation, report: UpgradeReport) -> None:
    """What becomes of the jobs of other versions, on standard error."""
    for line in report.lines:
        invocation.output.say(printable(line))
