"""A real mail server, Dovecot, on loopback: every user has one password, or a token that a server of the test knows."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import trustme
from imapclient import IMAPClient
from tests.support.waiting import TIMEOUT, eventually
from tests.support.web_server import Visit, WebServer, web_server

HOST: Final = "127.0.0.1"
NAME: Final = "mail.test"  # what the certificate says, beside the address
PASSWORD: Final = "hunter2-of-the-mail-server"

_CONFIG: Final = """
protocols = imap
listen = {host}
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
ssl = yes
ssl_cert = <{base}/cert.pem
ssl_key = <{base}/key.pem
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
mail_location = maildir:{base}/mail/%u
mail_max_userip_connections = 100
first_valid_uid = 1
protocol imap {{
  imap_idle_notify_interval = 2 mins
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {base}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={user_group} home={base}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""
_OAUTH2: Final = """
introspection_mode = get
introspection_url = http://{host}:{port}/introspect?token=
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot:
    """A server that runs until the block of `dovecot` ends; `stop` and `start` it in between.

    ``tokens``: which tokens are good, and whose they are; ``asked``: the server that says so.
    """

    def __init__(self, base: Path, mechanisms: str, introspection: WebServer) -> None:
        self.base = base
        self.port, self.tls_port = _free_ports(2)
        self.tokens: dict[str, str] = {}
        self.introspection = introspection
        introspection.pages["/introspect"] = self._introspect
        self._authority = trustme.CA()
        self.ca_file = base / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        root = os.geteuid() == 0
        self._user = "nobody" if root else getpass.getuser()
        entry = pwd.getpwnam(self._user)
        self._owner = (entry.pw_uid, entry.pw_gid)
        self._write(mechanisms, root)

    def _write(self, mechanisms: str, root: bool) -> None:
        leaf = self._authority.issue_cert(NAME, HOST)
        leaf.cert_chain_pems[0].write_to_path(self.base / "cert.pem")
        leaf.private_key_pem.write_to_path(self.base / "key.pem")
        self._authority.cert_pem.write_to_path(self.ca_file)
        (self.base / "mail").mkdir()
        os.chown(self.base / "mail", *self._owner)
        me = getpass.getuser()
        (self.base / "dovecot.conf").write_text(
            _CONFIG.format(
                host=HOST,
                base=self.base,
                internal="dovecot" if root else me,
                login="dovenull" if root else me,
                group="dovecot" if root else self._owner[1],
                user=self._owner[0],
                user_group=self._owner[1],
                mechanisms=mechanisms,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
            )
        )
        (self.base / "oauth2.conf").write_text(_OAUTH2.format(host=HOST, port=self.introspection.port))

    def _introspect(self, visit: Visit) -> None:
        token = visit.seen.path.partition("token=")[2].partition("&")[0]
        user = self.tokens.get(token)
        body = f'{{"active": true, "username": "{user}"}}' if user else '{"active": false}'
        visit.reply(200, body.encode(), ("Content-Type", "application/json"))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None
        binary = shutil.which("dovecot") or "/usr/sbin/dovecot"
        self._process = subprocess.Popen(
            [binary, "-F", "-c", self.base / "dovecot.conf"], stderr=subprocess.PIPE, start_new_session=True
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            stderr = self._process.stderr
            raise AssertionError(f"Dovecot ended: {stderr.read().decode() if stderr else ''} {self.log()}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1) as tried:
            return tried.recv(4) == b"* OK"
        return False

    def stop(self) -> None:
        """End it, and every connection to it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()

    def kill(self) -> None:
        """The same without warning: the processes that serve connections, too."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.stop()

    def log(self) -> str:
        """What it logged."""
        log = self.base / "log"
        return log.read_text() if log.exists() else ""

    @contextlib.contextmanager
    def client(self, user: str) -> Iterator[IMAPClient]:
        """Somebody else at the user's mail."""
        with IMAPClient(HOST, self.port, ssl=False) as client:
            client.login(user, PASSWORD)
            yield client

    def deliver(self, user: str, *messages: bytes, folder: str = "") -> None:
        """Put messages into a user's INBOX, or another folder that is there."""
        maildir = self.base / "mail" / user / (f".{folder}" if folder else "")
        for part in ("new", "cur", "tmp"):
            (maildir / part).mkdir(parents=True, exist_ok=True)
        for path in (self.base / "mail" / user, maildir, *maildir.iterdir()):
            os.chown(path, *self._owner)
        begin = len(list((maildir / "new").iterdir())) + len(list((maildir / "cur").iterdir()))
        for number, message in enumerate(messages, begin):
            # As a delivery does: first beside the folder, for a reader sees whole files only.
            written = maildir / "tmp" / f"{1_700_000_000 + number}.M1P1.test"
            written.write_bytes(message)
            os.chown(written, *self._owner)
            written.rename(maildir / "new" / written.name)


@contextlib.contextmanager
def dovecot(mechanisms: str = "plain login xoauth2 oauthbearer") -> Iterator[Dovecot]:
    """A server for the tests of a module."""
    # Not below pytest's folders, which are for their user alone: a mail process is another one.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder, web_server({}) as introspection:
        base = Path(folder)
        base.chmod(0o755)
        server = Dovecot(base, mechanisms, introspection)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
