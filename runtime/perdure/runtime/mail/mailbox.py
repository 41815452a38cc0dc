"""What a mailbox is, to a caller and to the rest of this package."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Final, Literal, Protocol

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.credential import Name
from perdure.runtime.operations.context import CallContext

MAX_FOLDERS: Final = 2_000
MAX_HEAD: Final = 64 * 1024  # bytes of a message's headers that a list looks at

_TEXT: Final = r"^[^\x00-\x1f\x7f]+$(?!\n)"
Security = Literal["tls", "starttls", "plain"]
Flag = Annotated[str, msgspec.Meta(pattern=r"^\\?[A-Za-z0-9$_.+-]{1,60}$(?!\n)")]
File = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
Uid = Annotated[int, msgspec.Meta(ge=1, le=2**53)]

_LOOK: Final = 1.0  # seconds between looks at a folder that somebody waits for

DEFAULT_PORTS: Final = {"tls": 993, "starttls": 143, "plain": 143}


class ImapMailbox(msgspec.Struct, frozen=True, kw_only=True, tag="imap", forbid_unknown_fields=True):
    r"""A folder of an IMAP server.

    ``credential`` names one of the extension's credentials in this library: ``basic`` (a password) or ``oauth2``; the
    host uses it, the extension never sees it. ``username`` is needed where the credential has none. ``port`` is 993, or
    143 without ``tls``. ``folder`` as `mail.folders` names it.
    """

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    credential: Name
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None
    security: Security = "tls"
    username: Annotated[str, msgspec.Meta(pattern=_TEXT, max_length=320)] | None = None
    folder: Annotated[str, msgspec.Meta(pattern=_TEXT, max_length=1000)] = "INBOX"

    @property
    def server_port(self) -> int:
        """The port that is meant."""
        return self.port or DEFAULT_PORTS[self.security]


class MaildirMailbox(msgspec.Struct, frozen=True, kw_only=True, tag="maildir", forbid_unknown_fields=True):
    """A Maildir in a shared folder: ``file`` is ``NAME/path`` of the folder that has ``cur`` and ``new`` in it."""

    file: File


class MboxMailbox(msgspec.Struct, frozen=True, kw_only=True, tag="mbox", forbid_unknown_fields=True):
    """An mbox file in a shared folder: ``file`` is ``NAME/path``."""

    file: File


Mailbox = ImapMailbox | MaildirMailbox | MboxMailbox


class FoundMessage(msgspec.Struct, frozen=True):
    """A message of a page: ``head`` is its headers' bytes, or the first of them."""

    uid: int
    size: int
    flags: list[str]
    head: bytes


class MailboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by ascending UID; ``next_uid`` is None at the end. ``reset``: it began anew, see `MessageList`."""

    uid_validity: int
    uid_next: int | None
    messages: list[FoundMessage]
    next_uid: int | None
    reset: bool


class RawMail(msgspec.Struct, frozen=True):
    """A message as it came, or, if it is ``cut``, the first bytes of it; ``size`` is the whole's."""

    raw: bytes
    size: int
    cut: bool


class Folder(msgspec.Struct, frozen=True):
    """A folder of a server; ``flags`` as it gives them."""

    name: str
    flags: tuple[str, ...]


class OpenMailbox(Protocol):
    """A mailbox at work. Methods raise `OperationFailed`."""

    def page(self, after_uid: int, uid_validity: int | None, limit: int) -> MailboxPage:
        """The messages behind ``after_uid``; from the first one if the mailbox is not the one of ``uid_validity``."""

    def raw(self, uid: int, uid_validity: int, max_bytes: int) -> RawMail:
        """A message's bytes."""

    def flag(self, uid: int, uid_validity: int, add: list[str], remove: list[str]) -> list[str]:
        """Change a message's flags; returns those that it has then."""

    def rest(self, seconds: float) -> None:
        """Return when the mailbox may have changed since the last page, after ``seconds`` at the latest."""


Stop = Callable[[], bool]


def another_mailbox(validity: int) -> OperationFailed:
    """UIDs of the caller's are of a mailbox that is no more."""
    return OperationFailed("not_found", f"the mailbox was made anew: its uid_validity is {validity} now; list it again")


def no_message(uid: int) -> OperationFailed:
    """It was removed, or never was."""
    return OperationFailed("not_found", f"the mailbox has no message with uid {uid} (any more)")


def head_of(data: bytes) -> bytes:
    """The header block that ``data`` begins with."""
    ends = [end for mark in (b"\n\n", b"\n\r\n") if (end := data.find(mark)) >= 0]
    return data[: min(ends) + 1] if ends else data


def over(context: CallContext) -> bool:
    """Whether nobody waits for the answer any more."""
    return context.cancelled.cancelled or context.remaining() <= 0


def rest(seconds: float, stop: Stop) -> None:
    """Wait for a second, or less."""
    until = time.monotonic() + min(seconds, _LOOK)
    while (left := until - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.05))
