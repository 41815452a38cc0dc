"""One connection to an IMAP server, logged in, and what is asked of it. Errors are `OperationFailed`, or `SessionLost`.

The server may be anybody's: what it answers is bounded (`imap_transport`), and whatever its answers do to the library
that reads them is an answer that is not valid, no more.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from imapclient import IMAPClient

from perdure.actors.operations import OperationFailed
from perdure.runtime.mail.imap_account import Secret
from perdure.runtime.mail.imap_transport import BoundedImap
from perdure.runtime.mail.mailbox import Folder, FoundMessage, RawMail, Stop, head_of

HEAD_BYTES: Final = 16 * 1024
_HEAD: Final = f"BODY.PEEK[HEADER.FIELDS (SUBJECT FROM SENDER REPLY-TO DATE MESSAGE-ID CONTENT-TYPE)]<0.{HEAD_BYTES}>"
_CODE: Final = re.compile(r"\[([A-Z][A-Z0-9-]{1,40})\]")
_EXISTS: Final = re.compile(rb"\* \d{1,10} EXISTS", re.IGNORECASE)
_LOOK: Final = 0.25  # seconds between looks whether somebody still waits
_SEARCH_BYTES: Final = 16 * 1024 * 1024
_FETCHED_AT_ONCE: Final = 100

# RFC 5530: what a refused login means.
_LATER: Final = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "THROTTLED"})


class SessionLost(Exception):
    """The connection broke, or what comes over it makes no sense; another one may do."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Selected(msgspec.Struct, frozen=True):
    """A folder as the server describes it."""

    folder: str
    uid_validity: int
    uid_next: int | None
    exists: int
    writable: bool


class _Client(IMAPClient):  # type: ignore[misc] # the library has no types
    """IMAPClient over a transport that is there already."""

    def __init__(self, host: str, port: int, transport: BoundedImap, *, tls: bool) -> None:
        self._transport = transport
        super().__init__(host, port, ssl=tls)
        transport.debug = 0

    def _create_IMAP4(self) -> BoundedImap:  # noqa: N802 - IMAPClient's own name
        return self._transport

    def _set_read_timeout(self) -> None:
        """The transport sees to it, for each command."""


