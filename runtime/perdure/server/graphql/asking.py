"""Fields ask endpoints, as clients over HTTP do: the same checks, the same log, the same answers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.errors import BadRequest
from perdure.api.problems import REFUSED, Problem, status_of
from perdure.server.access.authorising import authorise, require_scope
from perdure.server.access.caller import Caller
from perdure.server.graphql.problems import error_from, graphql_error
from perdure.server.web.reading.readers import Readers, read_in_time
from perdure.server.web.site import Site

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
    """Whoever asks: its token's caller, the header that showed it, its Idempotency-Key, and what traces it.

    ``loop`` is the web process' own, on which the engine is asked: documents are carried out by other threads.
    """

    site: Site
    readers: Readers
    caller: Caller
    loop: asyncio.AbstractEventLoop
    authorization: str | None = None
    key: str | None = None
    trace: str | None = None

    async def ask(self, endpoint: Endpoint[Any, Any], fields: dict[str, Any], alias: str) -> Any:
        """What the endpoint answers, as JSON. ``alias`` is the field's name in the answer.

        Raises:
            GraphQLError: the problem that a client over HTTP would get.
        """
        asked = asyncio.run_coroutine_threadsafe(self._ask(endpoint, fields, alias), self.loop)
        return await asyncio.wrap_future(asked)

    async def _ask(self, endpoint: Endpoint[Any, Any], fields: dict[str, Any], alias: str) -> Any:
        number = uuid4()
        try:
            message = message_of(self.caller, endpoint, fields, self.site)
            reader = self.readers.get(endpoint.name)
            if reader is not None:
                return await read_in_time(
                    lambda *about: msgspec.to_builtins(reader(*about)), self.site, self.caller, message
                )
            # each of several mutations in one request has a key of its own
            key = f"{self.key}/{alias}" if self.key is not None and endpoint.takes_key else None
            answer = await self.site.link.ask(
                endpoint.name, self.caller, number, msgspec.json.encode(message), key, self.trace
            )
        except Exception as error:  # the boundary: the client is told, whatever it is
            if status_of(error) is None:
                logger.exception("request %s (%s) failed", number, endpoint.name)
            raise error_from(error, number) from None
        if answer.status >= REFUSED:
            raise graphql_error(msgspec.json.decode(answer.body, type=Problem))
        return msgspec.json.decode(answer.body) if answer.body else True


def message_of(caller: Caller, endpoint: Endpoint[Any, Any], fields: dict[str, Any], site: Site) -> Any:
    """The endpoint's request, if the caller may make it.

    Raises:
        Forbidden: it may not.
        BadRequest: the fields make none.
        UnknownJob: see `authorise`.
    """
    require_scope(caller, endpoint)
    try:
        message = msgspec.convert(fields, endpoint.request)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadRequest(str(error)) from None
    authorise(caller, endpoint, message, site.store)
    return message
