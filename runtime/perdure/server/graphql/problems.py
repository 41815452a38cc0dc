"""Errors in GraphQL: the same problems as elsewhere, in ``extensions``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from graphql import GraphQLError

from perdure.api.problems import Problem, problem_of


def graphql_error(problem: Problem) -> GraphQLError:
    """A problem as an error of GraphQL: its text, and all else in ``extensions``."""
    about: dict[str, Any] = msgspec.to_builtins(problem)
    return GraphQLError(about.pop("detail"), extensions=about)


def error_from(error: BaseException, request: UUID) -> GraphQLError:
    """What is said of an error."""
    return graphql_error(problem_of(error, request))
