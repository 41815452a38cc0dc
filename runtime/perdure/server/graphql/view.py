"""The page of ``/graphql`` once strawberry is there: GraphQL over HTTP, subscriptions as server-sent events.

https://github.com/graphql/graphql-over-http and, for subscriptions, the distinct connections of
https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import uuid4

import msgspec
import strawberry
from cross_web import HTTPException  # what strawberry's view raises for a request that is none of GraphQL
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL

from perdure.api import operations
from perdure.api.endpoint import Endpoint
from perdure.api.errors import BadRequest, EngineUnavailable
from perdure.api.operations import ListOperations, OneOperation
from perdure.server.access.authenticating import owner
from perdure.server.graphql.asking import Asking
from perdure.server.graphql.fields import OperationShape
from perdure.server.graphql.problems import coded
from perdure.server.graphql.schema import make_schema
from perdure.server.web.reading.table import log_readers
from perdure.server.web.site import Site

# Documents that are carried out at once. A field of a thousand jobs takes Python a second, and the event loop has all
# other clients to see to: so documents have threads, and the rest of them waits.
AT_ONCE: Final = 4


class _View(GraphQL[Asking, None]):
    """Strawberry's view, which carries out documents on threads. Subscriptions take little at a time, and stay."""

    def __init__(self, schema: strawberry.Schema) -> None:
        super().__init__(
            schema,
            graphql_ide=None,  # it would be loaded from elsewhere
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_SSE_PROTOCOL,),
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="perdure-graphql")

    async def execute_single(self, *arguments: Any, **named: Any) -> Any:
        """Carry out a query or a mutation."""

        def work() -> Any:
            return asyncio.run(super(_View, self).execute_single(*arguments, **named))

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def process_result(self, request: Request, result: Any) -> Any:
        """What a document came to, with a code for all that went wrong."""
        if result.errors:
            result.errors = [coded(error) for error in result.errors]
        return await super().process_result(request, result)


class View:
    """Answers documents. The schema is made when the first comes: it has the operations that the engine has."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._readers = log_readers()
        self._making = asyncio.Lock()
        self._view: _View | None = None

    async def answer(self, asking: Asking, request: Request, body: bytes) -> Response:
        """What a document comes to.

        Raises:
            BadRequest: the body is no request of GraphQL.
            EngineUnavailable: the engine did not say which operations there are.
        """
        _check(body)
        view = await self._made()
        try:
            found: Any = await view.run(Request(request.scope, _replaying(body, request)), context=asking)
        except HTTPException as error:
            raise BadRequest(error.reason) from None
        answer: Response = found
        return answer

    def asking(self, site: Site, request: Request, caller: Any) -> Asking:
        """Who asks, for the fields."""
        header, loop = request.headers.get, asyncio.get_running_loop()
        return Asking(
            site, self._readers, caller, loop, header("authorization"), header("idempotency-key"), header("traceparent")
        )

    async def _made(self) -> _View:
        async with self._making:
            if self._view is None:
                shapes = await self._operations()
                schema: strawberry.Schema = await run_in_threadpool(make_schema, shapes)
                self._view = _View(schema)
            return self._view

    async def _operations(self) -> list[OperationShape]:
        found = await self._ask(operations.LIST, ListOperations())
        described = await asyncio.gather(*(self._ask(operations.GET, OneOperation(name=each.name)) for each in found))
        return [
            OperationShape(each.name, each.kind, each.description or each.summary, each.input, each.output)
            for each in described
        ]

    async def _ask(self, endpoint: Endpoint[Any, Any], request: msgspec.Struct) -> Any:
        answer = await self._site.link.ask(endpoint.name, owner(), uuid4(), msgspec.json.encode(request))
        if answer.status != endpoint.status:
            raise EngineUnavailable(f"it said {answer.status}")
        return msgspec.json.decode(answer.body, type=endpoint.answer)


def _check(body: bytes) -> None:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(str(error) or "it is nested too deep") from None
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise BadRequest('send an object, {"query": "…", "variables": {…}, "operationName": "…"}')


def _replaying(body: bytes, request: Request) -> Any:
    """The body once more, which was read under limits, and then what the client does."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else await request.receive()

    return receive
