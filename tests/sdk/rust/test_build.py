"""What is in a module: its manifest, its imports and exports, nothing of the machine, the same bytes everywhere."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.support.rust_tools import ROOT, copied

from perdure.runtime.manifest import parse_manifest
from perdure.runtime.wasm.inspect import read_interface
from perdure.toolchain.builders import builder_of
from perdure.toolchain.building import build
from perdure.toolchain.project import project_in

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # compilers, beside other tests

EXAMPLE = ROOT / "examples" / "counter-rust"
MOST_BYTES = 100_000


def module(folder: Path) -> bytes:
    (path,) = folder.glob("*.wasm")
    return path.read_bytes()


def alone(folder: Path) -> None:
    """Leave the counter alone in a copy of the example, as `perdure new` makes one."""
    source = folder / "src" / "lib.rs"
    text = source.read_text().replace("mod others;\n\n", "")
    source.write_text(re.sub(r"jobs = \[.*\],", "jobs = [counter],", text))
    (folder / "src" / "others.rs").unlink()


def test_the_manifest_is_what_the_attribute_says(counter: Path) -> None:
    assert json.loads((counter / "manifest.json").read_text()) == {
        "id": "counter-rust",
        "name": "Counter (Rust)",
        "version": "0.1.0",
        "wasm_file": "counter_rust.wasm",
        "permissions": {"methods": ["query:vdfs.read_sidecar", "action:vdfs.write_sidecar"]},
    }


def test_every_field_of_a_manifest(probe: Path) -> None:
    manifest = parse_manifest((probe / "manifest.json").read_bytes())
    assert manifest.warnings == ()
    assert (manifest.id, manifest.name, manifest.version) == ("probe", 'Probe "1"', "1.2.3")
    assert (manifest.description, manifest.author) == ("Shows\nthings", "Zoë")
    assert manifest.homepage == "https://example.com/"
    asked = manifest.permissions
    assert asked.methods[0] == "query:"
    assert len(asked.methods) == 6
    assert len(asked.libraries) == 2
    assert asked.network_access == ("api.example.com",)
    assert (asked.rate_limits.requests_per_minute, asked.rate_limits.concurrent_jobs) == (1_000_000, 4)
    assert asked.max_memory_mb == 64
    assert manifest.config_schema == json.loads((ROOT / "tests/sdk/rust/probe/schema.json").read_text())


def test_it_imports_the_host_only_and_exports_what_the_abi_wants(counter: Path) -> None:
    interface = read_interface(module(counter))
    assert {entry.module for entry in interface.imports} == {"spacedrive"}
    jobs = {f"execute_{name}" for name in ("counter", "warner", "failing", "noter", "trespasser")}
    functions = {"plugin_init", "plugin_cleanup", "wasm_alloc", "wasm_free", *jobs}
    assert functions | {"memory"} <= set(interface.exports)


def test_nothing_of_the_machine_is_in_it(counter: Path) -> None:
    code = module(counter)
    for place in (b"/root", b"/home", b"/tmp", str(Path.home()).encode(), str(counter.parent).encode(), b"registry"):
        assert place not in code, place


def test_the_counter_alone_is_small_and_the_same_in_every_folder(counter: Path, tmp_path: Path) -> None:
    work = project_in(counter.with_name("project")).work
    modules = []
    for name in ("here", "some/where/else"):
        folder = tmp_path / name
        project = copied(EXAMPLE, folder, work)
        alone(folder)
        built = build(project, lambda _: None)
        modules.append(module(built.folder))
        assert built.calls.names == ()
        shutil.rmtree(project.work)
    assert modules[0] == modules[1]
    assert len(modules[0]) < MOST_BYTES


def test_the_counter_is_short() -> None:
    text = (EXAMPLE / "src" / "lib.rs").read_text()
    assert len(text.splitlines()) < 80
    assert "unsafe" not in text.replace("forbid(unsafe_code)", "")


def test_the_calls_that_it_makes_are_found(counter: Path) -> None:
    project = project_in(counter.with_name("project"))
    calls = builder_of(project.language).calls(project, module(counter))
    assert calls.names == ("action:vdfs.write_sidecar", "query:vdfs.read_sidecar")
