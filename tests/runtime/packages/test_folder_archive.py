from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.packages import ACME, folder, package

from perdure.runtime.errors import ManifestError
from perdure.runtime.extension_folder import read_extension
from perdure.runtime.packages.errors import BadPackage, NotAPackage, PackageUnreadable
from perdure.runtime.packages.folder_archive import folder_archive, unpack_folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def whole(place: Path) -> bytes:
    return folder_archive(read_extension(folder(place)))


def _unpacked(place: Path, data: bytes) -> Path:
    file, number = place / "archive", len(list(place.iterdir()))
    file.write_bytes(data)
    target = place / f"out-{number}"
    unpack_folder(file, target)
    return target


def test_what_is_unpacked_is_the_folder(place: Path, whole: bytes) -> None:
    assert read_extension(_unpacked(place, whole)) == read_extension(folder(place))


def test_other_programs_read_it(place: Path, whole: bytes) -> None:
    (place / "it.zip").write_bytes(whole)
    with zipfile.ZipFile(place / "it.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "module.wasm"]


def test_a_module_in_a_folder_below(place: Path) -> None:
    written = folder(place, "2.0.0")
    (written / "build").mkdir(exist_ok=True)
    (written / "module.wasm").rename(written / "build" / "m.wasm")
    manifest = written / "manifest.json"
    manifest.write_text(manifest.read_text().replace("module.wasm", "build/m.wasm"))
    found = _unpacked(place, folder_archive(read_extension(written)))
    assert (found / "build" / "m.wasm").read_bytes() == (written / "build" / "m.wasm").read_bytes()


@given(st.data())
def test_every_byte_counts(place: Path, whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    with pytest.raises((BadPackage, NotAPackage, ManifestError)):
        _unpacked(place, whole[:at] + bytes([other]) + whole[at + 1 :])


@given(st.data())
def test_it_is_whole_or_nothing(place: Path, whole: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises((BadPackage, NotAPackage)):
        _unpacked(place, whole[:end])
    with pytest.raises(BadPackage, match="does not end"):
        _unpacked(place, whole + b"\0")


def test_a_manifest_cannot_lead_out_of_the_folder(place: Path) -> None:
    read = read_extension(folder(place, "3.0.0"))
    data = folder_archive(read).replace(b"module.wasm", b"../../x.was")
    with pytest.raises((ManifestError, BadPackage)):
        _unpacked(place, data)
    assert not (place.parent / "x.was").exists()


def test_a_package_is_none(place: Path) -> None:
    with pytest.raises(NotAPackage):
        unpack_folder(package(place, ACME), place / "no")
    with pytest.raises(PackageUnreadable):
        unpack_folder(place / "nothing", place / "no")
