"""Machine code that stands in no file: in memory, where nobody else can change it."""

from __future__ import annotations

import os

import wasmtime

from perdure.runtime.wasm.code import Code, FileInterface, assemble, deserialise, deserialise_file, part_code


class KeptCode:
    """The machine code of one module or component.

    Where the system has files without a name (Linux), it is mapped from such, one for each piece: the 39 MB of a Python
    guest load in 4 ms then, and in 120 ms out of bytes.
    """

    def __init__(self, code: bytes) -> None:
        """Take what `perdure.runtime.wasm.code.Code` serialises to.

        Raises:
            wasmtime.WasmtimeError: it is damaged.
        """
        self._code = code
        self._main: int | None = None
        self._parts: dict[str, int] = {}
        if hasattr(os, "memfd_create"):
            pieces = part_code(code)
            self._main = _file(pieces.main)
            for name, part in pieces.parts.items():
                self._parts[name] = _file(part)
            self._code = b""

    def load(self, engine: wasmtime.Engine, interface: FileInterface) -> Code:
        """Load it into an engine.

        Raises:
            wasmtime.WasmtimeError: it is of another wasmtime, of other settings, or of another processor.
        """
        if self._main is None:
            return deserialise(engine, interface, self._code)
        main = deserialise_file(engine, interface, _path(self._main))
        parts = {name: wasmtime.Module.deserialize_file(engine, _path(part)) for name, part in self._parts.items()}
        return assemble(engine, main, parts)

    def close(self) -> None:
        """Forget it; what was loaded stays. Idempotent."""
        if self._main is not None:
            os.close(self._main)
            self._main = None
        while self._parts:
            os.close(self._parts.popitem()[1])

    def __del__(self) -> None:
        self.close()


def _file(code: bytes) -> int:
    descriptor = os.memfd_create("machine-code", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(code)
    return descriptor


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"
