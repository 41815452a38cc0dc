"""``python3 -m perdure.server.graphql.schema > docs/graphql.graphql``: the schema with the operations that ship.

Endpoints that read are queries, those that change something mutations, streams of events subscriptions. Names follow
from the tables: the endpoint ``jobs.by_key`` is the field ``jobsByKey``, the operation ``query:vdfs.read_sidecar`` the
field ``callVdfsReadSidecar``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from perdure.api.endpoint import Body, Endpoint
from perdure.api.jobs import Job
from perdure.api.schemas import endpoint_schemas
from perdure.api.table import ENDPOINTS
from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.declaration import Operation
from perdure.server.graphql.fields import Fields, OperationShape, is_asked, is_query
from perdure.server.graphql.limits import limits
from perdure.server.graphql.names import field_name, type_name
from perdure.server.graphql.scalars import SCALARS
from perdure.server.graphql.types import Types
from perdure.server.graphql.watching import watch

COMMAND: Final = "python3 -m perdure.server.graphql.schema > docs/graphql.graphql"


_ANSWERED_AT_ONCE: Final = {OperationType.QUERY, OperationType.MUTATION}


class Schema(strawberry.Schema):
    """A schema whose errors are told to the client, and not to the log: what nobody foresaw is there already."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing is left to do."""

    async def execute(self, *arguments: Any, **named: Any) -> Any:
        """Queries and mutations only: a subscription is answered by a stream."""
        return await super().execute(*arguments, **{**named, "allowed_operation_types": _ANSWERED_AT_ONCE})

    async def stream(self, *arguments: Any, **named: Any) -> Any:
        """Subscriptions only: what is asked once is answered at once."""
        return await super().stream(*arguments, **{**named, "allowed_operation_types": {OperationType.SUBSCRIPTION}})


def make_schema(
    operations: Iterable[OperationShape], endpoints: Iterable[Endpoint[Any, Any]] = ENDPOINTS
) -> strawberry.Schema:
    """The schema of some endpoints and operations."""
    found = tuple(endpoints)
    fields = Fields(Types(), endpoint_schemas(found, Job))
    queries: dict[str, Any] = {}
    mutations: dict[str, Any] = {}
    subscriptions: dict[str, Any] = {}
    for endpoint in found:
        if endpoint.body is Body.EVENTS:
            subscriptions[endpoint.name] = fields.of_events(endpoint, watch, f"{type_name(endpoint.name)}Message")
        elif is_asked(endpoint):
            (queries if is_query(endpoint) else mutations)[endpoint.name] = fields.of_endpoint(endpoint)
    for operation in _told_apart(operations):
        place = queries if operation.kind == "query" else mutations
        place[f"call.{operation.name}"] = fields.of_operation(operation)
    return Schema(
        query=_root("Query", queries),
        mutation=_root("Mutation", mutations),
        subscription=_root("Subscription", subscriptions),
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=limits(),
    )


def shape_of(operation: Operation) -> OperationShape:
    """What is to be known of an operation that is declared here."""
    taken, given = operation.schemas()
    return OperationShape(str(operation.name), operation.name.kind, operation.description, taken, given)


def _told_apart(operations: Iterable[OperationShape]) -> list[OperationShape]:
    """Those whose fields have names of their own; of two of a kind the first. The others are called over HTTP."""
    found: dict[tuple[str, str], OperationShape] = {}
    for operation in sorted(operations, key=lambda each: each.name):
        found.setdefault((operation.kind, field_name(operation.name.partition(":")[2])), operation)
    return list(found.values())


def _root(name: str, fields: dict[str, Any]) -> Any:
    members = {f"f{number}": field for number, field in enumerate(fields.values())}
    return strawberry.type(type(name, (), members), name=name) if members else None


if __name__ == "__main__":
    sys.stdout.write(f"{make_schema(map(shape_of, catalogue(discover=False)[0]))}\n")
