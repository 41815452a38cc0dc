"""An mbox file (RFC 4155): many messages in one, each behind a line ``From sender date``.

A message's UID is where it begins in the file, plus one. So messages that are added leave all others as they are, any
message of a file of any size is found without reading the file, and nothing has to be remembered. The file's validity
is made of its first message's headers. A program that removes messages from the middle moves all that follow: then no
message begins where a caller says that one does, and the list begins anew.

A line of a message that begins with ``From `` is quoted with ``>``, in two ways: mboxo quotes these lines alone, mboxrd
quoted ones once more. Both are read as mboxrd, which is right for all but an mboxo's text that had ``>From `` itself.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.mail.mailbox import (
    MAX_HEAD,
    FoundMessage,
    MailboxPage,
    RawMail,
    Stop,
    another_mailbox,
    head_of,
    no_message,
    rest,
)

_CHUNK: Final = 1024 * 1024
_LINE: Final = 1024  # a From line has fewer bytes
MAX_SCANNED: Final = 512 * 1024 * 1024  # bytes for one page; it ends early then

_SEPARATOR: Final = b"From "
# As RFC 4155 has it, and as Thunderbird, Google and others do: with a time in it, or nothing at all.
_LOOSE: Final = re.compile(rb"From (?:\r?\n|\r?\Z|[^\n]*\d\d?:\d\d)")
_STRICT: Final = re.compile(
    rb"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d"
)
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_STATUS: Final = re.compile(rb"^(Status|X-Status|X-Mozilla-Status):[ \t]*([A-Za-z0-9]{1,12})", re.MULTILINE | re.I)
_FLAGS: Final = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}
_MOZILLA: Final = {0x1: "\\Seen", 0x2: "\\Answered", 0x4: "\\Flagged", 0x8: "\\Deleted"}


class MboxFile:
    """An open mbox. ``descriptor`` stays the caller's; ``stop`` is asked now and then whether anybody still waits."""

    def __init__(self, descriptor: int, file: str, stop: Stop) -> None:
        self._descriptor = descriptor
        self._file = file
        self._stop = stop
        self._size = os.fstat(descriptor).st_size
        self._at, self._data = 0, b""
        head = self._read(0, _CHUNK)
        self._begin = len(head) - len(head.lstrip(b"\r\n \t\xef\xbb\xbf"))
        if head[self._begin :] and not head.startswith(_SEPARATOR, self._begin):
            raise OperationFailed("failed", f"{file} is no mbox: it does not begin with a line 'From …'")
        if not head[self._begin :]:
            self._begin = self._size
        first = head_of(head[self._begin : self._begin + MAX_HEAD])
        digest = hashlib.blake2b(first, digest_size=4).digest()
        self._validity = int.from_bytes(digest) or 1  # as IMAP has it: 32 bits, not 0

    def page(self, after_uid: int, uid_validity: int | None, limit: int) -> MailboxPage:
        """See `OpenMailbox`."""
        reset = uid_validity not in (None, self._validity) or (after_uid > 0 and not self._begins(after_uid - 1))
        start = self._begin if after_uid == 0 or reset else self._end(after_uid - 1)
        messages: list[FoundMessage] = []
        first = start
        while start < self._size and len(messages) < limit and start - first < MAX_SCANNED:
            end = self._end(start)
            messages.append(self._found(start, end))
            start = end
        more = start < self._size
        return MailboxPage(
            uid_validity=self._validity,
            uid_next=self._size + 1,
            messages=messages,
            next_uid=messages[-1].uid if more and messages else None,
            reset=reset,
        )

    def raw(self, uid: int, uid_validity: int, max_bytes: int) -> RawMail:
        """See `OpenMailbox`."""
        self._check(uid, uid_validity)
        begin, end = self._body(uid - 1, self._end(uid - 1))
        raw = _QUOTED.sub(rb"\1", self._read(begin, min(end - begin, max_bytes)))
        cut = end - begin > max_bytes
        return RawMail(raw, end - begin if cut else len(raw), cut)

    def flag(self, uid: int, uid_validity: int, add: list[str], remove: list[str]) -> list[str]:
        """Never: a program that delivers mail may write to the file at this moment, and all UIDs would change."""
        self._check(uid, uid_validity)
        raise OperationFailed("failed", "flags of an mbox cannot be changed; those of IMAP and of a Maildir can")

    def rest(self, seconds: float) -> None:
        """See `OpenMailbox`: it is looked at again soon."""
        rest(seconds, self._stop)

    def _check(self, uid: int, uid_validity: int) -> None:
        if uid_validity != self._validity:
            raise another_mailbox(self._validity)
        if not self._begins(uid - 1):
            raise no_message(uid)

    def _found(self, start: int, end: int) -> FoundMessage:
        begin, last = self._body(start, end)
        head = head_of(self._read(begin, min(last - begin, MAX_HEAD)))
        return FoundMessage(start + 1, last - begin, _flags(head), head)

    def _body(self, start: int, end: int) -> tuple[int, int]:
        """Where the message itself begins and ends: without its From line and the empty line behind it."""
        line = self._read(start, min(_LINE, end - start))
        begin = min(start + line.find(b"\n") + 1 if b"\n" in line else end, end)
        tail = self._read(max(end - 4, begin), min(4, end - begin))
        if tail.endswith(b"\r\n\r\n"):
            return begin, end - 2
        return begin, end - 1 if tail.endswith(b"\n\n") else end

    def _begins(self, offset: int) -> bool:
        """Whether a message begins there."""
        if offset == self._begin:
            return offset < self._size
        if not self._begin < offset < self._size:
            return False
        first = max(0, offset - 3)
        around = self._read(first, _LINE)
        before, line = around[: offset - first], around[offset - first :]
        if not before.endswith(b"\n") or not line.startswith(_SEPARATOR):
            return False
        if before.endswith((b"\n\n", b"\n\r\n")) and _LOOSE.match(line):
            return True
        return _STRICT.match(line) is not None

    def _end(self, start: int) -> int:
        """Where the next message begins, or the file ends."""
        at = start
        while at < self._size:
            window = self._window(at)
            hit = window.find(b"\n" + _SEPARATOR, at - self._at)
            if hit < 0:
                if self._stop():
                    raise OperationFailed("unavailable", f"reading {self._file} takes too long")
                at = self._at + len(window) - len(_SEPARATOR)
                if self._at + len(window) >= self._size:
                    return self._size
                continue
            found = self._at + hit + 1
            if self._begins(found):
                return found
            at = found
        return self._size

    def _window(self, at: int) -> bytes:
        """A stretch of the file, at ``self._at``, with the byte ``at`` in it and some more behind that."""
        if not self._at <= at < self._at + len(self._data) - len(_SEPARATOR):
            self._data = self._read(at, _CHUNK)
            self._at = at
            if not self._data:  # it was cut short
                self._size = at
        return self._data

    def _read(self, offset: int, length: int) -> bytes:
        inside = offset - self._at
        if inside >= 0 and inside + length <= len(self._data):
            return self._data[inside : inside + length]
        try:
            data = os.pread(self._descriptor, length, offset)
            while len(data) < length and (more := os.pread(self._descriptor, length - len(data), offset + len(data))):
                data += more
        except OSError as error:
            raise OperationFailed("failed", f"{self._file} cannot be read: {error.strerror}") from None
        return data


def _flags(head: bytes) -> list[str]:
    found: dict[str, None] = {}
    for name, value in _STATUS.findall(head):
        text = value.decode("ascii")
        if name.lower() == b"x-mozilla-status":
            try:
                number = int(text, 16)
            except ValueError:
                continue
            found.update((flag, None) for bit, flag in _MOZILLA.items() if number & bit)
        else:
            found.update((_FLAGS[letter], None) for letter in text.upper() if letter in _FLAGS)
    return sorted(found)
