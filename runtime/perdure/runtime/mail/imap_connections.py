"""Connections to mail servers: made to addresses that were checked, kept for a while, at most so many an extension."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import certifi

from perdure.actors.operations import OperationFailed
from perdure.runtime.http.addresses import networks
from perdure.runtime.http.checked_addresses import checked_addresses
from perdure.runtime.http.errors import HostNotAllowed, HostUnreachable, HttpError, TlsFailed
from perdure.runtime.http.hosts import HostRules, entry_for, host_address, host_name
from perdure.runtime.http.resolver import Resolver, SystemResolver
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.mail.imap_account import Account, Secret
from perdure.runtime.mail.mailbox import ImapMailbox
from perdure.runtime.mail.settings import MailSettings

if TYPE_CHECKING:
    from perdure.runtime.mail.imap_session import ImapSession

CONNECT_SECONDS: Final = 10.0  # for all addresses of a name together
MISSING: Final = "IMAP needs libraries that are not installed: pip install 'perdure[mail]'"


class ImapConnections:
    """Makes connections, keeps them, and ends them. Thread-safe.

    Args:
        settings: limits.
        http: which private networks are open, and who is trusted.
        resolver: who looks names up; the operating system by default.
    """

    def __init__(self, settings: MailSettings, http: HttpSettings, resolver: Resolver | None = None) -> None:
        self._settings = settings
        self._http = http
        self._resolver = resolver
        self._changed = threading.Condition()
        self._idle: dict[Account, list[ImapSession]] = {}
        self._busy: dict[str, set[ImapSession]] = {}  # by extension
        self._starting: dict[str, int] = {}
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    def host(self, mailbox: ImapMailbox, hosts: HostRules) -> str:
        """The mailbox's host as it is compared, if the extension may reach it.

        Raises:
            OperationFailed: it may not, or it is no host.
        """
        try:
            host = host_address(mailbox.host.strip("[]")) or host_name(mailbox.host)
        except ValueError as error:
            raise OperationFailed("invalid_payload", f"mailbox.host: {error}") from None
        scheme = "http" if mailbox.security == "plain" else "https"
        port = mailbox.server_port
        if scheme == "http" and not self._settings.plain:
            raise OperationFailed(
                "permission_denied",
                "security plain sends passwords as they are; the program that runs perdure forbids it",
            )
        if not hosts.allows(scheme, host, port):
            refused = HostNotAllowed(f"{host} port {port}", entry_for(scheme, host, port))
            raise OperationFailed(refused.code, str(refused))
        return host

    def take(
        self, account: Account, secret: Secret, seconds: float, *, fresh: bool = False
    ) -> tuple[ImapSession, bool]:
        """A connection for one caller alone, and whether it is new; `give_back` it.

        Args:
            account: for whom.
            secret: what to log in with, if a new one has to be made.
            seconds: how long to wait for one.
            fresh: whether it must be a new one.

        Raises:
            OperationFailed: the server cannot be reached, or accepts nobody.
            SessionLost: the server ended the connection at once.
        """
        deadline = time.monotonic() + seconds
        extension = account.extension
        with self._changed:
            while True:
                if self._closed:
                    raise OperationFailed("unavailable", "the host closes")
                while not fresh and (idle := self._idle.get(account)):
                    session = idle.pop()
                    if not session.broken and session.idle_since > time.monotonic() - self._settings.keep:
                        self._busy.setdefault(extension, set()).add(session)
                        return session, False
                    session.close()
                if self._used(extension) < self._settings.connections:
                    break
                if not self._drop_one(extension):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        most = self._settings.connections
                        raise OperationFailed("unavailable", f"all {most} connections to mail servers are in use")
                    self._changed.wait(left)
            self._starting[extension] = self._starting.get(extension, 0) + 1
        try:
            made = self._connected(account, secret, deadline)
        except BaseException:
            with self._changed:
                self._starting[extension] -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._starting[extension] -= 1
            self._busy.setdefault(extension, set()).add(made)
        return made, True

    def give_back(self, account: Account, session: ImapSession) -> None:
        """It is free again; kept, unless it is broken."""
        with self._changed:
            self._busy[account.extension].discard(session)
            keep = not session.broken and not self._closed and self._settings.keep > 0
            if keep:
                session.idle_since = time.monotonic()
                self._idle.setdefault(account, []).append(session)
            self._changed.notify_all()
        if not keep:
            session.close()

    def reap(self) -> None:
        """End the connections that nobody used for a while."""
        before = time.monotonic() - self._settings.keep
        with self._changed:
            old = [session for idle in self._idle.values() for session in idle if session.idle_since < before]
            self._idle = {
                account: kept
                for account, idle in self._idle.items()
                if (kept := [session for session in idle if session.idle_since >= before])
            }
        for session in old:
            session.log_out()

    def close(self) -> None:
        """End all; who uses one is told that it broke. Idempotent."""
        with self._changed:
            self._closed = True
            idle = [session for found in self._idle.values() for session in found]
            self._idle.clear()
            busy = [session for found in self._busy.values() for session in found]
            self._changed.notify_all()
        for session in busy:
            session.cut()
        for session in idle:
            session.log_out()

    def _used(self, extension: str) -> int:
        idle = sum(len(found) for account, found in self._idle.items() if account.extension == extension)
        return idle + len(self._busy.get(extension, ())) + self._starting.get(extension, 0)

    def _drop_one(self, extension: str) -> bool:
        """End one of the extension's connections that nobody uses, for another account's."""
        for account, found in self._idle.items():
            if account.extension == extension and found:
                found.pop(0).close()
                return True
        return False

    # --- connecting --------------------------------------------------------------------------------------------------

    def _connected(self, account: Account, secret: Secret, deadline: float) -> ImapSession:
        # Here, not above: it is an extra, and takes time at each start.
        try:
            from perdure.runtime.mail.imap_session import ImapSession  # noqa: PLC0415
        except ImportError:
            raise OperationFailed("unavailable", MISSING) from None
        seconds = max(min(self._settings.timeout, deadline - time.monotonic()), 0.001)
        try:
            plain = self._socket(account, seconds)
        except HttpError as error:
            raise OperationFailed(error.code, str(error)) from None
        connected = plain
        try:
            if account.security == "tls":
                connected = self._wrapped(plain, account.host, seconds)
            starttls = self._trusted() if account.security == "starttls" else None
            return ImapSession(account.host, account.port, connected, starttls, secret, self._settings.timeout)
        except BaseException:
            connected.close()
            plain.close()
            raise

    def _socket(self, account: Account, seconds: float) -> socket.socket:
        opened = networks(self._http.private_networks)

        async def addresses() -> Sequence[object]:
            async with asyncio.timeout(seconds):
                return await checked_addresses(self._resolver or SystemResolver(), opened, account.host, account.port)

        try:
            found = asyncio.run(addresses())
        except TimeoutError:
            raise HostUnreachable(account.host, "its name cannot be looked up now") from None
        for address in found:
            with contextlib.suppress(OSError):
                each = min(seconds, CONNECT_SECONDS) / len(found)
                return socket.create_connection((str(address), account.port), each)
        raise HostUnreachable(account.host, f"nobody answers on port {account.port}")

    def _wrapped(self, plain: socket.socket, host: str, seconds: float) -> socket.socket:
        plain.settimeout(seconds)
        try:
            return self._trusted().wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            failed = TlsFailed(host, f"its certificate is not valid: {error.verify_message}")
        except ssl.SSLError as error:
            failed = TlsFailed(host, (error.reason or "the handshake failed").lower().replace("_", " "))
        except OSError:
            failed = TlsFailed(host, "the connection ended during the handshake")
        raise OperationFailed(failed.code, str(failed))

    def _trusted(self) -> ssl.SSLContext:
        with self._changed:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=self._http.ca_file or certifi.where())
            return self._tls
