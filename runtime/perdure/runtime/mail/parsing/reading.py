"""A message's bytes, read: the headers that count, the text, the list of files. Never fails."""

from __future__ import annotations

import hashlib
import re
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from typing import Final

from perdure.runtime.mail.parsing.addresses import addresses
from perdure.runtime.mail.parsing.charsets import decoded
from perdure.runtime.mail.parsing.dates import unix_microseconds
from perdure.runtime.mail.parsing.header_text import header_text, header_values, one_line
from perdure.runtime.mail.parsing.messages import Address, FoundAttachment, HeaderSummary, RawMessage, ReadMessage
from perdure.runtime.mail.parsing.parts import Leaf, Parts, Segment, text_of, tidied_plain

MAX_SUBJECT: Final = 1000
_MAX_HEADER_BLOCK: Final = 256 * 1024
_MAX_LINES: Final = 2_000_000  # the stdlib's parser goes by lines; base64 of the largest message has fewer
_MAX_REFERENCES: Final = 100
_NOBODY: Final = Address("", "")
_ID: Final = re.compile(r"<[^<>\s]{1,990}>")
_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")

# Of all others a guest has the raw message. These tell mail that programs send from mail of people.
_HEADERS: Final = (
    "List-Id",
    "List-Unsubscribe",
    "Auto-Submitted",
    "Precedence",
    "Return-Path",
    "Delivered-To",
    "Authentication-Results",
    "Organization",
    "X-Mailer",
    "X-Spam-Flag",
    "Feedback-ID",
    "Content-Language",
)


def read_headers(block: bytes) -> HeaderSummary:
    """What a list shows of a message, from its header block."""
    message = _headers_of(block)
    kind = message.get_content_type()
    plain = kind.startswith("text/") or kind in ("multipart/alternative", "multipart/related")
    has_files = True if kind == "multipart/mixed" else False if plain else None
    return HeaderSummary(
        _message_id(message),
        header_text(message, "subject")[:MAX_SUBJECT],
        _sender(message),
        _date(message),
        has_files,
    )


def read_message(work: RawMessage) -> ReadMessage:
    """All that is wanted of a message."""
    message, parts = _headers_of(work.raw), None
    problems: list[str] = []
    if work.careful or work.raw.count(b"\n") > _MAX_LINES:
        problems.append("it was too much for the reader; its parts were not read")
    else:
        try:
            message = BytesParser(policy=compat32).parsebytes(work.raw)
            parts = Parts(message, len(work.raw))
        except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            nested = isinstance(error, RecursionError)
            problems.append("its parts are nested too deep to be read" if nested else "its parts cannot be read")
            message = _headers_of(work.raw)
    text, origin, html, leaves = _body(work, parts, problems)
    content, size = _content(work, leaves)
    date = _date(message)
    if date is None:
        problems.append("it has no date that can be read")
    text, cut = _cut(text, work.max_bytes)
    if cut:
        problems.append(f"its text has more than {work.max_bytes:,} bytes; the rest is left out")
    return ReadMessage(
        message_id=_message_id(message),
        in_reply_to=next(iter(_ids(message, "in-reply-to")), None),
        references=_ids(message, "references")[-_MAX_REFERENCES:],
        subject=header_text(message, "subject")[:MAX_SUBJECT],
        sender=_sender(message),
        to=addresses(header_values(message, "to")),
        cc=addresses(header_values(message, "cc")),
        reply_to=addresses(header_values(message, "reply-to")),
        date=date,
        headers={
            name.lower().replace("-", "_"): value
            for name in _HEADERS
            if (value := header_text(message, name)[:MAX_SUBJECT])
        },
        text=text,
        text_from=origin,
        html=_cut(html, work.max_bytes)[0] if work.html else None,
        attachments=[_listed(leaf) for leaf in leaves],
        content=content,
        content_size=size,
        sha256=hashlib.sha256(work.raw).hexdigest(),
        problems=problems,
    )


def _body(work: RawMessage, parts: Parts | None, problems: list[str]) -> tuple[str, str, str, list[Leaf]]:
    if parts is None:
        match = _END_OF_HEADERS.search(work.raw)
        body = work.raw[match.end() :] if match else b""
        text = tidied_plain(decoded(body[: work.max_bytes + 1], None)[0])
        return text, "plain" if text else "none", "", []
    segments: list[Segment] = parts.segments
    text, origin, good = text_of(segments)
    if not text:  # a message that only passes another one on
        text, origin, good = text_of(parts.forwarded)
        segments = parts.forwarded
    if not good:
        parts.problem("its HTML is too large, or too broken, to be read as it is meant")
    problems += parts.problems
    return _encodable(text), origin, _encodable("\n".join(one.html for one in segments if one.html)), parts.leaves


def _content(work: RawMessage, leaves: list[Leaf]) -> tuple[bytes | None, int]:
    if work.part is None:
        return None, 0
    whole = work.raw if work.part == 0 else next((leaf.content for leaf in leaves if leaf.part == work.part), None)
    if whole is None:
        return None, 0
    return whole[work.offset : work.offset + work.max_bytes], len(whole)


def _listed(leaf: Leaf) -> FoundAttachment:
    return FoundAttachment(
        leaf.part, leaf.name, leaf.media_type, len(leaf.content), leaf.inline, leaf.content_id, leaf.within
    )


def _headers_of(raw: bytes) -> Message:
    match = _END_OF_HEADERS.search(raw)
    block = raw[: min(match.end() if match else len(raw), _MAX_HEADER_BLOCK)]
    return BytesHeaderParser(policy=compat32).parsebytes(block)


def _sender(message: Message) -> Address:
    for name in ("from", "sender", "reply-to"):
        if found := addresses(header_values(message, name)):
            return found[0]
    return _NOBODY


def _date(message: Message) -> int | None:
    """From the header, else from when the last server received it."""
    for value in header_values(message, "date"):
        if (date := unix_microseconds(value)) is not None:
            return date
    received = header_values(message, "received")[:1]
    return unix_microseconds(received[0].rpartition(";")[2]) if received else None


def _message_id(message: Message) -> str | None:
    for value in header_values(message, "message-id"):
        if shown := one_line(value)[:998]:
            return match[0] if (match := _ID.search(shown)) else shown
    return None


def _ids(message: Message, name: str) -> list[str]:
    return _ID.findall(" ".join(header_values(message, name)))


def _cut(text: str, limit: int) -> tuple[str, bool]:
    data = text.encode()
    if len(data) <= limit:
        return text, False
    return data[:limit].decode("utf-8", "ignore"), True


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
