"""The committed counter.wasm is what its sources make, wherever they stand, and is what the contract asks for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import wasmtime

COUNTER = Path(__file__).resolve().parents[2] / "examples" / "counter"
COMMITTED = COUNTER / "counter.wasm"


def build(sources: Path, output: Path, caches: Path) -> bytes:
    environment = {
        **os.environ,
        "ZIG_GLOBAL_CACHE_DIR": str(caches / "global"),
        "ZIG_LOCAL_CACHE_DIR": str(caches / "local"),
    }
    command = [sys.executable, str(sources / "build.py"), str(output)]
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return output.read_bytes()


def test_rebuilding_gives_the_committed_bytes_from_any_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "a folder with another name" / "sources"
    shutil.copytree(COUNTER, elsewhere, ignore=shutil.ignore_patterns("*.wasm"))

    # Two folders and two empty caches: nothing of the first build can make the second one right.
    here = build(COUNTER, tmp_path / "here.wasm", tmp_path / "caches-1")
    there = build(elsewhere, tmp_path / "there.wasm", tmp_path / "caches-2")

    assert here == COMMITTED.read_bytes(), "counter.wasm is stale: run python3 examples/counter/build.py"
    assert there == here


def test_it_is_small_and_imports_the_contract_only() -> None:
    assert COMMITTED.stat().st_size < 8 * 1024
    module = wasmtime.Module.from_file(wasmtime.Engine(), str(COMMITTED))
    assert {item.module for item in module.imports} == {"spacedrive"}
    assert {item.name for item in module.imports} <= {
        "spacedrive_call",
        "spacedrive_log",
        "job_report_progress",
        "job_checkpoint",
        "job_check_interrupt",
        "job_add_warning",
        "job_increment_bytes",
        "job_increment_items",
        "register_job",
    }
    assert {item.name for item in module.exports} == {
        "memory",
        "wasm_alloc",
        "wasm_free",
        "plugin_init",
        "execute_counter",
    }


def custom_sections(wasm: bytes) -> set[str]:
    def number(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (wasm[at] & 0x7F) << shift
            shift += 7
            at += 1
            if wasm[at - 1] < 0x80:
                return value, at

    names, at = set(), 8
    while at < len(wasm):
        kind = wasm[at]
        size, at = number(at + 1)
        if kind == 0:
            length, start = number(at)
            names.add(wasm[start : start + length].decode())
        at += size
    return names


def test_it_carries_no_names_debug_information_or_builder() -> None:
    assert custom_sections(COMMITTED.read_bytes()) <= {"target_features"}


def test_its_manifest_asks_for_no_more_than_it_uses() -> None:
    manifest = msgspec.json.decode((COUNTER / "manifest.json").read_bytes())
    assert manifest["wasm_file"] == "counter.wasm"
    imports = wasmtime.Module.from_file(wasmtime.Engine(), str(COMMITTED)).imports
    if "spacedrive_call" not in {item.name for item in imports}:
        assert manifest["permissions"]["methods"] == []
    assert manifest["permissions"]["network_access"] == []
