"""``query:random.bytes``: random bytes of the host's. They are recorded, so a guest that is run again gets the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query

MAX_RANDOM_BYTES: Final = 1_024


class AskBytes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many."""

    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_RANDOM_BYTES)]


class BytesAnswer(msgspec.Struct, frozen=True):
    """The bytes. They stand in the log in clear, so they are no key and no password."""

    data: bytes = msgspec.field(name="bytes")


class RandomOperations:
    """The handler, on a source of randomness: a function like `os.urandom`."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy

    @query("random.bytes", scope="core")
    def draw(self, context: CallContext, request: AskBytes) -> BytesAnswer:
        """Random bytes, to seed a generator with.

        They are recorded in clear, because a proof needs them: whoever reads the log knows what was drawn from them.
        """
        return BytesAnswer(self._entropy(request.count))


def random_operations(entropy: Callable[[int], bytes]) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered."""
    return (RandomOperations(entropy).draw,)
