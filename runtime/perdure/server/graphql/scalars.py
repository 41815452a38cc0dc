"""Scalars: values of JSON that GraphQL has no type for. They go through as they are; endpoints check what comes."""

from __future__ import annotations

from typing import Any, Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

Long = NewType("Long", int)
Time = NewType("Time", str)
Uuid = NewType("Uuid", str)
Base64 = NewType("Base64", str)
Json = NewType("Json", object)


def _scalar(name: str, description: str, url: str | None = None) -> ScalarDefinition:
    made: Any = strawberry.scalar(
        name=name, description=description, serialize=_same, parse_value=_same, specified_by_url=url
    )
    found: ScalarDefinition = made
    return found


def _same(value: Any) -> Any:
    return value


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Long: _scalar("Long", "A whole number of up to 64 bits."),
    Time: _scalar("DateTime", "A time as RFC 3339 has it, in UTC.", "https://datatracker.ietf.org/doc/html/rfc3339"),
    Uuid: _scalar("UUID", "A UUID, as RFC 9562 writes it.", "https://datatracker.ietf.org/doc/html/rfc9562"),
    Base64: _scalar("Base64", "Bytes, as RFC 4648 writes them.", "https://datatracker.ietf.org/doc/html/rfc4648"),
    Json: _scalar("JSON", "Anything that JSON can say; fields in it have the names of the log."),
}
