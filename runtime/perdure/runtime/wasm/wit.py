"""The types of the component model, as far as an ABI here uses them, and their text in WIT.

Pure. A value of each type in Python: ``string`` is `str`, ``bool`` is `bool`, ``f32`` is `float`, ``u64`` is `int`, an
enum is the name of its case, an option is the value or None, a list is a `list`, a record is a `tuple` in the order of
its fields, a variant is `Case`, a result is `Ok` or `Err`.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class Primitive(enum.Enum):
    """A type without parts."""

    STRING = "string"
    BOOL = "bool"
    F32 = "f32"
    U64 = "u64"

    def __str__(self) -> str:
        return self.value


class EnumType(msgspec.Struct, frozen=True):
    """One of some names."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"enum {{{', '.join(self.names)}}}"


class OptionType(msgspec.Struct, frozen=True):
    """A value, or nothing."""

    some: WitType

    def __str__(self) -> str:
        return f"option<{self.some}>"


class ListType(msgspec.Struct, frozen=True):
    """Any number of values."""

    element: WitType

    def __str__(self) -> str:
        return f"list<{self.element}>"


class ResultType(msgspec.Struct, frozen=True):
    """Success or failure, each with or without a value."""

    ok: WitType | None = None
    err: WitType | None = None

    def __str__(self) -> str:
        if self.err is None:
            return "result" if self.ok is None else f"result<{self.ok}>"
        return f"result<{'_' if self.ok is None else self.ok}, {self.err}>"


class RecordType(msgspec.Struct, frozen=True):
    """Named fields."""

    fields: tuple[tuple[str, WitType], ...]

    def __str__(self) -> str:
        return f"record {{{', '.join(f'{name}: {kind}' for name, kind in self.fields)}}}"


class VariantType(msgspec.Struct, frozen=True):
    """One of some cases, each with or without a value."""

    cases: tuple[tuple[str, WitType | None], ...]

    def __str__(self) -> str:
        shown = (name if kind is None else f"{name}({kind})" for name, kind in self.cases)
        return f"variant {{{', '.join(shown)}}}"


class UnknownType(msgspec.Struct, frozen=True):
    """A type that no ABI here uses; ``text`` is its kind."""

    text: str

    def __str__(self) -> str:
        return self.text


WitType = Primitive | EnumType | OptionType | ListType | ResultType | RecordType | VariantType | UnknownType


class FunctionType(msgspec.Struct, frozen=True):
    """A function's parameters with their names, and its result if it has one."""

    parameters: tuple[tuple[str, WitType], ...] = ()
    result: WitType | None = None

    def __str__(self) -> str:
        shown = ", ".join(f"{name}: {kind}" for name, kind in self.parameters)
        return f"func({shown})" if self.result is None else f"func({shown}) -> {self.result}"


class Ok(msgspec.Struct, frozen=True):
    """A result that is a success."""

    value: Any = None


class Err(msgspec.Struct, frozen=True):
    """A result that is a failure."""

    value: Any = None


class Case(msgspec.Struct, frozen=True):
    """One case of a variant."""

    name: str
    value: Any = None


class ValueMismatch(Exception):
    """A value of a component is not of the expected type. ``expected`` is the type, ``found`` what tells the other."""

    def __init__(self, expected: WitType, found: object) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"a value of kind {found} where {expected} was expected")
