"""The engine: a runtime that answers the web process.

What a client asks for that changes something is in the log before it is done, with the client's name
(`RequestAccepted`), and again when it is done (`RequestAnswered`).
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from structlog.contextvars import bound_contextvars

from perdure.actors.hooks import TRACEPARENT
from perdure.api.endpoint import Endpoint
from perdure.api.errors import NotFound, TooMany
from perdure.api.problems import Problem, problem_of, retry_after_of
from perdure.runtime import Runtime
from perdure.server.engine.long_tasks import LongTasks
from perdure.server.engine.open_steppers import OpenSteppers
from perdure.server.engine.received import Received
from perdure.server.engine.request_log import RequestLog
from perdure.server.engine.uploads import Uploads
from perdure.server.link.messages import LinkAnswer, LinkRequest
from perdure.server.observation import Observation

if TYPE_CHECKING:
    from perdure.server.engine.handlers import Handler, Handlers

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
NO_CONTENT: Final = 204
VERIFICATIONS: Final = 2  # at once; each is a process
REHEARSALS: Final = 1  # at once; each is some processes


class Engine:
    """A runtime, and what clients may ask of it.

    Args:
        runtime: an open one; whoever opened it closes it.
        data: its data folder.
        handlers: the endpoints' functions.
        observation: what watches the runtime.
    """

    def __init__(
        self, runtime: Runtime, data: Path, handlers: Handlers, observation: Observation | None = None
    ) -> None:
        self.runtime = runtime
        self.observation = observation or Observation()
        self._handlers = handlers
        self._requests = RequestLog(runtime)
        self.steppers = OpenSteppers(runtime)
        self.uploads = Uploads(data, runtime.clock.now)
        self.verifications = LongTasks("verifications", VERIFICATIONS, runtime.clock.now)
        self.rehearsals = LongTasks("rehearsals", REHEARSALS, runtime.clock.now)
        self.reporting = threading.Lock()  # held while a report reads the whole history of an extension

    def close(self) -> None:
        """End what clients left open; the runtime stays. Idempotent."""
        self.steppers.close()
        self.verifications.close()
        self.rehearsals.close()
        self.uploads.close()

    def work(self, asked: LinkRequest) -> LinkAnswer:
        """Do what a client asks for, and say what it came to; never raises."""
        with bound_contextvars(request_id=str(asked.request), client=asked.caller.client):
            traced = TRACEPARENT.set(asked.trace or "")
            try:
                return self._work(asked)
            finally:
                TRACEPARENT.reset(traced)

    def _work(self, asked: LinkRequest) -> LinkAnswer:
        try:
            found = self._handlers.get(asked.endpoint)
            if found is None:
                raise NotFound(f"endpoint {asked.endpoint}")
            endpoint, handler = found
            request = msgspec.json.decode(asked.body, type=endpoint.request)
            if not endpoint.acts:
                return self._answer(asked, endpoint, handler(self, asked.caller, _with_file(asked, request)))
            return self._act(asked, endpoint, handler, request)
        except Exception as error:  # noqa: BLE001  # the boundary: the web process is told, whatever it is
            return self._problem(asked, error)

    def busy(self, asked: LinkRequest) -> LinkAnswer:
        """What is said to one request too many."""
        return self._problem(asked, TooMany("requests"))

    def _act(
        self, asked: LinkRequest, endpoint: Endpoint[Any, Any], handler: Handler, request: msgspec.Struct
    ) -> LinkAnswer:
        entry = self._requests.accept(asked, endpoint, request)
        if isinstance(entry, LinkAnswer):
            return entry  # it was done before, under the same key
        try:
            try:
                done = entry.done
                if done is None:
                    done = handler(self, asked.caller, _with_file(asked, entry.wanted))
                answer = self._answer(asked, endpoint, done)
            except Exception as error:  # noqa: BLE001  # told to the client, and to the log
                answer = self._problem(asked, error)
            self._requests.answered(entry, endpoint, answer)
        finally:
            self._requests.leave(entry)
        return answer

    def _answer(self, asked: LinkRequest, endpoint: Endpoint[Any, Any], answer: Any) -> LinkAnswer:
        if answer is None:
            return LinkAnswer(asked.number, NO_CONTENT, b"")
        return LinkAnswer(asked.number, endpoint.status, _encode(answer))

    def _problem(self, asked: LinkRequest, error: BaseException) -> LinkAnswer:
        problem: Problem = problem_of(error, asked.request)
        if problem.status == 500:
            logger.error("request %s (%s) failed", asked.request, asked.endpoint, exc_info=error)
        elif problem.status > 500:  # foreseen: the disk is full, the server stops
            logger.warning("request %s (%s) was not done: %s", asked.request, asked.endpoint, error)
        return LinkAnswer(asked.number, problem.status, _encode(problem), retry_after_of(error))


def _with_file(asked: LinkRequest, request: msgspec.Struct) -> msgspec.Struct | Received[Any]:
    """A request, with the file that came with it."""
    return request if asked.file is None else Received(request, Path(asked.file))