class ImapSession:
    """A connection. One thread uses it at a time; any may `cut` it.

    Args:
        host, port: for errors and TLS.
        connected: the socket; over TLS already, unless ``starttls`` is given.
        starttls: what is trusted, if TLS begins after the greeting.
        secret: what to log in with.
        seconds: how long each of the server's answers may take.

    Raises:
        OperationFailed: the server does not accept the secret, or is none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        connected: socket.socket,
        starttls: ssl.SSLContext | None,
        secret: Secret,
        seconds: float,
    ) -> None:
        self.host = host
        self.idle_since = time.monotonic()
        self.broken = False
        self._seconds = seconds
        self._socket = connected
        self._selected: Selected | None = None
        try:
            with self._asking():
                self._transport = BoundedImap(host, port, connected, seconds)
                if starttls is not None:
                    self._transport.start_tls(starttls)
                    self._socket = self._transport.sock
                # IMAPClient asks whether it is TLS for its own `starttls` alone, which is not used.
                self._client = _Client(host, port, self._transport, tls=True)
            self._log_in(secret)
        except BaseException:
            self.close()
            raise

    def cut(self) -> None:
        """Break the connection, also while another thread waits for its answer."""
        self.broken = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        self.broken = True
        with contextlib.suppress(OSError, AttributeError):
            self._transport.shutdown()
        self._socket.close()

    def log_out(self) -> None:
        """End it in a way that servers like."""
        if not self.broken:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                self._transport.begin(1.0)
                self._transport.state = "LOGOUT"
                self._transport.send(b"BYE1 LOGOUT\r\n")  # nobody waits for the answer
        self.close()

    # --- folders -----------------------------------------------------------------------------------------------------

    def select(self, folder: str, *, writable: bool = False, known: int | None = None) -> Selected:
        """Open a folder. One that is open is not asked for again if its validity is ``known``."""
        now = self._selected
        if now is not None and (now.folder, now.uid_validity, now.writable) == (folder, known, writable):
            return now
        self._selected = None
        with self._asking(f"the folder {folder!r}"):
            self._transport.begin(self._seconds)
            answer = self._client.select_folder(folder, readonly=not writable)
            self._selected = Selected(
                folder=folder,
                uid_validity=int(answer[b"UIDVALIDITY"]) if b"UIDVALIDITY" in answer else 0,
                uid_next=int(answer[b"UIDNEXT"]) if b"UIDNEXT" in answer else None,
                exists=int(answer[b"EXISTS"]),
                writable=writable,
            )
        if self._selected.uid_validity == 0:
            raise OperationFailed("failed", f"{self.host} gives its messages no lasting UIDs in {folder!r}")
        return self._selected

    def folders(self, most: int) -> list[Folder]:
        """The folders, at most so many."""
        with self._asking():
            self._transport.begin(self._seconds, _SEARCH_BYTES)
            found = self._client.list_folders()[:most]
            return [Folder(_text(name), tuple(map(_text, flags))) for flags, _, name in found]

    # --- messages ----------------------------------------------------------------------------------------------------

    def uids(self, first: int, last: int) -> list[int]:
        """The UIDs from ``first`` to ``last`` that there are, ascending."""
        with self._asking():
            self._transport.begin(self._seconds, _SEARCH_BYTES)
            found = self._client.search(f"UID {first}:{last}")
            return sorted({uid for uid in map(int, found) if first <= uid <= last})

    def heads(self, uids: Sequence[int]) -> list[FoundMessage]:
        """What a list shows of these messages; without those that are gone."""
        messages: list[FoundMessage] = []
        for start in range(0, len(uids), _FETCHED_AT_ONCE):
            part = uids[start : start + _FETCHED_AT_ONCE]
            with self._asking():
                self._transport.begin(self._seconds, len(part) * (HEAD_BYTES + 4096))
                answer = self._client.fetch(part, ["FLAGS", "RFC822.SIZE", _HEAD])
                messages += [_found(uid, answer[uid]) for uid in part if uid in answer]
        return messages

    def raw(self, uid: int, max_bytes: int) -> RawMail | None:
        """A message's bytes, at most so many; None if it is gone. It is not marked as seen."""
        with self._asking():
            self._transport.begin(self._seconds, max_bytes + 64 * 1024)
            answer = self._client.fetch([uid], ["RFC822.SIZE", f"BODY.PEEK[]<0.{max_bytes}>"]).get(uid)
            if answer is None or (raw := _body(answer)) is None:
                return None
            size = max(int(answer.get(b"RFC822.SIZE", 0)), len(raw))
            cut = len(raw) >= max_bytes and size > len(raw)  # some servers' sizes are estimates
            return RawMail(raw, size if cut else len(raw), cut)

    def store(self, uid: int, add: list[str], remove: list[str]) -> list[str] | None:
        """Change a message's flags; returns those that it has then, None if it is gone."""
        with self._asking("the flags"):
            if add:
                self._transport.begin(self._seconds)
                self._client.add_flags([uid], add, silent=True)
            if remove:
                self._transport.begin(self._seconds)
                self._client.remove_flags([uid], remove, silent=True)
            self._transport.begin(self._seconds)
            answer = self._client.fetch([uid], ["FLAGS"]).get(uid)
            return None if answer is None else _flags(answer)

    # --- waiting -----------------------------------------------------------------------------------------------------

    def wait(self, seconds: float, stop: Stop) -> None:
        """Wait until the open folder has more messages, or the time is over: with IDLE (RFC 2177) if there is one."""
        until = time.monotonic() + seconds
        with self._asking():
            self._transport.begin(self._seconds)
            if not self._client.has_capability("IDLE"):
                self._poll(until, stop)
                return
            self._client.idle()
            while (left := until - time.monotonic()) > 0 and not stop():
                if not self._transport.readable_within(min(_LOOK, left)):
                    continue
                self._transport.begin(self._seconds)
                line = self._transport.readline()
                if line.upper().startswith(b"* BYE"):
                    raise imaplib.IMAP4.abort("the server says good-bye")
                if _EXISTS.match(line):
                    break
            self._transport.begin(self._seconds)
            self._client.idle_done()
        self._selected = None  # what it knew of the folder is old

    def _poll(self, until: float, stop: Stop) -> None:
        before = self._transport.untagged_responses.get("EXISTS")
        at = time.monotonic()
        while (now := time.monotonic()) < until and not stop():
            if now >= at:
                self._transport.begin(self._seconds)
                self._transport.noop()
                if self._transport.untagged_responses.get("EXISTS") != before:
                    break
                at = now + 15.0
            self._transport.readable_within(min(_LOOK, until - now))
        self._selected = None

    # --- logging in --------------------------------------------------------------------------------------------------

    def _log_in(self, secret: Secret) -> None:
        with self._asking():
            self._transport.begin(self._seconds)
            if self._transport.state == "AUTH":  # PREAUTH: somebody that we do not know is logged in already
                raise OperationFailed("failed", f"{self.host} does not ask who we are; that is no account to read")
            capabilities = {_text(one).upper() for one in self._client.capabilities()}
        way = self._way(secret, capabilities)
        try:
            with self._asking():
                way()
        except OperationFailed as error:
            raise self._refused(secret, error) from None

    def _way(self, secret: Secret, capabilities: set[str]) -> Callable[[], object]:
        if secret.token:
            if "AUTH=OAUTHBEARER" in capabilities:
                return lambda: self._transport.authenticate("OAUTHBEARER", _oauthbearer(secret, self.host))
            return lambda: self._transport.authenticate("XOAUTH2", _xoauth2(secret))
        if "AUTH=PLAIN" in capabilities:
            plain = f"\0{secret.username}\0{secret.value}".encode("utf-8", "replace")
            return lambda: self._transport.authenticate("PLAIN", _once(plain, None))
        if "LOGINDISABLED" in capabilities:
            raise OperationFailed("failed", f"{self.host} takes no password on this connection")
        if not (secret.username.isascii() and secret.value.isascii()):
            raise OperationFailed("failed", f"{self.host} takes only names and passwords in ASCII")
        return lambda: self._transport.log_in(secret.username, secret.value)

    def _refused(self, secret: Secret, error: OperationFailed) -> OperationFailed:
        # Nothing of what the server says but its code: some repeat what they were sent.
        match = _CODE.search(error.message)
        code = match[1] if match else ""
        if code in _LATER:
            return OperationFailed("unavailable", f"{self.host} lets nobody log in now ({code})")
        what = "the token" if secret.token else "the name and the password"
        shown = f" ({code})" if code else ""
        return OperationFailed("failed", f"{self.host} does not accept {what} of the credential{shown}")

    # --- what all share ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _asking(self, what: str = "") -> Iterator[None]:
        """Whatever goes wrong inside is `SessionLost`, or the server's refusal as `OperationFailed`."""
        try:
            yield
        except OperationFailed:
            raise
        except imaplib.IMAP4.abort as error:
            self.broken = True
            if (
                getattr(self, "_transport", None) and self._transport.too_large
            ):  # imaplib makes another error of ours; a second try would be no better
                raise OperationFailed("failed", f"{self.host} sent more than was asked for") from None
            raise SessionLost(_shown(error)) from None
        except imaplib.IMAP4.error as error:
            told = f"{self.host} refuses {what}" if what else f"{self.host} refuses"
            raise OperationFailed("failed", f"{told}: {_shown(error)}") from None
        except ssl.SSLError as error:
            self.broken = True
            raise SessionLost(f"TLS failed: {error.reason or type(error).__name__}") from None
        except OSError as error:
            self.broken = True
            raise SessionLost(error.strerror or type(error).__name__) from None
        except Exception as error:  # noqa: BLE001 - what a stranger's answer can do to a parser has no list
            self.broken = True
            raise SessionLost(f"it sent no valid answer ({type(error).__name__})") from None


