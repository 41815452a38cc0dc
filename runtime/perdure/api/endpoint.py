"""What an endpoint of the API is: its name, its path, what it takes and what it answers.

The endpoints in `perdure.api.table` are the contract of the server with its clients. The server makes routes of them,
`perdure.client` requests, `perdure.api.openapi` the OpenAPI document and `perdure.server.graphql` fields, all from the
same types.

Where a field of a request goes over HTTP follows from the endpoint: what the path names in braces is in the path; else
it is in the query where nothing is changed (GET, DELETE), and in a JSON body otherwise.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

import msgspec

from perdure.api.scopes import Scope

_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")

Verb = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Request = TypeVar("Request", bound=msgspec.Struct)
Answer = TypeVar("Answer")


class Body(enum.StrEnum):
    """What comes and goes."""

    JSON = "json"  # a JSON body or a query; a JSON answer
    EVENTS = "events"  # answered by server-sent events whose data are JSON of the answer's type
    DOWNLOAD = "download"  # answered by the bytes of a file
    UPLOAD = "upload"  # the body is the bytes of a file, everything else is in path and query; a JSON answer


@dataclass(frozen=True)
class Endpoint(Generic[Request, Answer]):
    """One endpoint.

    Attributes:
        name: ``jobs.pause``: what the log, the metrics and GraphQL call it.
        verb, path: of HTTP; the path begins with ``/v1/`` and may have ``{fields}`` of the request in it.
        scope: what a token needs.
        request: a struct; fields called ``job_id``, ``extension`` and ``library_id`` say what it is about, and a token
            that is for some libraries or extensions only opens those.
        answer: what is answered, a struct or a list of them; ``None`` is 204 without a body.
        summary: one line for people.
        acts: whether it changes something, or shows what was secret; then the log names the client before it is done,
            and an ``Idempotency-Key`` is honoured.
        only_shows: of what acts: it changes nothing but the log, which names whoever asked. It may be asked for again
            as it is: a key has nothing to keep from being done twice, and is not looked at.
        status: HTTP's, of success.
        body: see `Body`.
        media: the type of the bytes that come or go, of downloads and uploads.
    """

    name: str
    verb: Verb
    path: str
    scope: Scope
    request: type[Request]
    answer: type[Answer]
    summary: str
    acts: bool = False
    only_shows: bool = False
    status: int = 200
    body: Body = Body.JSON
    media: str = "application/octet-stream"

    @property
    def takes_key(self) -> bool:
        """Whether an ``Idempotency-Key`` may come with it."""
        return self.acts and not self.only_shows

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The request's fields that stand in the path, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def query_fields(self) -> tuple[str, ...]:
        """Those that stand in the query."""
        if self.verb not in ("GET", "DELETE") and self.body is not Body.UPLOAD:
            return ()
        return tuple(name for name in self.request.__struct_fields__ if name not in self.path_fields)

    @property
    def body_fields(self) -> tuple[str, ...]:
        """Those that stand in the JSON body."""
        elsewhere = {*self.path_fields, *self.query_fields}
        return tuple(name for name in self.request.__struct_fields__ if name not in elsewhere)
