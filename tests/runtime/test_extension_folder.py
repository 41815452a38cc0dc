"""Reading an extension's folder, and everything that may be wrong with one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime import extension_folder
from perdure.runtime.errors import (
    ExtensionFolderError,
    FileOutsideFolder,
    FileTooLarge,
    FileUnreadable,
    ManifestError,
    ManifestMissing,
    NotAnExtensionFolder,
    PerdureError,
    WasmMissing,
)
from perdure.runtime.extension_folder import read_extension
from perdure.runtime.manifest import MAX_MANIFEST_BYTES

WASM = b"\0asm\1\0\0\0"


def manifest(wasm_file: str = "module.wasm", **more: object) -> bytes:
    return json.dumps({"id": "x", "name": "X", "version": "1", "wasm_file": wasm_file, **more}).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "extension"
    path.mkdir()
    (path / "manifest.json").write_bytes(manifest())
    (path / "module.wasm").write_bytes(WASM)
    return path


def open_files(below: Path) -> list[str]:
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            targets.append(str(descriptor.readlink()))
    return [target for target in targets if target.startswith(str(below))]


@pytest.fixture(autouse=True)
def _nothing_stays_open(tmp_path: Path) -> Iterator[None]:
    yield
    assert open_files(tmp_path) == []


def refused(path: Path, kind: type[ExtensionFolderError]) -> ExtensionFolderError:
    with pytest.raises(kind) as caught:
        read_extension(path)
    assert str(caught.value.path) in str(caught.value)
    assert isinstance(caught.value, PerdureError)
    return caught.value


def test_a_good_folder(folder: Path) -> None:
    package = read_extension(folder)
    assert package.manifest.id == "x"
    assert package.manifest_bytes == manifest()
    assert package.wasm_bytes == WASM
    assert package.warnings == ()
    assert read_extension(str(folder)) == package


def test_warnings_of_the_manifest_are_passed_on(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(manifest(extra=1))
    package = read_extension(folder)
    assert package.warnings == package.manifest.warnings
    assert len(package.warnings) == 1


def test_a_module_in_a_folder_below(folder: Path) -> None:
    (folder / "build").mkdir()
    (folder / "build" / "a.wasm").write_bytes(WASM)
    (folder / "manifest.json").write_bytes(manifest("build/a.wasm"))
    assert read_extension(folder).wasm_bytes == WASM


def test_links_inside_are_followed(folder: Path) -> None:
    (folder / "build").mkdir()
    (folder / "module.wasm").rename(folder / "build" / "real.wasm")
    (folder / "module.wasm").symlink_to("build/real.wasm")
    (folder / "manifest.json").rename(folder / "real.json")
    (folder / "manifest.json").symlink_to(folder / "real.json")
    assert read_extension(folder).wasm_bytes == WASM


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert read_extension(tmp_path / "link").wasm_bytes == WASM


def test_a_relative_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert read_extension("extension").wasm_bytes == WASM
    monkeypatch.chdir(folder)
    assert read_extension(".").wasm_bytes == WASM


def test_no_folder(folder: Path) -> None:
    assert refused(folder / "nowhere", NotAnExtensionFolder).path == folder / "nowhere"
    refused(folder / "module.wasm", NotAnExtensionFolder)


def test_no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    assert refused(folder, ManifestMissing).path == folder / "manifest.json"


def test_no_module(folder: Path) -> None:
    (folder / "module.wasm").unlink()
    error = refused(folder, WasmMissing)
    assert isinstance(error, WasmMissing)
    assert (error.path, error.wasm_file) == (folder / "module.wasm", "module.wasm")


def test_no_module_below_a_file(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(manifest("module.wasm/a.wasm"))
    refused(folder, WasmMissing)


def test_a_dangling_link_is_a_missing_module(folder: Path) -> None:
    (folder / "module.wasm").unlink()
    (folder / "module.wasm").symlink_to("nowhere.wasm")
    refused(folder, WasmMissing)


def test_a_bad_manifest_is_its_own_error(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(manifest("../module.wasm"))
    with pytest.raises(ManifestError) as caught:
        read_extension(folder)
    assert caught.value.field == "wasm_file"


@pytest.mark.parametrize("name", ["module.wasm", "manifest.json"])
def test_a_link_to_the_outside_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to("../outside")
    error = refused(folder, FileOutsideFolder)
    assert isinstance(error, FileOutsideFolder)
    assert (error.path, error.target) == (folder / name, outside)


def test_a_linked_folder_to_the_outside_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.wasm").write_bytes(WASM)
    (folder / "build").symlink_to(tmp_path / "other")
    (folder / "manifest.json").write_bytes(manifest("build/a.wasm"))
    refused(folder, FileOutsideFolder)


def test_a_sibling_with_a_longer_name_is_outside(folder: Path) -> None:
    sibling = folder.with_name("extension-two")
    sibling.mkdir()
    (sibling / "a.wasm").write_bytes(WASM)
    (folder / "module.wasm").unlink()
    (folder / "module.wasm").symlink_to(sibling / "a.wasm")
    refused(folder, FileOutsideFolder)


def test_links_in_a_circle(folder: Path) -> None:
    (folder / "module.wasm").unlink()
    (folder / "module.wasm").symlink_to("other.wasm")
    (folder / "other.wasm").symlink_to("module.wasm")
    refused(folder, FileUnreadable)


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    (folder / "module.wasm").unlink()
    (folder / "module.wasm").mkdir()
    refused(folder, FileUnreadable)


def test_a_pipe_does_not_hold_up(folder: Path) -> None:
    (folder / "module.wasm").unlink()
    os.mkfifo(folder / "module.wasm")
    refused(folder, FileUnreadable)


def test_a_socket_is_no_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "module.wasm").unlink()
    monkeypatch.chdir(folder)  # the address of a socket is a short path
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("module.wasm")
    refused(folder, FileUnreadable)


def test_a_name_that_the_system_refuses(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(manifest("ä" * 250))
    refused(folder, FileUnreadable)


def test_sizes_have_limits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "manifest.json").write_bytes(manifest() + b" " * MAX_MANIFEST_BYTES)
    error = refused(folder, FileTooLarge)
    assert isinstance(error, FileTooLarge)
    assert error.limit == MAX_MANIFEST_BYTES
    assert error.size == len(manifest()) + MAX_MANIFEST_BYTES

    (folder / "manifest.json").write_bytes(manifest().ljust(MAX_MANIFEST_BYTES))
    monkeypatch.setattr(extension_folder, "MAX_WASM_BYTES", len(WASM))
    assert read_extension(folder).wasm_bytes == WASM
    (folder / "module.wasm").write_bytes(WASM + b"\0")
    error = refused(folder, FileTooLarge)
    assert isinstance(error, FileTooLarge)
    assert (error.size, error.limit) == (len(WASM) + 1, len(WASM))


def test_a_huge_module_is_refused_unread(folder: Path) -> None:
    with (folder / "module.wasm").open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no space, and reading it would take all memory
    error = refused(folder, FileTooLarge)
    assert isinstance(error, FileTooLarge)
    assert error.size == 1 << 40


def test_an_empty_module_is_not_this_module_s_affair(folder: Path) -> None:
    (folder / "module.wasm").write_bytes(b"")
    assert read_extension(folder).wasm_bytes == b""


def test_a_special_file_of_the_kernel(folder: Path) -> None:
    (folder / "module.wasm").unlink()
    (folder / "module.wasm").symlink_to("/dev/zero")
    refused(folder, FileOutsideFolder)


def test_the_counter_example() -> None:
    package = read_extension(Path(__file__).resolve().parents[2] / "examples" / "counter")
    assert package.manifest.id == "counter"
    assert package.wasm_bytes.startswith(WASM)
    assert package.warnings == ()
