"""ABI 1 as tables: the nine imports, the exports, and the check of a module against them.

The imports' types are stated here and nowhere else: the check and the linker read the same table.
"""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.runtime.guests.job_types import JOB_EXPORT_PREFIX, is_job_name
from perdure.runtime.wasm.errors import BadExport, ExportProblem, ForbiddenImport, ForbiddenImports
from perdure.runtime.wasm.inspect import Interface, Item, MemoryShape, Signature, kind_of

IMPORT_MODULE: Final = "spacedrive"


class HostImport(msgspec.Struct, frozen=True):
    """One import: its type, and what a guest that is being stopped gets back until it reaches a fuel check."""

    signature: Signature
    when_stopped: int | None


def _takes(*parameters: str) -> HostImport:
    return HostImport(Signature(parameters, ()), None)


def _answers(when_stopped: int, *parameters: str) -> HostImport:
    return HostImport(Signature(parameters, ("i32",)), when_stopped)


# A stopped guest hears what makes a well-behaved one give up: no answer, not stored, cancel, refused.
HOST_IMPORTS: Final[dict[str, HostImport]] = {
    "spacedrive_call": _answers(0, "i32", "i32", "i32", "i32", "i32"),
    "spacedrive_log": _takes("i32", "i32", "i32"),
    "job_report_progress": _takes("i32", "f32", "i32", "i32"),
    "job_checkpoint": _answers(1, "i32", "i32", "i32"),
    "job_check_interrupt": _answers(2, "i32"),
    "job_add_warning": _takes("i32", "i32", "i32"),
    "job_increment_bytes": _takes("i32", "i64"),
    "job_increment_items": _takes("i32", "i64"),
    "register_job": _answers(1, "i32", "i32", "i32", "i32", "i32"),
}

JOB_SIGNATURE: Final = Signature(("i32", "i32", "i32", "i32"), ("i32",))
_ALLOC: Final = Signature(("i32",), ("i32",))
_FREE: Final = Signature(("i32", "i32"), ())
_LIFECYCLE: Final = (Signature((), ("i32",)), Signature((), ()))


class ModuleShape(msgspec.Struct, frozen=True):
    """What a module that fits ABI 1 offers and needs."""

    imports: tuple[str, ...]
    job_exports: frozenset[str]  # every function that could run a job, whatever its name
    named_jobs: tuple[str, ...]  # NAME of each ``execute_NAME``, in the module's order
    memory: MemoryShape
    has_alloc: bool
    has_free: bool
    init_results: int | None  # how many results ``plugin_init`` has; None if there is no such export
    cleanup_results: int | None

    def require_alloc(self) -> None:
        """Refuse a module that has jobs and no ``wasm_alloc``.

        Raises:
            BadExport: there is none.
        """
        if not self.has_alloc:
            raise BadExport((ExportProblem("wasm_alloc", str(_ALLOC), ""),))


def check_interface(interface: Interface) -> ModuleShape:
    """Whether a module fits ABI 1.

    Raises:
        ForbiddenImports: it imports what is not offered; the error lists every such import.
        BadExport: exports are missing or of the wrong type; the error lists every one.
    """
    forbidden = tuple(
        ForbiddenImport(entry.module, entry.name, kind_of(entry.item), reason)
        for entry in interface.imports
        if (reason := _refusal(entry.module, entry.name, entry.item))
    )
    if forbidden:
        raise ForbiddenImports(forbidden)
    exports = interface.exports
    imports = tuple(dict.fromkeys(entry.name for entry in interface.imports))
    executes = tuple(name for name in exports if name.startswith(JOB_EXPORT_PREFIX))
    problems = [*_missing_or_wrong(exports), *_wrong_jobs(exports, executes)]
    if "wasm_alloc" not in exports and (executes or "spacedrive_call" in imports):
        problems.append(ExportProblem("wasm_alloc", str(_ALLOC), ""))
    memory = exports.get("memory")
    if problems or not isinstance(memory, MemoryShape):
        raise BadExport(tuple(problems))
    return ModuleShape(
        imports=imports,
        job_exports=frozenset(name for name, item in exports.items() if item == JOB_SIGNATURE),
        named_jobs=tuple(name.removeprefix(JOB_EXPORT_PREFIX) for name in executes),
        memory=memory,
        has_alloc="wasm_alloc" in exports,
        has_free="wasm_free" in exports,
        init_results=_result_count(exports.get("plugin_init")),
        cleanup_results=_result_count(exports.get("plugin_cleanup")),
    )


def _refusal(module: str, name: str, item: Item) -> str:
    if module != IMPORT_MODULE:
        return f"only {IMPORT_MODULE!r} is offered"
    if name not in HOST_IMPORTS:
        return f"{IMPORT_MODULE!r} has no such import"
    expected = HOST_IMPORTS[name].signature
    return "" if item == expected else f"its type is {item}, it must be {expected}"


def _missing_or_wrong(exports: dict[str, Item]) -> list[ExportProblem]:
    problems = []
    memory = exports.get("memory")
    if not isinstance(memory, MemoryShape):
        problems.append(ExportProblem("memory", "memory", "" if memory is None else str(memory)))
    optional = {
        "wasm_alloc": (_ALLOC,),
        "wasm_free": (_FREE,),
        "plugin_init": _LIFECYCLE,
        "plugin_cleanup": _LIFECYCLE,
    }
    for name, allowed in optional.items():
        found = exports.get(name)
        if found is not None and found not in allowed:
            problems.append(ExportProblem(name, str(allowed[0]), str(found)))
    return problems


def _wrong_jobs(exports: dict[str, Item], executes: tuple[str, ...]) -> list[ExportProblem]:
    problems = []
    for name in executes:
        if exports[name] != JOB_SIGNATURE:
            problems.append(ExportProblem(name, str(JOB_SIGNATURE), str(exports[name])))
        elif not is_job_name(name.removeprefix(JOB_EXPORT_PREFIX)):
            problems.append(ExportProblem(name, "execute_ and a job's name", "no such name"))
    return problems


def _result_count(item: Item | None) -> int | None:
    return len(item.results) if isinstance(item, Signature) else None
