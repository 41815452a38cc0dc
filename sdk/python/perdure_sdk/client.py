"""What typed clients of operations are made of; `perdure_sdk.clients` has those of the operations that ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID

from perdure_sdk.shapes import from_json

Answer = TypeVar("Answer")


class Caller(Protocol):
    """Who can call operations; a `JobContext` can."""

    def call(self, method: str, payload: object = None, *, library_id: UUID | str | None = None) -> Any:
        """The operation's answer."""


class Client:
    """The operations of a family, as methods.

    Args:
        caller: the job's context.
        library_id: the library to work in; the job's own if it is left out.
    """

    def __init__(self, caller: Caller, *, library_id: UUID | str | None = None) -> None:
        self._caller = caller
        self._library_id = library_id

    def in_library(self, library_id: UUID | str) -> Self:
        """The same client for another library than the job's; the extension has to be granted it."""
        return type(self)(self._caller, library_id=library_id)

    def _call(
        self,
        method: str,
        answer: type[Answer] | Any,
        payload: object,
        optional: Mapping[str, tuple[object, object]] | None = None,
    ) -> Answer:
        """Call an operation, and read its answer.

        Args:
            method: the operation.
            answer: the answer's type.
            payload: what is always said.
            optional: values with their defaults; a payload says no more than it must.

        Raises:
            CallError: the operation failed.
            StateError: the payload cannot be said in JSON, or the answer is not of this type, so that the host has
                another version of the operation.
        """
        if optional is not None:
            payload = {**dict(payload), **_changed(optional)}  # type: ignore[call-overload]  # a dict, where there are
        found: Answer = from_json(answer, self._caller.call(method, payload, library_id=self._library_id), "answer")
        return found


def _changed(fields: Mapping[str, tuple[object, object]]) -> dict[str, object]:
    return {
        name: value for name, (value, default) in fields.items() if type(value) is not type(default) or value != default
    }
