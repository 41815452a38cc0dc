"""Errors in GraphQL: the same problems as elsewhere, in ``extensions``."""

from __future__ import annotations

import logging
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from perdure.api.errors import BadRequest
from perdure.api.problems import Problem, problem_of

logger = logging.getLogger(__name__)

# What is wrong with a document, not with what carries it out.
_OF_DOCUMENTS: Final = (GraphQLError, InvalidOperationTypeError, CannotGetOperationTypeError)


def graphql_error(problem: Problem) -> GraphQLError:
    """A problem as an error of GraphQL: its text, and all else in ``extensions``."""
    about: dict[str, Any] = msgspec.to_builtins(problem)
    return GraphQLError(about.pop("detail"), extensions=about)


def error_from(error: BaseException, request: UUID) -> GraphQLError:
    """What is said of an error."""
    return graphql_error(problem_of(error, request))


def coded(error: GraphQLError) -> GraphQLError:
    """An error as clients are told it, with a code: a problem of a field has one, a document that is none gets one.

    What nobody foresaw says nothing but where the server's log has the rest.
    """
    if error.extensions and "code" in error.extensions:
        return error
    original, number = error.original_error, uuid4()
    if original is None or isinstance(original, _OF_DOCUMENTS):
        found = error_from(BadRequest(error.message), number)
    else:
        logger.error("request %s (graphql) failed", number, exc_info=original)
        found = error_from(original, number)
    return GraphQLError(
        found.message, error.nodes, error.source, error.positions, error.path, extensions=found.extensions
    )
