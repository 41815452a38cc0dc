"""Bad extensions and bad guests, as an embedder meets them: a clear error, nothing recorded, everything else goes on.

The parts that refuse them have tests of their own beside this; ``docs/testing.md`` lists them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.acme import acme_module, install_acme
from tests.support.extension_folders import write_extension
from tests.support.gate import Gate
from tests.support.job_history import events_of, tags_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT
from tests.support.wat import BUMP_ALLOCATOR, Wat, allocator, compiled, forever

from perdure.runtime import JobError, Runtime, RuntimeSettings, Status
from perdure.runtime.errors import FileOutsideFolder, ManifestError, PerdureError, UnknownJobType
from perdure.runtime.wasm.errors import (
    BadExport,
    ForbiddenImports,
    InitFailed,
    InvalidWasm,
    ModuleError,
    NotWasm,
)
from perdure.store import check
from perdure.store.events import LogWritten, WarningAdded

GOOD = acme_module()


@pytest.fixture
def init_seconds() -> float:
    return TIMEOUT


@pytest.fixture
def runtime(tmp_path: Path, init_seconds: float) -> Any:
    settings = RuntimeSettings(kill_grace=0.2, shutdown_grace=0.2, init_seconds=init_seconds)
    with Runtime.open(tmp_path / "data", settings=settings) as runtime:
        yield runtime


def refused(runtime: Runtime, folder: Path, error: type[PerdureError]) -> PerdureError:
    """How the folder is refused; nothing of it is recorded but what could have been there before."""
    before = runtime.store.position()
    with pytest.raises(error) as caught:
        runtime.install(folder)
    assert runtime.extensions() == []
    recorded = [type(stored.event).__name__ for stored in runtime.store.read_all(after=before)]
    assert set(recorded) <= {"ModuleCompiled"}
    assert check(runtime.store).problems == []
    return caught.value


# --- modules that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", NotWasm),
        (b"#!/bin/sh\n", NotWasm),
        (b"(module)", NotWasm),
        (b"\0asn" + GOOD[4:], NotWasm),
        (GOOD[:3], NotWasm),
        (GOOD[:6], NotWasm),
        (GOOD[: len(GOOD) // 2], InvalidWasm),
        (GOOD[:-1], InvalidWasm),
        (GOOD + b"\1", InvalidWasm),
        (b"\0asm\2\0\0\0" + GOOD[8:], InvalidWasm),
        (b"\0asm\x0d\0\1\0", BadExport),
    ],
)
def test_a_file_that_is_no_module(runtime: Runtime, tmp_path: Path, content: bytes, error: type[ModuleError]) -> None:
    refused(runtime, write_extension(tmp_path / "bad", content), error)


def test_imports_that_are_not_offered_are_all_listed(runtime: Runtime, tmp_path: Path) -> None:
    module = compiled("""(module
      (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (import "spacedrive" "spacedrive_exec" (func))
      (import "spacedrive" "spacedrive_log" (func (param i32)))
      (import "env" "memory" (memory 1))
      (memory (export "memory") 1))""")
    error = refused(runtime, write_extension(tmp_path / "bad", module), ForbiddenImports)
    assert isinstance(error, ForbiddenImports)
    assert [(item.module, item.name, item.kind) for item in error.imports] == [
        ("wasi_snapshot_preview1", "fd_write", "function"),
        ("spacedrive", "spacedrive_exec", "function"),
        ("spacedrive", "spacedrive_log", "function"),
        ("env", "memory", "memory"),
    ]


@pytest.mark.parametrize(
    ("text", "export"),
    [
        ('(module (func (export "wasm_alloc") (param i32) (result i32) (i32.const 0)))', "memory"),
        ('(module (memory (export "memory") 1) (func (export "execute_x") (param i32 i32 i32 i32) (result i32) '
         "(i32.const 0)))", "wasm_alloc"),
        ('(module (memory (export "memory") 1) (func (export "execute_x")))', "execute_x"),
    ],
)  # fmt: skip
def test_exports_that_are_missing_or_wrong_are_named(runtime: Runtime, tmp_path: Path, text: str, export: str) -> None:
    error = refused(runtime, write_extension(tmp_path / "bad", compiled(text)), BadExport)
    assert isinstance(error, BadExport)
    assert export in [problem.export for problem in error.problems]


# --- plugin_init -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "cause", "init_seconds"),
    [
        ("unreachable", "init_failed", "trap", TIMEOUT),
        ("(i32.const 1)", "init_failed", None, TIMEOUT),
        (f"{forever()} (i32.const 0)", "init_failed", "timeout", 0.3),
        ("(drop (i32.load (i32.const -1))) (i32.const 0)", "init_failed", "trap", TIMEOUT),
    ],
)
def test_an_initialisation_that_fails(
    runtime: Runtime, tmp_path: Path, body: str, kind: str, cause: str | None
) -> None:
    wat = RuntimeWat()
    wat.job("nothing", "(i32.const 0)")
    wat.init(body)
    error = refused(runtime, write_extension(tmp_path / "bad", wat.module()), InitFailed)
    assert isinstance(error, InitFailed)
    assert (error.error.kind, error.error.data.get("cause")) == (kind, cause)


def test_job_names_that_are_taken_or_malformed_are_refused_one_by_one(
    runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wat = RuntimeWat()
    wat.job("run", f"{wat.log('ran')} (i32.const 0)", export="run")
    wat.job("other", "(i32.const 2)", export="other")
    names: list[tuple[str | bytes, str]] = [
        ("first", "run"),
        ("first", "other"),
        ("a:b", "run"),
        ("", "run"),
        ("gone", "nowhere"),
        (b"\xff", "run"),
    ]
    answers = "".join(
        f"(local.set $i (i32.add (i32.mul (local.get $i) (i32.const 2)) {wat.register(name, export)}))"
        for name, export in names
    )
    # Each answer is a bit: 0 accepted, 1 refused.
    wat.init(f"{answers} (i32.ne (local.get $i) (i32.const {0b011111}))")
    info = runtime.install(write_extension(tmp_path / "acme", wat.module()))
    assert [(kind.name, kind.export) for kind in info.job_types] == [("first", "run")]
    messages = {record.getMessage() for record in caplog.records if "was refused" in record.getMessage()}
    assert len(messages) == 5
    job = runtime.dispatch("acme:first")
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    with pytest.raises(UnknownJobType):
        runtime.dispatch("acme:gone")


# --- allocators ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "argument"),
    [
        ("(i32.const 0)", "result"),
        ("(i32.const -8)", "result"),
        ("(i32.const 65530)", "result"),
        ("(i32.const 0x7fffffff)", "result"),
        ("(i32.const 65536)", "result"),
    ],
)
def test_an_allocator_that_lies_ends_its_job(runtime: Runtime, tmp_path: Path, body: str, argument: str) -> None:
    wat = Wat(alloc=allocator(body))
    wat.job("nothing", "(i32.const 0)")
    error = failure(runtime, tmp_path, wat, "nothing")
    assert (error.data["function"], error.data["argument"]) == ("wasm_alloc", argument)


def test_an_allocator_that_hands_out_the_same_memory_twice_ends_its_job(runtime: Runtime, tmp_path: Path) -> None:
    wat = Wat(alloc=allocator("(i32.const 4096)"))
    wat.job("nothing", "(i32.const 0)")
    error = failure(runtime, tmp_path, wat, "nothing", {"a": "state"})
    assert "overlap" in error.message


def failure(runtime: Runtime, tmp_path: Path, wat: Wat, name: str, state: object = None) -> JobError:
    """The abi violation that ends the job; the runtime goes on with another one."""
    runtime.install(write_extension(tmp_path / "bad", wat.module(), extension="bad"))
    result = runtime.dispatch(f"bad:{name}", state).wait(TIMEOUT)
    assert result.status is Status.FAILED
    assert result.error is not None
    assert (result.error.kind, result.error.blame) == ("abi_violation", "guest")
    install_acme(runtime, tmp_path)
    assert runtime.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED
    assert check(runtime.store).problems == []
    return result.error


# --- pointers, lengths, text, job ids --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pointer", "length", "argument"),
    [
        (65_536, 1, "ptr"),
        (65_535, 2, "len"),
        (0, 65_537, "len"),
        (-1, 1, "ptr"),
        (0, -1, "len"),
        (-2, 4, "ptr"),
        (0x7FFFFFFF, 0x7FFFFFFF, "ptr"),
    ],
)
def test_a_range_outside_of_the_memory_ends_the_job(
    runtime: Runtime, tmp_path: Path, pointer: int, length: int, argument: str
) -> None:
    wat = RuntimeWat()
    wat.job("log", f"{wat.log('before')} {wat.call('spacedrive_log', 1, pointer, length)} (i32.const 0)")
    error = failure(runtime, tmp_path, wat, "log")
    assert (error.data["function"], error.data["argument"]) == ("spacedrive_log", argument)
    (job,) = runtime.jobs(extension="bad").jobs
    assert tags_of(runtime.job(job.job_id)) == ["dispatched", "started", "log", "failed"]  # what it did before is there


def test_another_jobs_id_ends_the_job(runtime: Runtime, tmp_path: Path) -> None:
    wat = Wat()  # its id is a constant, and no job's
    wat.job("count", f"{wat.call('job_increment_items', wat.job_id, '(i64.const 1)')} (i32.const 0)")
    error = failure(runtime, tmp_path, wat, "count")
    assert (error.data["function"], error.data["argument"]) == ("job_increment_items", "job_id_ptr")


def test_a_result_that_is_none_ends_the_job(runtime: Runtime, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("odd", "(i32.const 3)")
    error = failure(runtime, tmp_path, wat, "odd")
    assert error.data["value"] == 3


def test_text_that_is_not_utf8_is_read_with_replacement_characters(runtime: Runtime, tmp_path: Path) -> None:
    wat = RuntimeWat()
    text = wat.text(b"a\xff\xc3b")
    wat.job(
        "say",
        wat.call("spacedrive_log", 1, text) + wat.call("job_add_warning", wat.job_id, text) + "(i32.const 0)",
    )
    runtime.install(write_extension(tmp_path / "acme", wat.module()))
    job = runtime.dispatch("acme:say")
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert [event.message for event in events_of(job, LogWritten)] == ["a\ufffd\ufffdb"]
    assert [event.message for event in events_of(job, WarningAdded)] == ["a\ufffd\ufffdb"]


# --- manifests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"wasm_file": "../module.wasm"}, "wasm_file"),
        ({"wasm_file": "/etc/passwd"}, "wasm_file"),
        ({"wasm_file": 5}, "wasm_file"),
        ({"id": None}, "id"),
        ({"id": "Acme"}, "id"),
        ({"name": ""}, "name"),
        ({"version": "1\n"}, "version"),
        ({"permissions": []}, "permissions"),
        ({"permissions": {"methods": "*"}}, "permissions.methods"),
        ({"permissions": {"methods": ["query:test.ping", "exec:rm"]}}, "permissions.methods[1]"),
        ({"permissions": {"max_memory_mb": 10**15}}, "permissions.max_memory_mb"),
        ({"permissions": {"max_memory_mb": -1}}, "permissions.max_memory_mb"),
        ({"permissions": {"max_memory_mb": 1.5}}, "permissions.max_memory_mb"),
        ({"permissions": {"max_memory_mb": True}}, "permissions.max_memory_mb"),
        (
            {"permissions": {"rate_limits": {"concurrent_jobs": 10**15}}},
            "permissions.rate_limits.concurrent_jobs",
        ),
    ],
)
def test_a_manifest_names_the_field_and_the_value(
    runtime: Runtime, tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    folder = write_extension(tmp_path / "bad", GOOD)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    error = refused(runtime, folder, ManifestError)
    assert isinstance(error, ManifestError)
    assert error.field == field
    assert field in str(error)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"id": "a", "id": "b"}', b"[" * 100_000])
def test_a_manifest_that_is_no_object(runtime: Runtime, tmp_path: Path, content: bytes) -> None:
    folder = write_extension(tmp_path / "bad", GOOD)
    (folder / "manifest.json").write_bytes(content)
    refused(runtime, folder, ManifestError)


def test_a_module_outside_of_the_folder_is_not_read(runtime: Runtime, tmp_path: Path) -> None:
    folder = write_extension(tmp_path / "bad", GOOD)
    (tmp_path / "outside.wasm").write_bytes(GOOD)
    (folder / "module.wasm").unlink()
    (folder / "module.wasm").symlink_to(tmp_path / "outside.wasm")
    refused(runtime, folder, FileOutsideFolder)


# --- what a bad guest cannot do --------------------------------------------------------------------------------------


def test_bad_jobs_beside_a_good_one_do_not_disturb_it(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path)
    wat = RuntimeWat()
    wat.job("lies", f"{wat.call('spacedrive_log', 1, -1, 100)} (i32.const 0)")
    wat.job("traps", "unreachable")
    runtime.install(write_extension(tmp_path / "bad", wat.module(), extension="bad"))
    with Gate(runtime) as gate:
        good = runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        bad = [runtime.dispatch(f"bad:{name}") for name in ("lies", "traps") * 10]
        kinds = [error.kind for job in bad if (error := job.wait(TIMEOUT).error) is not None]
        assert kinds == ["abi_violation", "trap"] * 10
        arrival.let_go()
        assert good.wait(TIMEOUT).status is Status.COMPLETED
    assert check(runtime.store).problems == []


def test_the_bump_allocator_of_these_guests_is_a_good_one(runtime: Runtime, tmp_path: Path) -> None:
    # Else the tests above would prove nothing.
    wat = Wat(alloc=BUMP_ALLOCATOR)
    wat.job("nothing", "(i32.const 0)")
    runtime.install(write_extension(tmp_path / "good", wat.module(), extension="good"))
    assert runtime.dispatch("good:nothing", {"a": "state"}).wait(TIMEOUT).status is Status.COMPLETED
