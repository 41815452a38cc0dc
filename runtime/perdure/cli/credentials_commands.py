"""``perdure credentials``: which there are, and who did what with them. Nothing of what they hold is ever shown."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import counted, local_time, shortened
from perdure.runtime import DEFAULT_LIBRARY
from perdure.runtime.credentials.audit import AuditRecord, audit_windows
from perdure.runtime.credentials.stored import StoredCredential, stored_credentials
from perdure.store.export import timestamp

Extension = Annotated[
    str | None, typer.Argument(metavar="EXT", help="The extension whose credentials are meant; else all.")
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only what was done with this one.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only what is not older: 2026-11-01, or 2026-11-01T08:30, local time."
    ),
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The last so many.")]
_MAX_NAME: Final = 40  # characters in a table


def list_credentials(invocation: Invocation, extension: Extension = None) -> None:
    """List credentials, without what they hold: whose, where, of which type, since when, shared with whom."""
    with invocation.read_if_any() as store:
        try:
            found = [] if store is None else list(stored_credentials(store, extension, time.time()))
        except ValueError:
            found = []  # nobody has such a name
    if invocation.json:
        invocation.output.json([_stored_json(one) for one in found])
        return
    if not found:
        invocation.output.show("no credentials")
        return
    table = plain_table("extension", "name", "type", "stored", "expires", "shared with", "library")
    for one in found:
        table.add_row(
            shortened(one.place.extension, _MAX_NAME),
            shortened(one.place.name, _MAX_NAME),
            one.type,
            _moment(one.stored_at * 1_000_000),
            _moment(one.expires_at * 1_000_000) if one.expires_at is not None else "",
            shortened(", ".join(one.readers), _MAX_NAME),
            "" if one.place.library_id == DEFAULT_LIBRARY else str(one.place.library_id),
        )
    invocation.output.show(table)


def audit(
    invocation: Invocation, extension: Extension = None, name: Name = None, since: Since = None, limit: Limit = 100
) -> None:
    """Show who read or changed which credential, and when, from the log; refused attempts too.

    Calls of jobs that were folded are not there any more, and a job's are when its next checkpoint is.
    """
    begin = _microseconds(since) if since is not None else 0
    last: deque[AuditRecord] = deque(maxlen=limit)
    total = 0
    with invocation.read_if_any() as store:
        for window in audit_windows(store, since=begin) if store is not None else ():
            found = [record for record in window.records if record.concerns(extension, name)]
            total += len(found)
            last += found
    if total > len(last):
        invocation.output.say(f"the last {counted(len(last), 'call')} of {total:,}; --limit shows more")
    if invocation.json:
        invocation.output.json([audit_json(record) for record in last])
        return
    if not last:
        invocation.output.show("no such calls")
        return
    table = plain_table("time", "operation", "credential", "of", "by", "outcome", "job")
    for record in last:
        table.add_row(
            _moment(record.time),
            shortened(record.operation, _MAX_NAME),
            shortened(record.name or "", _MAX_NAME) + (f" → {shortened(record.reader, 20)}" if record.reader else ""),
            shortened(record.owner or "", _MAX_NAME),
            shortened(record.extension or f"host ({record.caller})", _MAX_NAME),
            record.outcome,
            str(record.job_id) if record.job_id is not None else "",
        )
    invocation.output.show(table)


def audit_json(record: AuditRecord) -> dict[str, Any]:
    """A record as a JSON object, its time in ISO 8601."""
    return {**msgspec.to_builtins(record), "time": timestamp(record.time)}


def _stored_json(one: StoredCredential) -> dict[str, Any]:
    return {
        "extension": one.place.extension,
        "library_id": str(one.place.library_id),
        "name": one.place.name,
        "type": one.type,
        "stored_at": timestamp(one.stored_at * 1_000_000),
        "expires_at": timestamp(one.expires_at * 1_000_000) if one.expires_at is not None else None,
        "shared_with": list(one.readers),
    }


def _moment(time: int) -> str:
    return local_time(time)[:19]


def _microseconds(text: str) -> int:
    try:
        return max(0, round(datetime.fromisoformat(text).timestamp() * 1_000_000))
    except (ValueError, OverflowError, OSError):
        raise CommandError(
            f"--since: {text!r} is no time like 2026-11-01 or 2026-11-01T08:30", ExitCode.USAGE
        ) from None
