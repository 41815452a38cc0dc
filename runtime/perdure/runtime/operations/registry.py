"""The one list of operations: an operation is a name, a version, and a typed Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.permissions import OperationName

In = TypeVar("In", bound=msgspec.Struct)
Out = TypeVar("Out", bound=msgspec.Struct)


class CallContext(msgspec.Struct, frozen=True):
    """On whose behalf an operation runs."""

    extension: str
    job_id: UUID
    library_id: UUID


class Operation(msgspec.Struct, frozen=True):
    """A registered operation; ``run`` takes and returns UTF-8 JSON."""

    name: OperationName
    run: Callable[[CallContext, bytes], bytes]


class OperationRegistry:
    """Operations by name and version."""

    def __init__(self) -> None:
        self._operations: dict[OperationName, Operation] = {}

    def register(
        self,
        name: OperationName,
        input_type: type[In],
        output_type: type[Out],
        handler: Callable[[CallContext, In], Out],
    ) -> None:
        """Add an operation; its input is validated against ``input_type`` before ``handler`` sees it.

        Raises:
            ValueError: there is an operation of this name and version already.
        """
        if name in self._operations:
            raise ValueError(f"operation {name} is registered already")
        decode = msgspec.json.Decoder(input_type).decode
        encode = msgspec.json.Encoder().encode

        def run(context: CallContext, payload: bytes) -> bytes:
            try:
                value = decode(payload)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise OperationFailed("invalid_payload", f"invalid payload: {error}") from None
            answer: Any = handler(context, value)
            return encode(answer)

        self._operations[name] = Operation(name, run)

    def get(self, name: OperationName) -> Operation | None:
        """The operation, or None."""
        return self._operations.get(name)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())
