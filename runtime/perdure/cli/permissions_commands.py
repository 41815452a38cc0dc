"""``perdure extensions grant``, ``update`` and ``permissions``: what an extension may do, and what it did with it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from perdure.cli.consent_prompt import ConsentPrompt, Yes, who
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.extensions_commands import ExtensionId, show_extension
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.narrowing import (
    Allow,
    Deny,
    Host,
    Jobs,
    Libraries,
    Memory,
    Narrowing,
    NoNetwork,
    Requests,
    narrowing,
)
from perdure.cli.terminal_text import counted, local_time, printable, shortened
from perdure.cli.upgrade_policies import Policy, chosen_policies, say_upgrades
from perdure.runtime import NOTHING, Grant, PermissionsReport, permissions_report
from perdure.runtime.errors import ConsentDeclined, NoUpdateProposed
from perdure.runtime.grants import as_asked
from perdure.runtime.permission_use import Use
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.export import timestamp

Nothing = Annotated[bool, typer.Option("--nothing", metavar="", help="Take everything away that was granted.")]
Decline = Annotated[bool, typer.Option("--decline", metavar="", help="Drop the version that waits.")]
Suggest = Annotated[
    bool,
    typer.Option("--suggest", metavar="", help="Print the least `permissions` of a manifest that this history needed."),
]


def grant(
    invocation: Invocation,
    extension: ExtensionId,
    allow: Allow = None,
    deny: Deny = None,
    host: Host = None,
    no_network: NoNetwork = False,
    library: Libraries = None,
    requests_per_minute: Requests = None,
    concurrent_jobs: Jobs = None,
    memory: Memory = None,
    nothing: Nothing = False,
    yes: Yes = False,
) -> None:
    """Set what an extension may do: all that its manifest asks for, less what the options take away.

    It takes the place of what was granted before, and holds from the next call on.
    """
    less = narrowing(allow, deny, host, no_network, library, requests_per_minute, concurrent_jobs, memory)
    if nothing and less != Narrowing():
        raise CommandError("--nothing leaves nothing to narrow; leave the other options out", ExitCode.USAGE)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        installed = runtime.inspect(extension)
        asked = installed.manifest.permissions
        if nothing:
            runtime.grant(extension, NOTHING, by=who())
        else:
            prompt = ConsentPrompt(invocation, less, yes=yes, question="Grant this?")
            request = runtime.installed_request(extension)
            granted = less.apply(as_asked(asked, request.default), asked)
            if not prompt.agrees(request, granted):
                raise CommandError("nothing was changed", ExitCode.CONSENT)
            runtime.grant(extension, granted, by=who())
    show_extension(invocation, extension)


def update(
    invocation: Invocation,
    extension: ExtensionId,
    allow: Allow = None,
    deny: Deny = None,
    host: Host = None,
    no_network: NoNetwork = False,
    library: Libraries = None,
    requests_per_minute: Requests = None,
    concurrent_jobs: Jobs = None,
    memory: Memory = None,
    decline: Decline = False,
    policy: Policy = None,
    yes: Yes = False,
) -> None:
    """Decide on the version of an extension that waits for consent: install it, or drop it with --decline.

    'perdure extensions rehearse EXT' shows first what its jobs would do with it. --policy says what becomes of the
    unfinished ones; it can be said later too, where no version waits.
    """
    less = narrowing(allow, deny, host, no_network, library, requests_per_minute, concurrent_jobs, memory)
    upgrade = chosen_policies(policy)
    if decline and upgrade is not None:
        raise CommandError("--decline installs nothing that --policy could be for", ExitCode.USAGE)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        waiting = runtime.inspect(extension).update
        if waiting is None:
            if upgrade is None or decline or less != Narrowing():
                raise NoUpdateProposed(extension)
            runtime.set_upgrade_policy(extension, upgrade, by=who())
        elif decline:
            runtime.decline_update(extension, by=who())
        else:
            if not yes and runtime.jobs(extension=extension, limit=1).jobs:
                invocation.output.say(f"perdure extensions rehearse {extension} shows what its jobs would do with it")
            granted = ConsentPrompt(invocation, less, yes=yes)(runtime.consent_request(extension))
            if granted is None:
                raise ConsentDeclined(extension, waiting.version, waits=True)
            runtime.accept_update(extension, granted, by=who(), upgrade=upgrade)
            runtime.load(extension)
        say_upgrades(invocation, runtime.upgrades(extension))
    show_extension(invocation, extension)


def permissions(invocation: Invocation, extension: ExtensionId, suggest: Suggest = False) -> None:
    """Show what an extension may do, what of it it used and never used, and what it was refused."""
    with invocation.read_if_any() as store:
        if store is None:
            show_extension(invocation, extension)  # which says that there is none
            return
        if invocation.is_served:
            with invocation.client() as client:  # it has the keys that hosts are sealed with
                report = client.permissions(extension)
        else:
            # A process that works on the folder may be changing its keys.
            keychain = Keychain.of_folder(invocation.data) if invocation.holder() is None else None
            report = permissions_report(store, extension, keychain)
    if report.folded:
        invocation.output.say(f"what {counted(report.folded, 'folded job')} called is not known any more")
    if report.unread:
        invocation.output.say(f"the hosts of {counted(report.unread, 'request')} could not be read, and may be missing")
    if suggest:
        invocation.output.line(msgspec.json.format(msgspec.json.encode(report.suggested), indent=2).decode())
    elif invocation.json:
        invocation.output.json(report_json(report))
    else:
        _show(invocation, report)


def grant_json(granted: Grant | None) -> Any:
    """A grant as a JSON value; None for none."""
    return msgspec.to_builtins(granted)


def report_json(report: PermissionsReport) -> dict[str, Any]:
    """The report as a JSON object."""
    return {
        "extension": report.extension,
        "version": report.version,
        "asked": msgspec.to_builtins(report.asked),
        "granted": grant_json(report.grant),
        "granted_at": timestamp(report.granted_at) if report.granted_at is not None else None,
        "granted_by": report.granted_by or None,
        "entries": [
            {"kind": one.kind, "entry": one.entry, "asked": one.asked, "granted": one.granted, **_use_json(one.use)}
            for one in report.entries
        ],
        "operations": [{"method": name, **_use_json(use)} for name, use in report.operations.items()],
        "refused": [{"method": one.method, "code": one.code, **_use_json(one.use)} for one in report.refused],
        "requests_per_minute": report.requests_per_minute,
        "concurrent_jobs": report.concurrent_jobs,
        "unread": report.unread,
        "folded": report.folded,
        "suggested": report.suggested,
    }


def _use_json(use: Use) -> dict[str, Any]:
    return {"count": use.count, "last": timestamp(use.last) if use.last is not None else None}


def _show(invocation: Invocation, report: PermissionsReport) -> None:
    output = invocation.output
    output.show(f"{report.extension} {report.version}: {_granted(report)}")
    if report.entries:
        table = plain_table("kind", "entry", "granted", "used", "last", right=("used",))
        for one in report.entries:
            state = "yes" if one.granted and one.asked else "no" if one.asked else "not asked for"
            table.add_row(one.kind, shortened(one.entry, 80), state, _count(one.use), _last(one.use))
        output.show("", table)
    if report.operations:
        table = plain_table("operation", "used", "last", right=("used",))
        for name, use in report.operations.items():
            table.add_row(printable(name), _count(use), _last(use))
        output.show("", table)
    if report.refused:
        table = plain_table("refused", "code", "times", "last", right=("times",))
        for refused in report.refused:
            shown = shortened(refused.method, 80) or "(no name)"
            table.add_row(shown, printable(refused.code), _count(refused.use), _last(refused.use))
        output.show("", table)
    output.show(
        "",
        f"at most {counted(report.requests_per_minute, 'call')} in a minute, "
        f"{counted(report.concurrent_jobs, 'job')} at once",
    )


def _granted(report: PermissionsReport) -> str:
    if report.grant is None:
        return "nothing was granted" if report.asked.methods or report.asked.network_access else "it asks for nothing"
    when = local_time(report.granted_at)[:19] if report.granted_at is not None else "?"
    return f"granted {when} by {printable(report.granted_by)}"


def _count(use: Use) -> str:
    return f"{use.count:,}" if use.count else "never"


def _last(use: Use) -> str:
    return local_time(use.last)[:19] if use.last is not None else ""
