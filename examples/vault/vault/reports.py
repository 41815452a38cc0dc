"""Jobs that say something about the credentials: which passwords are in breaches, and who read what."""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from perdure_sdk import JobContext, pages
from perdure_sdk.clients import AuditRecord, Basic, Login
from vault import ext

MARKDOWN = {ord(char): f"\\{char}" for char in "\\`*_{}[]<>#|!&"}  # a credential's name may be anybody's


@dataclass
class BreachCheck:
    """How far it has come; ``breached`` is how often each name's password was found."""

    after: str = ""
    checked: int = 0
    breached: dict[str, int] = field(default_factory=dict)
    report: str = ""


@ext.job
def breach_check(ctx: JobContext, state: BreachCheck) -> None:
    """Look every password up in Have I Been Pwned. Only five of the forty digits of its SHA-1 leave this machine."""
    service = ctx.config.get().values["breach_service"]
    for page in pages(ctx.credentials.list, after=state.after):
        for one in page.credentials:
            ctx.check_interrupt()
            credential = ctx.credentials.get(one.name).credential if one.type in ("login", "basic") else None
            if isinstance(credential, Login | Basic) and credential.password:
                times = times_found(ctx, service, credential.password)
                state.checked += 1
                ctx.increment_items(1)
                if times:
                    state.breached[one.name] = times
                    ctx.add_warning(f"{one.name}: its password is in {times:,} breached accounts; change it")
            state.after = one.name
            ctx.report_progress(0.0, f"{state.checked} checked")
            ctx.checkpoint(state)
    rows = [(name, f"{times:,}") for name, times in sorted(state.breached.items(), key=lambda item: -item[1])]
    text = f"{state.checked} passwords were checked, {len(rows)} are in known breaches."
    state.report = report(ctx, "Breach check", text, ("credential", "breached accounts"), rows)
    ctx.report_progress(1.0, text)


def times_found(ctx: JobContext, service: str, password: str) -> int:
    """In how many breached accounts a password was found."""
    digest = hashlib.sha1(password.encode()).hexdigest().upper()  # noqa: S324  # what the service goes by
    answer = ctx.http.query_request(f"{service}{digest[:5]}", headers={"Add-Padding": "true"})
    if answer.status != 200:
        raise RuntimeError(f"the service answered with status {answer.status}; go on later")
    found = dict(line.strip().upper().split(":", 1) for line in (answer.body or "").splitlines() if ":" in line)
    times = found.get(digest[5:], "0")
    return int(times) if times.isascii() and times.isdigit() else 0


@dataclass
class Audit:
    """Of one credential or all of them, for so many days; the rest is the result."""

    name: str | None = None
    days: int = 30
    calls: int = 0
    refused: int = 0
    report: str = ""


@ext.job
def audit(ctx: JobContext, state: Audit) -> None:
    """Write down who did what with the credentials, and when, from the host's log."""
    since = max(0, int((ctx.now().timestamp() - state.days * 86_400) * 1_000_000))
    found = pages(ctx.credentials.audit, cursor="after_position", name=state.name, since=since, limit=1000)
    records = [record for page in found for record in page.records]
    state.calls, state.refused = len(records), sum(record.outcome != "ok" for record in records)
    text = f"{state.calls} calls in {state.days} days, {state.refused} of them refused."
    headings = ("time (UTC)", "operation", "credential", "by", "outcome", "job")
    state.report = report(ctx, "Audit", text, headings, [audit_row(record) for record in records])
    ctx.report_progress(1.0, text)


def audit_row(record: AuditRecord) -> tuple[str, ...]:
    """A line of the audit."""
    time = datetime.fromtimestamp(record.time / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    name = (record.name or "") + (f" → {record.reader}" if record.reader else "")
    by = record.extension or f"host ({record.caller})"
    return time, record.operation, name, by, record.outcome, str(record.job_id or "")


def report(ctx: JobContext, title: str, text: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write an entry in Markdown, and its table as CSV beside it; once for each job, wherever a run ended."""
    lines = [headings, ["---"] * len(headings), *([cell.translate(MARKDOWN) for cell in row] for row in rows)]
    markdown = "\n".join([f"# {title}", "", text, "", *(f"| {' | '.join(line)} |" for line in lines), ""])
    name = f"{title} {ctx.job_id}.md"
    entry = ctx.vdfs.create_entry(name, media_type="text/markdown", text=markdown, if_absent=True)
    table = io.StringIO(newline="")
    # A cell that begins so is a formula to a spreadsheet.
    harmless = ([f"'{cell}" if cell[:1] in tuple("=+-@") else cell for cell in row] for row in rows)
    csv.writer(table).writerows([headings, *harmless])
    ctx.vdfs.write_sidecar(entry.id, "table.csv", media_type="text/csv", text=table.getvalue())
    return str(entry.id)
