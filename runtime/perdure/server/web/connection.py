"""One connection of a stranger: HTTP/1.1 as uvicorn and httptools speak it, with an end to everything.

uvicorn has no limit on a head, none on the time that a head or a body takes, and none on what a client leaves unread.
Here each has a deadline, which `Connections.look` sees to, so that no connection needs a timer of its own:

- a head has ``header_seconds`` from the connection, or from its first byte on;
- a body has ``body_seconds``, and a second more for each `RATE` bytes of it (as Apache's MinRate), but never more
  than ``body_seconds`` from what has come last;
- a client that takes nothing of what it is sent has ``write_seconds``;
- what is closed has `FLUSH` seconds for its last bytes.

What is refused is answered with a problem (RFC 9457) if an answer can still be one, and what else the client sends is
thrown away for `LINGER` seconds: a socket that is closed with something unread in it takes the answer back (RST).
"""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from perdure.api.errors import ApiError, HeadTooLarge, Malformed, TooSlow
from perdure.api.problems import MEDIA_TYPE, problem_of
from perdure.server.settings import ServerSettings
from perdure.server.web.connections import Connections
from perdure.server.web.heads import MAX_FIELDS, fault_of
from perdure.server.web.protections import PROTECTIONS

RATE: Final = 64 << 10  # bytes of a body that buy it a second
LINGER: Final = 2.0  # seconds
FLUSH: Final = 5.0  # seconds
_PIPELINED: Final = 16  # requests that may wait behind one another


class Connection(HttpToolsProtocol):
    """See the module's text."""

    def __init__(
        self, config: uvicorn.Config, state: ServerState, connections: Connections, settings: ServerSettings
    ) -> None:
        super().__init__(config, state, {})
        self.address = ""
        self._connections_of_all = connections
        self._settings = settings
        self._answering: RequestResponseCycle | None = None
        self._fault: ApiError | None = None
        self._in_body = False
        self._begun = False  # something has come of a request that is not whole
        self._head = 0  # bytes of a head that is not whole
        self._receive_due: float | None = None
        self._write_due: float | None = None
        self._end_due: float | None = None
        self._refused = False

    # --- what comes --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Somebody has connected."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self._connections_of_all.enter(self):
            transport.abort()
            return
        self._receive_due = self.loop.time() + self._settings.header_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._connections_of_all.leave(self)
        self._receive_due = self._write_due = self._end_due = None
        self.pipeline.clear()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        if self._refused:
            return  # thrown away; see the module's text
        self._head += len(data)
        self._expect_head()
        super().data_received(data)
        if not self._begun or self._in_body or self._refused:
            return
        self._expect_head()  # of a request that came behind another one
        if self._head > self._settings.max_head:
            self._refuse(HeadTooLarge(self._settings.max_head))

    def _expect_head(self) -> None:
        self._begun = True
        if self._receive_due is None:
            self._receive_due = self.loop.time() + self._settings.header_seconds

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begun, self._in_body = True, False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of its head has come; those behind a body are nobody's business."""
        if self._in_body:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_FIELDS:
            self._stop(HeadTooLarge(self._settings.max_head))

    def on_headers_complete(self) -> None:
        """Its head is there."""
        parser: Any = self.parser
        fault = fault_of(
            parser.get_http_version(), parser.get_method(), self.url, self.headers, self._settings.max_head
        )
        if fault is None and len(self.pipeline) >= _PIPELINED:
            fault = Malformed("too many requests one behind the other")
        if fault is not None:
            self._stop(fault)
        self._in_body, self._head = True, 0
        self._receive_due = self.loop.time() + self._settings.body_seconds
        self._connections_of_all.works(self)
        super().on_headers_complete()
        if parser.should_upgrade():  # there is nothing else to speak; what follows would not be read as HTTP
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Some of its body has come."""
        if self._receive_due is not None:
            self._receive_due = min(
                self._receive_due + len(body) / RATE, self.loop.time() + self._settings.body_seconds
            )
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is whole."""
        self._in_body = self._begun = False
        self._head = 0  # what of the next one has come with it is not much
        self._receive_due = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """The parser cannot read it; called where its error is handled."""
        fault = self._fault
        self._refuse(fault if fault is not None else Malformed(str(sys.exception() or msg).lower()))

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol is answered in this one; uvicorn would write a line for each."""

    def _stop(self, fault: ApiError) -> None:
        """Let the parser, which calls us, end."""
        self._fault = fault
        raise fault

    # --- what is answered --------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """A request was answered."""
        self._answering = None
        super().on_response_complete()
        if self._is_answering or self.transport.is_closing():
            return  # the next one is under way, which came behind it
        if self._in_body:
            self._end()  # it was refused before its body was there
        else:
            self._connections_of_all.waits(self)

    @property
    def _is_answering(self) -> bool:
        return self._answering is not None

    def pause_writing(self) -> None:
        """The client is slower than what it is sent."""
        super().pause_writing()
        self._write_due = self.loop.time() + self._settings.write_seconds

    def resume_writing(self) -> None:
        """It has taken some of it."""
        super().resume_writing()
        self._write_due = None

    def _refuse(self, error: ApiError) -> None:
        """Answer with a problem, and end."""
        if self._refused or self.transport.is_closing():
            return
        answering = self._answering
        if answering is not None and (answering is not self.cycle or not self._in_body):
            # The one before is still being answered: nothing may come in between, and nothing after it.
            self._refused = True
            answering.keep_alive = False
            self.pipeline.clear()
            return
        if answering is not None:
            answering.disconnected = True
            answering.message_event.set()
            if answering.response_started:
                self.transport.abort()
                return
        self.transport.write(_problem(error))
        self._end()

    def _end(self) -> None:
        """Say nothing more, and let the client see that."""
        self._refused = True
        self._unset_keepalive_if_required()
        self._receive_due = None
        self._end_due = self.loop.time() + LINGER
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    # --- its time ----------------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """End at once."""
        self.transport.abort()

    def look(self, now: float) -> None:
        """Give up what has taken longer than it may."""
        if self.transport.is_closing() and self._end_due is None:
            self._end_due = now + FLUSH
        if _is_over(self._end_due, now) or _is_over(self._write_due, now):
            self.transport.abort()
        elif _is_over(self._receive_due, now):
            self._receive_too_slow(now)

    def _receive_too_slow(self, now: float) -> None:
        if self.flow.read_paused:  # it is not the client who is slow
            self._receive_due = now + self._settings.body_seconds
        elif self._in_body:
            self._refuse(TooSlow(self._settings.body_seconds))
        elif self._begun:
            self._refuse(TooSlow(self._settings.header_seconds))
        else:
            self._receive_due = None
            self.transport.close()  # browsers connect in advance; nobody waits for an answer


def _is_over(due: float | None, now: float) -> bool:
    return due is not None and now >= due


def _problem(error: ApiError) -> bytes:
    number = uuid4()
    problem = problem_of(error, number)
    body = msgspec.json.encode(problem)
    fields = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", str(number).encode()),
        *PROTECTIONS,
    ]
    lines = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in fields), b"", body])