def _found(uid: int, answer: dict[bytes, Any]) -> FoundMessage:
    size = answer.get(b"RFC822.SIZE", 0)
    return FoundMessage(uid, size if isinstance(size, int) else 0, _flags(answer), head_of(_body(answer) or b""))


def _body(answer: dict[bytes, Any]) -> bytes | None:
    for key, value in answer.items():
        if key.upper().startswith(b"BODY[") and isinstance(value, bytes):
            return value
    return None


def _flags(answer: dict[bytes, Any]) -> list[str]:
    flags = sorted({_text(flag) for flag in answer.get(b"FLAGS", ())})
    return [flag[:64] for flag in flags if flag.lower() != "\\recent"][:64]


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    return text.encode("utf-8", "replace").decode()


def _shown(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _once(first: bytes, then: bytes | None) -> Callable[[bytes], bytes | None]:
    """Answers challenges: the first with what proves who we are, a second one, which is an error, with ``then``."""
    answers = [first]
    return lambda _challenge: answers.pop() if answers else then


def _xoauth2(secret: Secret) -> Callable[[bytes], bytes | None]:
    """Google's XOAUTH2 (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol)."""
    return _once(f"user={secret.username}\1auth=Bearer {secret.value}\1\1".encode("utf-8", "replace"), b"")


def _oauthbearer(secret: Secret, host: str) -> Callable[[bytes], bytes | None]:
    """RFC 7628; the identity as RFC 5801 escapes it."""
    identity = secret.username.replace("=", "=3D").replace(",", "=2C")
    return _once(f"n,a={identity},\1host={host}\1auth=Bearer {secret.value}\1\1".encode("utf-8", "replace"), b"\1")
