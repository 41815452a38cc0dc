"""What clients ask for, in the log: by whom, about what, and what it came to."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.runtime import Runtime
from perdure.server.link.messages import LinkAnswer, LinkRequest
from perdure.store.events import RequestAccepted, RequestAnswered, access_stream, extension_stream, job_stream

_FAILED: Final = 400  # HTTP's statuses from here on are refusals


class Entry(msgspec.Struct, frozen=True):
    """A request that is being worked on: its id, and the stream that has it."""

    request: UUID
    stream: str


class RequestLog:
    """Names clients in the log, before what they want is done and after."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def accept(self, asked: LinkRequest, endpoint: Endpoint[Any, Any], request: msgspec.Struct) -> Entry | LinkAnswer:
        """Record that it is about to be done. Durable. Returns an answer if it was done before, under its key."""
        target = target_of(request)
        entry = Entry(asked.request, access_stream(target))
        caller = asked.caller
        event = RequestAccepted(asked.request, caller.client, caller.name, endpoint.name, target)
        self._runtime.record_access(entry.stream, event)
        return entry

    def answered(self, entry: Entry, answer: LinkAnswer) -> None:
        """Record what it came to. Durable."""
        problem = _code_of(answer) if answer.status >= _FAILED else ""
        self._runtime.record_access(entry.stream, RequestAnswered(entry.request, answer.status, problem))


def target_of(request: msgspec.Struct) -> str:
    """What a request is about: ``job:ID``, ``extension:ID``, or empty."""
    job_id = getattr(request, "job_id", None)
    if isinstance(job_id, UUID):
        return job_stream(job_id)
    extension = getattr(request, "extension", None)
    return extension_stream(extension) if isinstance(extension, str) and extension else ""


def _code_of(answer: LinkAnswer) -> str:
    problem = msgspec.json.decode(answer.body)
    return str(problem.get("code", "")) if isinstance(problem, dict) else ""
