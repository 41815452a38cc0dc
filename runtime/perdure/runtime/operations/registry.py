"""The one list of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from perdure.runtime.errors import DuplicateOperation
from perdure.runtime.operations.declaration import Operation, operation_of
from perdure.runtime.permissions import OperationName


class OperationRegistry:
    """Operations by name and version. Thread-safe for readers beside one writer."""

    def __init__(self) -> None:
        self._operations: dict[OperationName, Operation] = {}

    def register(self, *handlers: Callable[..., Any]) -> None:
        """Add operations: functions, methods or instances that are decorated with `query` or `action`; all or none.

        Raises:
            BadOperation: one of them is not what an operation must be.
            DuplicateOperation: there is an operation of this name and version already.
        """
        found: dict[OperationName, Operation] = {}
        for handler in handlers:
            operation = operation_of(handler)
            if operation.name in self._operations or operation.name in found:
                raise DuplicateOperation(str(operation.name))
            found[operation.name] = operation
        self._operations = {**self._operations, **found}

    def replace(self, operations: Iterable[Operation]) -> None:
        """Have these operations and no others: for trials, whose operations a test answers."""
        self._operations = {operation.name: operation for operation in operations}

    def get(self, name: OperationName) -> Operation | None:
        """The operation, or None."""
        return self._operations.get(name)

    def summaries(self) -> dict[OperationName, str]:
        """What each operation does, in a line."""
        return {operation.name: operation.summary for operation in self}

    def __iter__(self) -> Iterator[Operation]:
        """All operations, by kind, name and version."""
        order = sorted(self._operations.values(), key=lambda one: (one.name.kind, one.name.name, one.name.version))
        return iter(order)

    def __len__(self) -> int:
        return len(self._operations)
