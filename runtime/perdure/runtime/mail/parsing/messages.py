"""What goes to the worker process and what comes back, in msgpack."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Address(msgspec.Struct, frozen=True):
    """Somebody. ``name`` is empty if there is none, ``address`` if it is broken."""

    name: str
    address: str


class HeaderBlocks(msgspec.Struct, frozen=True, array_like=True, tag="headers"):
    """Read these header blocks, for a list of messages."""

    blocks: list[bytes]


class RawMessage(msgspec.Struct, frozen=True, array_like=True, tag="message"):
    """Read this message.

    Attributes:
        raw: as it came, RFC 5322.
        part: the part whose content is wanted; 0 for the whole message, None for none.
        offset, max_bytes: where in that content to begin, and how much of it; ``max_bytes`` bounds the text, too.
        html: whether the HTML is wanted as it is.
        careful: read the headers alone and the body as plain text: after a process died of this message.
    """

    raw: bytes
    part: int | None
    offset: int
    max_bytes: int
    html: bool
    careful: bool = False


class HeaderSummary(msgspec.Struct, frozen=True, array_like=True):
    """What a list shows of a message. ``date`` is in microseconds since 1970."""

    message_id: str | None
    subject: str
    sender: Address
    date: int | None
    has_attachments: bool | None


class FoundAttachment(msgspec.Struct, frozen=True, array_like=True):
    """A part that is not the message's text; see `perdure.runtime.mail.calls.Attachment`."""

    part: int
    name: str
    media_type: str
    size: int
    inline: bool
    content_id: str | None
    within: int | None


class ReadMessage(msgspec.Struct, frozen=True, array_like=True):
    """What could be read of a message; ``problems`` says what could not."""

    message_id: str | None
    in_reply_to: str | None
    references: list[str]
    subject: str
    sender: Address
    to: list[Address]
    cc: list[Address]
    reply_to: list[Address]
    date: int | None
    headers: dict[str, str]
    text: str
    text_from: str
    html: str | None
    attachments: list[FoundAttachment]
    content: bytes | None
    content_size: int
    sha256: str
    problems: list[str]


Work = HeaderBlocks | RawMessage
ReadHeaders = Annotated[list[HeaderSummary], msgspec.Meta(max_length=1000)]
