"""ABI 2 as tables: what a component may import and has to export, and the check of a component against them.

``sdk/wit/extension.wit`` in the types of `perdure.runtime.wasm.wit`; a test compares the two.
"""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.runtime.wasm.component_inspect import ComponentInterface
from perdure.runtime.wasm.errors import BadExport, ExportProblem, ForbiddenImport, ForbiddenImports
from perdure.runtime.wasm.wit import (
    EnumType,
    FunctionType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    VariantType,
)

TYPES: Final = "perdure:extension/types@1.0.0"
HOST: Final = "perdure:extension/host@1.0.0"

_STRING, _BOOL, _U64, _F32 = Primitive.STRING, Primitive.BOOL, Primitive.U64, Primitive.F32
_LOG_LEVEL: Final = EnumType(("debug", "info", "warn", "error"))
_INTERRUPT: Final = EnumType(("proceed", "pause", "cancel"))
ERROR_CODE: Final = EnumType(
    (
        "permission-denied",
        "library-denied",
        "rate-limited",
        "unknown-method",
        "invalid-payload",
        "not-found",
        "failed",
        "unavailable",
    )
)
_CALL_ERROR: Final = RecordType(
    (("code", ERROR_CODE), ("message", _STRING), ("retry-after-ms", OptionType(_U64)), ("answer", _STRING))
)
_JOB_TYPE: Final = RecordType((("name", _STRING), ("resumable", _BOOL)))
_JOB_CONTEXT: Final = RecordType((("job-id", _STRING), ("library-id", _STRING)))
_FAILURE: Final = RecordType((("kind", _STRING), ("message", _STRING), ("traceback", OptionType(_STRING))))
_RUN_ERROR: Final = VariantType((("interrupted", None), ("failed", _FAILURE)))

IMPORTS: Final[dict[str, FunctionType]] = {
    "call": FunctionType(
        (("method", _STRING), ("library-id", OptionType(_STRING)), ("payload", _STRING)),
        ResultType(_STRING, _CALL_ERROR),
    ),
    "log": FunctionType((("level", _LOG_LEVEL), ("message", _STRING))),
    "report-progress": FunctionType((("fraction", _F32), ("message", _STRING))),
    "checkpoint": FunctionType((("state", _STRING),), ResultType()),
    "check-interrupt": FunctionType((), _INTERRUPT),
    "add-warning": FunctionType((("message", _STRING),)),
    "increment-bytes": FunctionType((("bytes", _U64),)),
    "increment-items": FunctionType((("count", _U64),)),
    "register-job": FunctionType((("name", _STRING), ("resumable", _BOOL)), ResultType(None, _STRING)),
}
EXPORTS: Final[dict[str, FunctionType]] = {
    "describe": FunctionType((), ListType(_JOB_TYPE)),
    "initialise": FunctionType((), ResultType(None, _STRING)),
    "clean-up": FunctionType((), ResultType(None, _STRING)),
    "run": FunctionType(
        (("job", _STRING), ("context", _JOB_CONTEXT), ("state", OptionType(_STRING))),
        ResultType(OptionType(_STRING), _RUN_ERROR),
    ),
}


class ComponentTypes(msgspec.Struct, frozen=True):
    """What wasmtime says of a compiled component: the functions of each imported instance, and those exported."""

    imports: dict[str, dict[str, FunctionType]]
    exports: dict[str, FunctionType]


def check_names(interface: ComponentInterface) -> None:
    """Whether a component asks for nothing but what there is, and exports what it has to.

    Raises:
        ForbiddenImports: it imports what is not offered; the error lists every such import.
        BadExport: exports are missing; the error lists every one.
    """
    # Types are no more than names: a world that uses those of an interface imports them again.
    offered = {(TYPES, "instance"), (HOST, "instance")}
    forbidden = tuple(
        ForbiddenImport("", item.name, item.kind, _reason(item.name))
        for item in interface.imports
        if item.kind != "type" and (item.name, item.kind) not in offered
    )
    if forbidden:
        raise ForbiddenImports(forbidden)
    found = {item.name: item.kind for item in interface.exports}
    problems = tuple(
        ExportProblem(name, str(expected), found.get(name, ""))
        for name, expected in EXPORTS.items()
        if found.get(name) != "function"
    )
    if problems:
        raise BadExport(problems)


def check_types(types: ComponentTypes) -> None:
    """Whether the functions are of the right types. Of the host's functions only those that it imports count.

    Raises:
        ForbiddenImports, BadExport: they are not; the error lists every one.
    """
    imported = types.imports.get(HOST, {})
    forbidden = tuple(
        ForbiddenImport(HOST, name, "function", _type_reason(name, found))
        for name, found in imported.items()
        if IMPORTS.get(name) != found
    )
    if forbidden:
        raise ForbiddenImports(forbidden)
    problems = tuple(
        ExportProblem(name, str(expected), str(types.exports.get(name, "")))
        for name, expected in EXPORTS.items()
        if types.exports.get(name) != expected
    )
    if problems:
        raise BadExport(problems)


def _reason(name: str) -> str:
    if name.startswith("wasi:"):
        return "an extension gets no WASI; build it with --stub-wasi, or without what needs it"
    return f"only {HOST!r} is offered"


def _type_reason(name: str, found: FunctionType) -> str:
    expected = IMPORTS.get(name)
    return "there is no such function" if expected is None else f"its type is {found}, it must be {expected}"
