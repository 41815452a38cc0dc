"""What the operations on mail are given, and what they answer."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from perdure.runtime.mail.mailbox import Flag, Mailbox, Uid
from perdure.runtime.mail.parsing.messages import Address
from perdure.runtime.operations.declaration import Sensitive

MAX_ANSWER_BYTES: Final = 5 * 1024 * 1024  # of content: within a job's payload limit (8 MiB) also as base64


class ListMessages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The messages behind ``after_uid``, by ascending uid.

    ``uid_validity`` is that of the page before. If it is not the mailbox's any more, all uids have changed: the answer
    begins at the first message, whatever ``after_uid`` is, and ``reset`` says so.
    """

    mailbox: Mailbox
    after_uid: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    uid_validity: int | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100


class ListedMessage(msgspec.Struct, frozen=True, kw_only=True):
    r"""A message without its content.

    ``date`` is in microseconds since 1970, null if it has none. ``size`` is in bytes. ``flags`` as IMAP writes them:
    ``\Seen``. ``has_attachments`` is a guess from its type, null where that says nothing.
    """

    uid: int
    message_id: Annotated[str, Sensitive] | None
    subject: Annotated[str, Sensitive]
    sender: Annotated[Address, Sensitive]
    date: int | None
    size: int
    flags: list[str]
    has_attachments: bool | None


class MessagesListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; it may have fewer messages than were asked for, also none, and not be the last.

    ``next_uid`` is what to give as ``after_uid`` for the next one, null if this is the last. ``uid_next`` is greater
    than all uids so far, null if the server does not say.
    """

    uid_validity: int
    uid_next: int | None
    messages: list[ListedMessage]
    next_uid: int | None
    reset: bool


class FetchMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which message. ``part`` adds the content of one of its attachments; 0 that of the whole message, as it came.

    At most ``max_bytes`` of the text, and of the content from ``offset`` on. ``html``: also the text's HTML as it is.
    """

    mailbox: Mailbox
    uid: Uid
    uid_validity: int
    part: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**40)] = 0
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=MAX_ANSWER_BYTES)] = 2 * 1024 * 1024
    html: bool = False


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is not the message's text.

    ``name`` is empty if it has none. ``size`` is that of its content, decoded. ``inline``: meant to be shown within the
    text, as pictures are. ``within`` is the part of the forwarded message, or winmail.dat, that it is in. ``content``
    is there if the part was asked for; ``next_offset`` if there is more of it.
    """

    part: int
    name: Annotated[str, Sensitive]
    media_type: str
    size: int
    inline: bool
    content_id: Annotated[str, Sensitive] | None = None
    within: int | None = None
    content: Annotated[bytes, Sensitive] | None = None
    next_offset: int | None = None


class FetchedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message, as far as it could be read; ``problems`` says in sentences what could not.

    ``sender`` is whom its From header names. ``date`` is in microseconds since 1970. ``text`` is the plain text, or the
    HTML as text, the cells of a row on one line; ``text_from`` says which: ``plain``, ``html``, ``none``. ``headers``
    has some that tell programs' mail from people's: ``list_id``, ``list_unsubscribe``, ``auto_submitted``,
    ``precedence`` and others. ``sha256`` and ``raw_size`` are the whole message's; ``raw`` is there for ``part`` 0, and
    ``next_offset`` if there is more of it.
    """

    uid: int
    message_id: Annotated[str, Sensitive] | None
    in_reply_to: Annotated[str, Sensitive] | None
    references: Annotated[list[str], Sensitive]
    subject: Annotated[str, Sensitive]
    sender: Annotated[Address, Sensitive]
    to: Annotated[list[Address], Sensitive]
    cc: Annotated[list[Address], Sensitive]
    reply_to: Annotated[list[Address], Sensitive]
    date: int | None
    headers: Annotated[dict[str, str], Sensitive]
    text: Annotated[str, Sensitive]
    text_from: str
    attachments: list[Attachment]
    raw_size: int
    sha256: str
    problems: Annotated[list[str], Sensitive]
    html: Annotated[str, Sensitive] | None = None
    raw: Annotated[bytes, Sensitive] | None = None
    next_offset: int | None = None


class FlagMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""Which flags a message gets and loses.

    ``\Seen``, ``\Flagged``, ``\Answered``, ``\Draft``, ``\Deleted``, or keywords, where the mailbox has any.
    """

    mailbox: Mailbox
    uid: Uid
    uid_validity: int
    add: Annotated[list[Flag], msgspec.Meta(max_length=32)] = []
    remove: Annotated[list[Flag], msgspec.Meta(max_length=32)] = []


class MessageFlagged(msgspec.Struct, frozen=True):
    """The flags that it has now."""

    flags: list[str]


class WaitForMessages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wait until there is a message behind ``after_uid``, or all uids have changed; at most ``timeout_ms``."""

    mailbox: Mailbox
    after_uid: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    uid_validity: int | None = None
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 300_000


class MessagesWaited(msgspec.Struct, frozen=True):
    """``changed``: there is something to list now; false if the time is over."""

    changed: bool


class ListFolders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The folders of an account, whichever of them is named, or of a Maildir (Maildir++)."""

    mailbox: Mailbox


class MailFolder(msgspec.Struct, frozen=True, kw_only=True):
    r"""A folder. ``mailbox`` is it for other calls. ``special`` is what it is for (RFC 6154), if the server says:

    ``\\Sent``, ``\\Junk``, ``\\Trash``, ``\\All`` and the like. One that is not ``selectable`` only holds others.
    """

    name: Annotated[str, Sensitive]
    mailbox: Mailbox
    special: str | None
    selectable: bool


class FoldersListed(msgspec.Struct, frozen=True):
    """The folders, at most 2,000."""

    folders: list[MailFolder]
