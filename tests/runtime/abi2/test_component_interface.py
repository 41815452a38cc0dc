"""Which components are let in: by the names of what they import and export, and by the types of their functions."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.component_wat import CANON, HOST, TYPES, ComponentWat
from tests.support.module_guests import CompiledModule
from tests.support.wat import compiled
from wasmtime import component

from perdure.runtime.abi2.interface import EXPORTS, IMPORTS
from perdure.runtime.errors import PerdureError
from perdure.runtime.guests.describe import cleanup, describe
from perdure.runtime.wasm.code import compile_code, read_file
from perdure.runtime.wasm.component_inspect import ComponentItem, read_component
from perdure.runtime.wasm.component_types import exported_functions, imported_functions
from perdure.runtime.wasm.engine import new_engine
from perdure.runtime.wasm.errors import (
    BadExport,
    CleanupFailed,
    ForbiddenImports,
    InitFailed,
    InvalidWasm,
    ModuleError,
)
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.wit import EnumType, FunctionType, UnknownType
from perdure.store.events import JobType

LIMITS = SandboxLimits(fuel=1_000_000, memory_bytes=1 << 20, stack_bytes=256 * 1024)
WIT = Path(__file__).parents[3] / "sdk" / "wit" / "extension.wit"


def jobs_of(binary: bytes) -> tuple[JobType, ...]:
    return describe("test-extension", CompiledModule(binary), LIMITS, seconds=30)


def good(wat: ComponentWat | None = None) -> bytes:
    wat = wat or ComponentWat()
    wat.run(wat.completed())
    return wat.component()


def test_what_a_component_imports_and_exports() -> None:
    interface = read_component(good())
    assert interface.imports == (
        ComponentItem("perdure:extension/types@1.0.0", "instance"),
        ComponentItem("perdure:extension/host@1.0.0", "instance"),
    )
    assert [(item.name, item.kind) for item in interface.exports] == [
        ("describe", "function"),
        ("initialise", "function"),
        ("clean-up", "function"),
        ("run", "function"),
    ]


def test_the_table_is_the_one_of_the_wit_package() -> None:
    """Names, parameters and results of ``sdk/wit/extension.wit`` and of the table, with the named types filled in."""
    text = re.sub(r"//.*", "", WIT.read_text())
    named = {}
    for kind, name, body in re.findall(r"\b(enum|record|variant) ([a-z-]+) \{([^}]*)\}", text):
        named[name] = (kind, " ".join(body.split()).rstrip(","))

    def filled(kind: str) -> str:
        def fill(match: re.Match[str]) -> str:
            word = match.group()
            return f"{named[word][0]} {{{filled(named[word][1])}}}" if word in named else word

        return re.sub(r"[a-z][a-z0-9-]*(?![a-z0-9-]*:)", fill, kind)

    imports: dict[str, str] = {}
    exports: dict[str, str] = {}
    for exported, name, kind in re.findall(r"(export )?([a-z-]+): (func\([^;]*);", text):
        parameters, arrow, result = kind.partition(" -> ")
        (exports if exported else imports)[name] = filled(parameters) + arrow + filled(result)
    assert imports == {name: str(kind) for name, kind in IMPORTS.items()}
    assert exports == {name: str(kind) for name, kind in EXPORTS.items()}


def test_types_are_told_as_they_are() -> None:
    engine = new_engine(256 * 1024)
    code = compile_code(engine, good())
    assert isinstance(code, component.Component)
    assert imported_functions(code, engine)["perdure:extension/host@1.0.0"] == IMPORTS
    assert exported_functions(code, engine) == EXPORTS


def test_the_jobs_are_those_described_and_those_registered() -> None:
    wat = ComponentWat(jobs=(("one", True), ("two", False)))
    wat.initialise(f"(drop {wat.register('three', resumable=False)}) {wat.completed()}")
    assert jobs_of(good(wat)) == (
        JobType("one", "one", True),
        JobType("two", "two", False),
        JobType("three", "three", False),
    )


def test_a_component_without_jobs() -> None:
    assert jobs_of(good(ComponentWat(jobs=()))) == ()


@pytest.mark.parametrize("name", ["one", "a job", "", "x" * 65])
def test_a_registration_that_is_refused_says_why(name: str) -> None:
    wat = ComponentWat(jobs=(("one", True),))
    refused = f"(i32.load8_u {wat.register(name)})"
    wat.initialise(f"(if (i32.ne {refused} (i32.const 1)) (then (unreachable))) {wat.completed()}")
    assert [job.name for job in jobs_of(good(wat))] == ["one"]


@pytest.mark.parametrize(
    ("jobs", "said"), [((("a job", True),), "'a job'"), ((("one", True), ("one", False)), "the name is taken")]
)
def test_a_description_that_makes_no_sense(jobs: tuple[tuple[str, bool], ...], said: str) -> None:
    with pytest.raises(InitFailed, match=said) as failure:
        jobs_of(good(ComponentWat(jobs=jobs)))
    assert failure.value.error.kind == "init_failed"


def test_an_initialisation_that_says_no() -> None:
    wat = ComponentWat()
    wat.initialise(wat.error("there is no coffee"))
    with pytest.raises(InitFailed, match="initialise: there is no coffee"):
        jobs_of(good(wat))


def test_an_initialisation_that_traps() -> None:
    wat = ComponentWat()
    wat.initialise("(unreachable)")
    with pytest.raises(InitFailed) as failure:
        jobs_of(good(wat))
    assert (failure.value.error.kind, failure.value.error.data["cause"]) == ("init_failed", "trap")


def test_a_clean_up() -> None:
    cleanup("test-extension", CompiledModule(good()), LIMITS, seconds=30)
    wat = ComponentWat()
    wat.clean_up(wat.error("it is still warm"))
    with pytest.raises(CleanupFailed, match="clean-up: it is still warm"):
        cleanup("test-extension", CompiledModule(good(wat)), LIMITS, seconds=30)


def test_wasi_is_refused_with_the_whole_list_before_anything_is_compiled() -> None:
    wat = ComponentWat()
    wat.extra = """(import "wasi:cli/environment@0.2.0" (instance (export "get" (func))))
      (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func)))) (import "own:things" (func))"""

    class NeverCompiled(CompiledModule):
        def __call__(self, engine: wasmtime.Engine) -> component.Component:
            raise AssertionError("it was compiled")

    with pytest.raises(ForbiddenImports) as failure:
        describe("test-extension", NeverCompiled(good(wat)), LIMITS, seconds=30)
    assert [(item.name, item.kind) for item in failure.value.imports] == [
        ("wasi:cli/environment@0.2.0", "instance"),
        ("wasi:clocks/wall-clock@0.2.0", "instance"),
        ("own:things", "function"),
    ]
    assert "--stub-wasi" in str(failure.value)
    assert "wall-clock" in str(failure.value)


def test_a_function_that_the_host_does_not_have() -> None:
    wat = ComponentWat()
    wat.run(wat.completed())
    binary = wat.component(host=HOST | {"exec": ('(param "command" string)', "(param i32 i32)")})
    with pytest.raises(ForbiddenImports, match=r"'exec' \(there is no such function"):
        jobs_of(binary)


def test_a_function_of_another_type() -> None:
    wat = ComponentWat()
    wat.run(wat.completed())
    binary = wat.component(host=HOST | {"increment-items": ('(param "count" s64)', "(param i64)")})
    with pytest.raises(ForbiddenImports, match=re.escape("must be func(count: u64)")):
        jobs_of(binary)


def test_an_enum_with_another_case() -> None:
    wat = ComponentWat()
    wat.run(wat.completed())
    types = TYPES.replace('(enum "proceed" "pause" "cancel")', '(enum "proceed" "pause" "stop")')
    with pytest.raises(ForbiddenImports, match="stop"):
        jobs_of(wat.component(types=types))


def test_imports_that_are_not_used_may_be_missing() -> None:
    wat = ComponentWat()
    wat.run(wat.completed())
    host = {name: kind for name, kind in HOST.items() if name != "call"}
    assert [job.name for job in jobs_of(wat.component(host=host))] == ["test"]


def test_exports_that_are_missing_are_all_listed() -> None:
    with pytest.raises(BadExport) as failure:
        jobs_of(compiled("(component)"))
    assert [problem.export for problem in failure.value.problems] == list(EXPORTS)


def test_an_export_of_another_type() -> None:
    wat = ComponentWat()
    wat.run(wat.completed())
    source = wat.source().replace(f'"clean-up") {CANON}', '"clean-up")')
    returned = '(func (export "clean-up") (result (result (error string)))'
    with pytest.raises(BadExport, match="clean-up"):
        jobs_of(compiled(source.replace(returned, '(func (export "clean-up") (result u32)')))


def test_a_type_that_unfolds_to_far_more_than_it_takes_to_write() -> None:
    """A record of two records of two records, 40 deep: 2^40 fields in a few hundred bytes."""
    wat = ComponentWat()
    wat.run(wat.completed())
    records = '(type $r0 (record (field "a" u64) (field "b" u64))) (export "r0" (type $n0 (eq $r0)))' + "".join(
        f'(type $r{number} (record (field "a" $n{number - 1}) (field "b" $n{number - 1})))'
        f'(export "r{number}" (type $n{number} (eq $r{number})))'
        for number in range(1, 40)
    )
    types = TYPES.replace("(type $log-level (enum", records + "(type $log-level (enum", 1)
    types += '(alias export $types "r39" (type $r39))'
    source = wat.source(types=types).replace(
        '(export "add-warning" (func (param "message" string)))',
        '(alias outer 1 $r39 (type $r)) (export "add-warning" (func (param "message" $r)))',
    )
    with pytest.raises(ModuleError):
        jobs_of(compiled(source))


def test_types_that_no_abi_uses_are_unknown() -> None:
    engine = new_engine(256 * 1024)
    source = """(component (import "a" (func $a (param "x" (tuple u8 char)))) (import "b" (instance $b
      (export "r" (type $r (sub resource))) (export "f" (func (param "r" (borrow $r)) (result (own $r)))))))"""
    code = component.Component(engine, source)
    assert imported_functions(code, engine) == {
        "b": {"f": FunctionType((("r", UnknownType("borrow")),), UnknownType("own"))}
    }


def test_named_types_have_texts() -> None:
    assert str(EnumType(("a", "b"))) == "enum {a, b}"


@settings(max_examples=60)
@given(st.data())
def test_damaged_bytes_end_in_a_typed_error_or_a_component(data: st.DataObject) -> None:
    binary = bytearray(good())
    for _ in range(data.draw(st.integers(1, 3))):
        binary[data.draw(st.integers(8, len(binary) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PerdureError):
        jobs_of(bytes(binary))


def test_a_truncated_component_is_refused_at_every_length() -> None:
    binary = good()
    refused = 0
    for length in range(8, len(binary), 3):
        try:
            read_file(binary[:length])
        except InvalidWasm:
            refused += 1
    assert refused > len(binary) // 3 - 60


@settings(max_examples=200)
@given(st.binary(max_size=120))
def test_any_bytes_after_the_header(data: bytes) -> None:
    with contextlib.suppress(InvalidWasm):
        read_component(b"\0asm\x0d\0\x01\0" + data)
