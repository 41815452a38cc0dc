"""The types of a compiled component, as wasmtime tells them."""

from __future__ import annotations

from typing import Any

import wasmtime
from wasmtime import component

from perdure.runtime.wasm.wit import (
    EnumType,
    FunctionType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    UnknownType,
    VariantType,
    WitType,
)

_PRIMITIVES = {
    component.String: Primitive.STRING,
    component.Bool: Primitive.BOOL,
    component.F32: Primitive.F32,
    component.U64: Primitive.U64,
}


# A type can be told in far more words than it takes to write it (a record of two records of two records …), and the
# component is a stranger's: so many parts are told of one component, and the rest is unknown.
_MAX_PARTS = 2_000


def imported_functions(code: component.Component, engine: wasmtime.Engine) -> dict[str, dict[str, FunctionType]]:
    """The functions of each instance that the component imports, by the instance's name."""
    tell = _Teller()
    instances = ((name, item.ty) for name, item in code.type.imports(engine).items())
    return {
        name: tell.functions(kind.exports(engine))
        for name, kind in instances
        if isinstance(kind, component.ComponentInstanceType)
    }


def exported_functions(code: component.Component, engine: wasmtime.Engine) -> dict[str, FunctionType]:
    """The functions that the component exports itself, not within an instance."""
    return _Teller().functions(code.type.exports(engine))


class _Teller:
    """Tells at most `_MAX_PARTS` parts of types."""

    def __init__(self) -> None:
        self._left = _MAX_PARTS

    def functions(self, items: dict[str, Any]) -> dict[str, FunctionType]:
        types = ((name, item.ty) for name, item in items.items())
        return {name: self._function(kind) for name, kind in types if isinstance(kind, component.FuncType)}

    def _function(self, kind: component.FuncType) -> FunctionType:
        parameters = tuple((name, self._type(of)) for name, of in kind.params)
        return FunctionType(parameters, self._optional(kind.result))

    def _optional(self, kind: Any) -> WitType | None:
        return None if kind is None else self._type(kind)

    def _type(self, kind: Any) -> WitType:
        self._left -= 1
        if self._left < 0:
            return UnknownType("too large a type")
        primitive = _PRIMITIVES.get(type(kind))
        if primitive is not None:
            return primitive
        match kind:
            case component.EnumType():
                return EnumType(tuple(kind.names))
            case component.OptionType():
                return OptionType(self._type(kind.payload))
            case component.ResultType():
                return ResultType(self._optional(kind.ok), self._optional(kind.err))
            case component.RecordType():
                return RecordType(tuple((name, self._type(of)) for name, of in kind.fields))
            case component.ListType():
                return ListType(self._type(kind.element))
            case component.VariantType():
                return VariantType(tuple((name, self._optional(of)) for name, of in kind.cases))
        return UnknownType(type(kind).__name__.removesuffix("Type").lower())
