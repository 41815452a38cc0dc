"""Servers: `perdure serve` as a process of its own, or around a runtime of this process."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from tests.support.waiting import eventually

from perdure.client.client import Client
from perdure.runtime import Runtime, RuntimeSettings
from perdure.server.daemon import Server
from perdure.server.settings import ServerSettings

_LINE = re.compile(r"at (\S+); token: (.+)$")
_QUIET = ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "PERDURE_DATA")


class ServerProcess:
    """``perdure serve`` on a folder, listening. A context manager: it is stopped at the end.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        token: the owner's.
        process: the engine; the web process is its child.
    """

    def __init__(self, data: Path, *words: object, port: int = 0, **environment: str) -> None:
        self.data = data
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        plain = {name: value for name, value in os.environ.items() if name not in _QUIET}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perdure.cli", "serve", "--data", data, "--port", str(port), *map(str, words)],
            env={**plain, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = _LINE.search(line.strip())
        if found is None:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no server: {line!r}\n{self.log}")
        self.address = found[1]
        self.token = Path(found[2]).read_text().strip()

    @property
    def port(self) -> int:
        """Where it listens on TCP."""
        port = urlsplit(self.address).port
        assert port is not None
        return port

    @property
    def log(self) -> str:
        """What it has written to standard error so far."""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def web(self) -> int:
        """The web process' id."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in map(int, children):
            with contextlib.suppress(OSError):
                if b"perdure.server.web.process" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
        raise AssertionError("there is no web process")

    def client(self, *, timeout: float = 60.0) -> Client:
        """A client over TCP with the owner's token."""
        return Client.connect(self.address, token=self.token, timeout=timeout)

    def kill(self) -> None:
        """SIGKILL to the engine; returns when the web process has noticed, and the port is free again."""
        self.process.kill()
        self.process.wait()
        eventually(self._port_is_free)

    def _port_is_free(self) -> bool:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; returns its exit code. A second call does nothing."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self._errors.close()


def server_on(folder: Path, *words: object, port: int = 0, **environment: str) -> ServerProcess:
    """A server on a data folder; ``words`` are more of its command line. Use it with ``with``."""
    return ServerProcess(folder, *words, port=port, **environment)


class Served(NamedTuple):
    """A runtime of this process, and the server around it."""

    runtime: Runtime
    server: Server
    data: Path

    @property
    def address(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return self.server.address

    @property
    def token(self) -> str:
        """The owner's."""
        return self.server.token_file.read_text().strip()

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, *, timeout: float = 60.0) -> Client:
        """A client over TCP with the owner's token."""
        return Client.connect(self.address, token=self.token, timeout=timeout)


@contextlib.contextmanager
def serving(
    folder: Path, settings: ServerSettings | None = None, *, runtime_settings: RuntimeSettings | None = None
) -> Iterator[Served]:
    """A runtime on a folder in this process, served on a free port: what a test does to it needs no HTTP."""
    wanted = settings or ServerSettings(port=0, log_level="error")
    with Runtime.open(folder, settings=runtime_settings) as runtime, Server(runtime, folder, wanted) as server:
        yield Served(runtime, server, folder)
