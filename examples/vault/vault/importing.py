"""The job that takes over what another password manager exported."""

from dataclasses import dataclass
from itertools import count

from perdure_sdk import InvalidPayload, JobContext, pages
from vault import ext
from vault.exports import Format, Row, Unreadable, read_export

MAX_BYTES = 32 * 1024 * 1024
STEP = 25  # rows between two checkpoints


@dataclass
class Import:
    """Which file, ``SHARE/path``; the rest is how far it has come."""

    file: str
    format: Format = "auto"
    modified: int = 0
    done: int = 0
    stored: int = 0
    there_already: int = 0
    unreadable: int = 0


@ext.job
def import_file(ctx: JobContext, state: Import) -> None:
    """Store every login of an export, once; what is there already, under whatever number, is left as it is."""
    data = b""
    for part in pages(ctx.files.read, state.file, cursor="offset", then="next_offset"):
        if part.size > MAX_BYTES:
            raise Unreadable(f"the file has {part.size:,} bytes; an export may have {MAX_BYTES:,}")
        if part.modified != state.modified:  # since the checkpoint; what is stored is found again
            state.modified, state.done, state.stored, state.there_already, state.unreadable = part.modified, 0, 0, 0, 0
        data += part.content
    rows = list(read_export(data, state.format))
    names = {one.name for page in pages(ctx.credentials.list, limit=1000) for one in page.credentials}
    for row in rows[state.done :]:
        if state.done % STEP == 0:
            ctx.check_interrupt()
            ctx.report_progress(state.done / len(rows), f"{state.done}/{len(rows)} rows")
            ctx.checkpoint(state)
        try:
            if isinstance(row, Unreadable):
                raise row
            keep(ctx, state, row, names)
        except Unreadable as problem:
            state.unreadable += 1
            ctx.add_warning(str(problem))
        state.done += 1
        ctx.increment_items(1)
    ctx.report_progress(
        1.0, f"{state.stored} stored, {state.there_already} there already, {state.unreadable} unreadable"
    )


def keep(ctx: JobContext, state: Import, row: Row, names: set[str]) -> None:
    """Store a login by the first name that is free, unless one of the others is it: so none comes twice."""
    for number in count(1):
        name = row.title if number == 1 else f"{row.title} ({number})"
        if name not in names:
            break
        if ctx.credentials.get(name).credential == row.login:
            state.there_already += 1
            return
    try:
        ctx.credentials.store(name, row.login)
    except InvalidPayload:
        raise Unreadable(f"{row.place}: it has a part that is too long for a login") from None
    names.add(name)
    state.stored += 1
