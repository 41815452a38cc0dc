"""What a worker process does."""

from __future__ import annotations

import msgspec


class Task(msgspec.Struct, frozen=True):
    """A function that worker processes run.

    Attributes:
        function: ``package.module:name``, of ``(request: bytes) -> answer: bytes``; the module is imported in the child
            alone. It may raise `perdure.actors.operations.OperationFailed`.
        memory_bytes: the address space a process may have, all libraries counted.
        processes: how many there may be at once.
        extra: the extra of the distribution that its libraries belong to, said when one is missing.
        readable: files and folders that it may read beside Python and the system's libraries.
        calls: after how many a process is replaced by a new one, so that what a library leaks is given back.
    """

    function: str
    memory_bytes: int
    processes: int
    extra: str
    readable: tuple[str, ...] = ()
    calls: int = 500

    @property
    def name(self) -> str:
        """For people: the function's name."""
        return self.function.rpartition(":")[2]
