"""What operations answer in pages and take in parts, as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from perdure_sdk.clients import Entry, ListedMessage, MessagesListed
from perdure_sdk.context import JobContext
from perdure_sdk.paging import pages

_PART_BYTES: Final = 4 << 20  # of what one call carries; within a job's payload limit also as base64


def each_entry(ctx: JobContext, **filters: Any) -> Iterator[Entry]:
    """All entries that ``ctx.vdfs.list_entries`` gives with these filters; the job can be interrupted in between."""
    for page in pages(ctx.vdfs.list_entries, cursor="cursor", **filters):
        ctx.check_interrupt()
        yield from page.entries


def each_message(
    ctx: JobContext, mailbox: Any, *, after_uid: int = 0, uid_validity: int | None = None, limit: int = 100
) -> Iterator[tuple[MessagesListed, ListedMessage]]:
    """All messages of a mailbox behind ``after_uid``, each with the page that it is on.

    If the mailbox has new uids, ``reset`` of the page says so, and it is begun anew.
    """
    while True:
        page = ctx.mail.list(mailbox, after_uid=after_uid, uid_validity=uid_validity, limit=limit)
        for message in page.messages:
            ctx.check_interrupt()
            yield page, message
        if page.next_uid is None:
            return
        after_uid, uid_validity = page.next_uid, page.uid_validity


def message_part(ctx: JobContext, mailbox: Any, uid: int, uid_validity: int, part: int) -> bytes:
    """The content of an attachment; of ``part`` 0 the whole message, as it came."""
    content = b""
    offset: int | None = 0
    while offset is not None:
        mail = ctx.mail.fetch(mailbox, uid, uid_validity, part=part, offset=offset, max_bytes=_PART_BYTES)
        found = next((one for one in mail.attachments if one.part == part), None)
        piece, offset = (found.content, found.next_offset) if found else (mail.raw, mail.next_offset)
        content += piece or b""
    return content


def store_entry(ctx: JobContext, name: str, content: bytes, **fields: Any) -> Entry:
    """Create an entry with content of any size; ``fields`` are those of ``ctx.vdfs.create_entry``.

    With ``if_absent`` an entry that another job left half full is filled up.
    """
    entry = ctx.vdfs.create_entry(name, content=content[:_PART_BYTES], **fields)
    for offset in range(_PART_BYTES, len(content), _PART_BYTES):
        if entry.size <= offset:
            entry = ctx.vdfs.append_content(entry.id, offset, content[offset : offset + _PART_BYTES])
    return entry


def stable_name(value: Any) -> str:
    """A name made of what a thing is, JSON: the same for the same thing, in every job; 24 characters.

    With ``if_absent`` an entry of this name is there once, however often and by whomever it is created.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
