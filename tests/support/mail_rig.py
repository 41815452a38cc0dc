"""A runtime whose extension reads mail, for tests with a server on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.dovecot import HOST, PASSWORD, Dovecot
from tests.support.manual_clock import ManualClock
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT

from perdure.runtime import DEFAULT_LIBRARY, Runtime, RuntimeSettings
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.mail.settings import MailSettings

METHODS: Final = ["query:mail.", "action:mail."]


class MailRig:
    """The extension ``acme`` with what it may reach, and calls in its name.

    Calls of `call` are the host's, for the extension; those of ``jobs`` are a job's.
    """

    def __init__(self, runtime: Runtime, folder: Path, hosts: list[str]) -> None:
        self.runtime = runtime
        self.jobs = PythonJobs(runtime, folder / "extensions", methods=METHODS, network_access=hosts)

    def store(self, name: str, **credential: Any) -> None:
        """Keep a credential of the extension."""
        request = {"name": name, "credential": credential, "extension": self.jobs.extension}
        self.runtime.call("action:credentials.store", request, library_id=DEFAULT_LIBRARY)

    def password(self, user: str, password: str = PASSWORD, name: str = "mail") -> None:
        """The same, of a user with a password."""
        self.store(name, type="basic", username=user, password=password)

    def call(self, method: str, **request: Any) -> Any:
        """An answer.

        Raises:
            OperationError: the call failed.
        """
        return self.runtime.call(method, request, extension=self.jobs.extension, library_id=DEFAULT_LIBRARY)

    def uids(self, mailbox: dict[str, Any], limit: int = 100, **request: Any) -> list[int]:
        """The UIDs of all pages."""
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            page = self.call("query:mail.list", mailbox=mailbox, after_uid=after, limit=limit, **request)
            found += [message.uid for message in page.messages]
            after = page.next_uid
        return found


@contextlib.contextmanager
def mail_rig(
    folder: Path,
    *,
    ports: tuple[int, ...] = (),
    hosts: list[str] | None = None,
    ca_file: Path | None = None,
    settings: MailSettings | None = None,
    networks: tuple[str, ...] = ("127.0.0.0/8",),
    clock: ManualClock | None = None,
) -> Iterator[MailRig]:
    """A rig until the end of the block, that may reach these ports of this machine, with TLS and without it."""
    http = HttpSettings(private_networks=networks, ca_file=str(ca_file) if ca_file else None)
    made = RuntimeSettings(kill_grace=TIMEOUT, shutdown_grace=0.2, http=http, mail=settings or MailSettings(plain=True))
    allowed = hosts or [f"{scheme}{HOST}:{port}" for port in ports for scheme in ("", "http://")]
    with Runtime.open(folder / "data", settings=made, clock=clock) as runtime:
        yield MailRig(runtime, folder, allowed)


def tls(server: Dovecot, **fields: Any) -> dict[str, Any]:
    """A mailbox of the server, over TLS."""
    return {"type": "imap", "host": HOST, "port": server.tls_port, "credential": "mail", **fields}
