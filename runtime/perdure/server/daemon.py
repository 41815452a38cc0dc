"""The server: an engine, the sockets, and the web process that is kept alive."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from perdure.api.errors import CannotListen, EngineUnavailable
from perdure.api.scopes import Scope
from perdure.api.unix_socket import socket_path
from perdure.runtime import Runtime
from perdure.runtime.access.tokens import token_of
from perdure.server.engine.engine import Engine
from perdure.server.engine.table import engine_handlers
from perdure.server.link.engine_end import EngineEnd
from perdure.server.listening import listen_tcp, listen_unix
from perdure.server.observation import Observation
from perdure.server.settings import ServerSettings, WebOrder

logger = logging.getLogger(__name__)

TOKEN_FILE: Final = "server.token"  # noqa: S105  # a file's name
_START: Final = 60.0  # seconds that the web process may take to listen
_LOOK: Final = 0.1  # seconds between two looks whether it has died instead
_AGAIN: Final = (0.0, 0.1, 0.5, 2.0, 5.0)  # seconds before it is started again; the last one from then on
_STEADY: Final = 30.0  # seconds after which it counts as having run well
_OWNER: Final = "perdure serve"


class Server:
    """Serves a runtime, from construction to `close`. A context manager; closing is idempotent.

    Attributes:
        address: where it listens, ``http://127.0.0.1:7373``.
        token_file: where the owner's token for browsers and programs is, readable by the owner only.

    Raises:
        CannotListen: an address is taken, or must not be used so.
        EngineUnavailable: the web process does not start.
    """

    def __init__(
        self,
        runtime: Runtime,
        data: Path,
        settings: ServerSettings | None = None,
        observation: Observation | None = None,
    ) -> None:
        self._settings = settings or ServerSettings()
        self._data = data
        self._engine = Engine(runtime, data, engine_handlers(), observation)
        self.token_file = _own_token(runtime, data)
        self._tcp = listen_tcp(self._settings)
        try:
            self._unix = listen_unix(data)
        except CannotListen:
            self._tcp.close()
            raise
        self.port: int = self._tcp.getsockname()[1]
        scheme = "https" if self._settings.certificate is not None else "http"
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        self.address = f"{scheme}://{host}:{self.port}"
        self.restarts = 0
        self._closing = threading.Event()
        self._changing = threading.Lock()
        self._link: EngineEnd | None = None
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._begin()
        except BaseException:
            self._give_back()
            raise
        self._keeper = threading.Thread(target=self._keep, name="perdure-web-keeper", daemon=True)
        self._keeper.start()

    def _begin(self) -> None:
        """Start the web process, and wait until it listens."""
        ours, theirs = socket.socketpair()
        inherited = (theirs.fileno(), self._tcp.fileno(), self._unix.fileno())
        order = WebOrder(
            data=str(self._data),
            settings=self._settings,
            link=inherited[0],
            tcp=inherited[1],
            unix=inherited[2],
            port=self.port,
            restarts=self.restarts,
        )
        command = [sys.executable, "-P", "-m", "perdure.server.web.process", msgspec.json.encode(order).decode()]
        with theirs, self._changing:
            if self._closing.is_set():
                ours.close()
                return
            try:
                self._process = subprocess.Popen(  # noqa: S603  # ourselves
                    command,
                    stdin=subprocess.DEVNULL,
                    pass_fds=inherited,
                    start_new_session=True,  # Ctrl-C at a terminal is for the engine to handle
                )
                self._link = EngineEnd(ours, self._engine.work, self._engine.busy)
            except BaseException:
                ours.close()
                raise
        self._wait_for(self._process, self._link)

    def _wait_for(self, process: subprocess.Popen[bytes], link: EngineEnd) -> None:
        deadline = time.monotonic() + _START
        while not link.listening.wait(_LOOK) and not self._closing.is_set():
            if process.poll() is not None or time.monotonic() > deadline:
                raise EngineUnavailable("the web process did not start; what it says on standard error says why")

    def _keep(self) -> None:
        """Start the web process again whenever it dies: jobs go on meanwhile, and clients wait in the backlog."""
        tries = 0
        while (process := self._process) is not None:
            try:
                process.wait(_STEADY)
            except subprocess.TimeoutExpired:
                tries = 0
                continue
            if self._closing.is_set():
                return
            logger.error("the web process ended (%s); starting it again", process.returncode)
            self._end_link()
            if self._closing.wait(_AGAIN[min(tries, len(_AGAIN) - 1)]):
                return
            tries += 1
            self.restarts += 1
            try:
                self._begin()
            except EngineUnavailable as error:
                logger.error("%s", error)
                self._kill()
            except Exception:  # no process, no thread, no file: there may be one after a while
                logger.exception("the web process cannot be started now")
                self._kill()

    @property
    def is_serving(self) -> bool:
        """Whether the web process runs and lets clients in."""
        process, link = self._process, self._link
        return process is not None and process.poll() is None and link is not None and link.listening.is_set()

    def close(self) -> None:
        """Let requests that are being worked on end, within the settings' ``grace``, and serve nobody any more."""
        with self._changing:
            if self._closing.is_set():
                return
            self._closing.set()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(self._settings.drain + self._settings.grace + 5)
            except subprocess.TimeoutExpired:
                self._kill()
        self._keeper.join()
        self._give_back()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _end_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _give_back(self) -> None:
        self._kill()
        self._engine.close()  # or a request that uses a stepper would go on
        self._end_link()
        self._tcp.close()
        self._unix.close()
        with contextlib.suppress(OSError):
            socket_path(self._data).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _own_token(runtime: Runtime, data: Path) -> Path:
    """The owner's own token: in a file that only the owner may read; made when there is none that opens anything."""
    path = data / TOKEN_FILE
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if token_of(runtime.store, path.read_text().strip(), runtime.clock.now()) is not None:
            return path
    issued = runtime.issue_token(_OWNER, [Scope.ADMIN], by=f"owner:{os.getuid()}")
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(issued.text + "\n")
    fresh.replace(path)
    return path
