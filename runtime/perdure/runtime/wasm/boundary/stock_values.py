"""Values of the component model between `perdure.runtime.wasm.wit` and wasmtime-py's own forms of them.

wasmtime-py gives a variant, an option or a result without saying which case it is, as long as Python's class of the
value tells: `_classes` and `_is_tagged` are its rules (``VariantLikeType`` in its ``component/_types.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wasmtime.component import Record, Variant

from perdure.runtime.wasm.wit import (
    Case,
    EnumType,
    Err,
    ListType,
    Ok,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    VariantType,
    WitType,
)

_Cases = Mapping[str, WitType | None]
_PRIMITIVES: Final = {Primitive.STRING: str, Primitive.BOOL: bool, Primitive.F32: float, Primitive.U64: int}


def to_stock(kind: WitType, value: Any) -> Any:
    """A value of ours as wasmtime-py takes it."""
    match kind:
        case ListType():
            return [to_stock(kind.element, item) for item in value]
        case RecordType():
            record = Record()
            for (name, of), field in zip(kind.fields, value, strict=True):
                setattr(record, name, to_stock(of, field))
            return record
        case OptionType():
            return None if value is None else to_stock(kind.some, value)
        case ResultType():
            return _lowered(_cases(kind), "ok" if isinstance(value, Ok) else "err", value.value)
        case VariantType():
            return _lowered(_cases(kind), value.name, value.value)
    return value


def from_stock(kind: WitType, value: Any) -> Any:
    """A value of wasmtime-py as ours."""
    match kind:
        case ListType():
            return [from_stock(kind.element, item) for item in value]
        case RecordType():
            return tuple(from_stock(of, getattr(value, name)) for name, of in kind.fields)
        case OptionType():
            return None if value is None else from_stock(kind.some, value)
        case ResultType():
            name, found = _lifted(_cases(kind), value)
            return Ok(found) if name == "ok" else Err(found)
        case VariantType():
            return Case(*_lifted(_cases(kind), value))
    return value


def _cases(kind: ResultType | VariantType) -> _Cases:
    return dict(kind.cases) if isinstance(kind, VariantType) else {"ok": kind.ok, "err": kind.err}


def _lowered(cases: _Cases, name: str, value: Any) -> Any:
    of = cases[name]
    payload = None if of is None else to_stock(of, value)
    return Variant(name, payload) if _is_tagged(cases) else payload


def _lifted(cases: _Cases, value: Any) -> tuple[str, Any]:
    if _is_tagged(cases):
        name, value = value.tag, value.payload
    else:
        # A case without a value comes as None, which is of no class that a value has here.
        name = next(name for name, of in cases.items() if (type(value) in _classes(of) if of else value is None))
    of = cases[name]
    return name, None if of is None else from_stock(of, value)


def _is_tagged(cases: _Cases) -> bool:
    seen: set[type] = set()
    for of in cases.values():
        classes = _classes(of)
        if classes & seen:
            return True
        seen |= classes
    return False


def _classes(kind: WitType | None) -> set[type]:
    match kind:
        case None:
            return {object}
        case Primitive():
            return {_PRIMITIVES[kind]}
        case EnumType():
            return {str}
        case ListType():
            return {list}
        case RecordType():
            return {Record}
        case OptionType():
            return {object} | _classes(kind.some)
        case ResultType() | VariantType():
            cases = _cases(kind)
            return {Variant} if _is_tagged(cases) else set().union(*map(_classes, cases.values()))
    raise ValueError(f"no values of type {kind} are known")
