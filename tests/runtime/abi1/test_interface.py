"""What a module may import and has to export."""

from __future__ import annotations

import pytest
from tests.support.wat import RETURN_COMPLETED, Wat, compiled

from perdure.runtime.abi1.interface import HOST_IMPORTS, ModuleShape, check_interface
from perdure.runtime.wasm.errors import BadExport, ExportProblem, ForbiddenImports
from perdure.runtime.wasm.inspect import MemoryShape, read_interface


def shape_of(text: str) -> ModuleShape:
    return check_interface(read_interface(compiled(text)))


def problems_of(text: str) -> tuple[ExportProblem, ...]:
    with pytest.raises(BadExport) as failure:
        shape_of(text)
    for problem in failure.value.problems:
        assert repr(problem.export) in str(failure.value)
    return failure.value.problems


MEMORY = '(memory (export "memory") 1)'
ALLOC = '(func (export "wasm_alloc") (param i32) (result i32) (i32.const 0))'
JOB = '(func (export "execute_{}") (param i32 i32 i32 i32) (result i32) (i32.const 0))'


def test_a_module_that_uses_everything() -> None:
    wat = Wat(memory="2 10")
    for name, host_import in HOST_IMPORTS.items():
        wat.call(name, *[0] * len(host_import.signature.parameters))
    wat.init("(i32.const 0)")
    wat.init("(nop)", name="plugin_cleanup", result=False)
    wat.job("one", RETURN_COMPLETED)
    wat.job("two", RETURN_COMPLETED)
    wat.job("", RETURN_COMPLETED, export="unnamed")
    shape = check_interface(read_interface(wat.module()))
    assert set(shape.imports) == set(HOST_IMPORTS)
    assert shape.job_exports == {"execute_one", "execute_two", "unnamed"}
    assert shape.named_jobs == ("one", "two")
    assert shape.memory == MemoryShape(2 * 65_536, 10 * 65_536)
    assert (shape.has_alloc, shape.has_free) == (True, True)
    assert (shape.init_results, shape.cleanup_results) == (1, 0)


def test_a_module_with_next_to_nothing() -> None:
    shape = shape_of(f"(module {MEMORY})")
    assert shape.imports == shape.named_jobs == ()
    assert (shape.init_results, shape.cleanup_results) == (None, None)
    with pytest.raises(BadExport, match="wasm_alloc"):
        shape.require_alloc()


def test_every_forbidden_import_is_listed() -> None:
    with pytest.raises(ForbiddenImports) as failure:
        shape_of(
            """(module
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
            (import "spacedrive" "spacedrive_log" (func (param i32 i32 i32)))
            (import "spacedrive" "open_the_door" (func))
            (import "spacedrive" "job_checkpoint" (func (param i32 i32 i64) (result i32)))
            (import "spacedrive" "register_job" (global i32))
            (import "env" "memory" (memory 1))
            (import "env" "table" (table 1 funcref))
            (import "env" "f" (func (param v128)))
            (import "env" "spacedrive_log" (func (param i32 i32 i32)))
            (export "memory" (memory 0)))"""
        )
    found = failure.value.imports
    assert [(entry.module, entry.name, entry.kind) for entry in found] == [
        ("wasi_snapshot_preview1", "fd_write", "function"),
        ("spacedrive", "open_the_door", "function"),
        ("spacedrive", "job_checkpoint", "function"),
        ("spacedrive", "register_job", "global"),
        ("env", "memory", "memory"),
        ("env", "table", "table"),
        ("env", "f", "function"),
        ("env", "spacedrive_log", "function"),
    ]
    assert "i64" in found[2].reason
    assert all(repr(entry.name) in str(failure.value) for entry in found)


def test_the_text_stays_readable_and_the_fields_have_all() -> None:
    imports = "".join(f'(import "env" "f{number}" (func))' for number in range(1_000))
    with pytest.raises(ForbiddenImports) as failure:
        shape_of(f"(module {imports} {MEMORY})")
    assert len(failure.value.imports) == 1_000
    assert "and 900 more" in str(failure.value)
    assert len(str(failure.value)) < 10_000


@pytest.mark.parametrize("name", HOST_IMPORTS)
def test_an_import_of_the_wrong_type(name: str) -> None:
    with pytest.raises(ForbiddenImports) as failure:
        shape_of(f'(module (import "spacedrive" "{name}" (func (param i64))) {MEMORY} {ALLOC})')
    assert failure.value.imports[0].name == name


def test_missing_memory() -> None:
    assert [problem.export for problem in problems_of("(module)")] == ["memory"]
    assert problems_of("(module (memory 1))")[0].found == ""
    assert problems_of('(module (func (export "memory")))')[0].found == "function ()"


@pytest.mark.parametrize("need", [JOB.format("x"), '(import "spacedrive" "spacedrive_call" {call})'])
def test_missing_allocator(need: str) -> None:
    call = "(func (param i32 i32 i32 i32 i32) (result i32))"
    problems = problems_of(f"(module {need.replace('{call}', call)} {MEMORY})")
    assert problems == (ExportProblem("wasm_alloc", "function (i32) -> i32", ""),)


@pytest.mark.parametrize(
    ("export", "item"),
    [
        ("wasm_alloc", "(func (export {}) (param i64) (result i32) (i32.const 0))"),
        ("wasm_alloc", "(func (export {}) (param i32))"),
        ("wasm_alloc", "(global (export {}) i32 (i32.const 0))"),
        ("wasm_free", "(func (export {}) (param i32))"),
        ("wasm_free", "(func (export {}) (param i32 i32) (result i32) (i32.const 0))"),
        ("plugin_init", "(func (export {}) (param i32))"),
        ("plugin_init", "(func (export {}) (result i64) (i64.const 0))"),
        ("plugin_cleanup", "(func (export {}) (result i32 i32) (i32.const 0) (i32.const 0))"),
        ("plugin_cleanup", "(table (export {}) 1 funcref)"),
    ],
)
def test_exports_of_the_wrong_type(export: str, item: str) -> None:
    source = item.format(f'"{export}"')
    problems = problems_of(f"(module {MEMORY} {source})")
    assert [problem.export for problem in problems] == [export]
    assert problems[0].found


@pytest.mark.parametrize(
    "item",
    [
        '(func (export "execute_x") (param i32 i32 i32) (result i32) (i32.const 0))',
        '(func (export "execute_x") (param i32 i32 i32 i32))',
        '(func (export "execute_x") (param v128))',
        '(global (export "execute_x") i32 (i32.const 0))',
    ],
)
def test_a_job_of_the_wrong_type(item: str) -> None:
    assert [problem.export for problem in problems_of(f"(module {MEMORY} {ALLOC} {item})")] == ["execute_x"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a", "a" * 65, "ä", "a\\n"])
def test_a_job_with_a_bad_name(name: str) -> None:
    problems = problems_of(f"(module {MEMORY} {ALLOC} {JOB.format(name)})")
    assert len(problems) == 1
    assert "name" in problems[0].expected


def test_every_problem_is_listed() -> None:
    problems = problems_of(
        f"""(module (func (export "wasm_free")) (func (export "plugin_init") (param i32)) {JOB.format("a b")})"""
    )
    assert [problem.export for problem in problems] == [
        "memory",
        "wasm_free",
        "plugin_init",
        "execute_a b",
        "wasm_alloc",
    ]
