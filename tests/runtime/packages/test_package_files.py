"""A package is what its publisher packed, in one spelling; who reads it sees the same."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from tests.support.extension_folders import write_extension
from tests.support.packages import ACME, OTHER, folder, one_job, package

from perdure.runtime import ExtensionFolderError, FileOutsideFolder, FileTooLarge, PackageUnreadable, check_package
from perdure.runtime.packages.errors import NotPackable, PackageNotWritten
from perdure.runtime.packages.package_reader import read_package
from perdure.runtime.packages.package_writer import write_package
from perdure.runtime.packages.publisher_key import PublisherKey, rotated
from perdure.runtime.packages.statement import EXTRA_FILES, MAX_EXTRA_BYTES
from perdure.runtime.seals.signing import as_pem


def test_a_package_holds_what_was_packed(tmp_path: Path) -> None:
    source = folder(tmp_path, description="It does nothing.")
    (source / "README.md").write_text("Read me")
    (source / "notes.txt").write_text("not for others")
    made = write_package(source, tmp_path / "a.perdure-ext", ACME)
    contents, extension = read_package(tmp_path / "a.perdure-ext")
    assert contents == made == check_package(tmp_path / "a.perdure-ext")
    assert extension.manifest_bytes == (source / "manifest.json").read_bytes()
    assert extension.wasm_bytes == one_job("job1")
    said = contents.statement
    assert (said.extension, said.version, said.key, said.name) == ("acme", "1.0.0", ACME.public, "Acme")
    assert [file.path for file in said.files] == ["manifest.json", "module.wasm", "README.md"]
    assert (contents.size, len(contents.sha256)) == ((tmp_path / "a.perdure-ext").stat().st_size, 64)


def test_same_files_and_same_key_same_bytes(tmp_path: Path) -> None:
    first = package(tmp_path / "one").read_bytes()
    assert package(tmp_path / "two").read_bytes() == first
    assert package(tmp_path / "three", OTHER).read_bytes() != first


def test_programs_that_unpack_zip_files_read_it(tmp_path: Path) -> None:
    source = folder(tmp_path)
    (source / "icon.png").write_bytes(b"\x89PNG")
    write_package(source, tmp_path / "a.perdure-ext", PublisherKey("Æther & Co", bytes(32)))
    with zipfile.ZipFile(tmp_path / "a.perdure-ext") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["SIGNATURE", "manifest.json", "module.wasm", "icon.png"]
        assert archive.read("icon.png") == b"\x89PNG"
        assert "\nname Æther & Co\n" in archive.read("SIGNATURE").decode()
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_openssl_says_the_same(tmp_path: Path) -> None:
    with zipfile.ZipFile(package(tmp_path)) as archive:
        statement, _, signature = archive.read("SIGNATURE").rpartition(b"signature ")
    (tmp_path / "statement").write_bytes(statement)
    (tmp_path / "signature").write_bytes(bytes.fromhex(signature.decode()))
    (tmp_path / "key.pem").write_text(as_pem(ACME.public))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in statement -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Verified Successfully" in done.stdout) == (0, True), done


def test_a_zip_of_the_same_files_by_another_program_is_none(tmp_path: Path) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(package(tmp_path)) as archive, zipfile.ZipFile(written, "w") as again:
        for name in archive.namelist():
            again.writestr(name, archive.read(name))
    (tmp_path / "again.perdure-ext").write_bytes(written.getvalue())
    with pytest.raises(Exception, match="is no package"):
        check_package(tmp_path / "again.perdure-ext")


def test_what_people_may_want_to_read_goes_along(tmp_path: Path) -> None:
    source, project = folder(tmp_path), tmp_path / "project"
    project.mkdir()
    for name in EXTRA_FILES:
        (project / name).write_text("of the project")
    (source / "LICENSE").write_text("of the extension")
    made = write_package(source, tmp_path / "a.perdure-ext", ACME, beside=project)
    assert [file.path for file in made.statement.files[2:]] == list(EXTRA_FILES)
    with zipfile.ZipFile(tmp_path / "a.perdure-ext") as archive:
        assert archive.read("LICENSE") == b"of the extension"
        assert archive.read("README") == b"of the project"


def test_a_line_of_keys_goes_along(tmp_path: Path) -> None:
    key = rotated(rotated(ACME, "Acme International"))
    contents = check_package(package(tmp_path, key))
    assert contents.statement.name == "Acme International"
    assert contents.statement.earlier[0] == ACME.public
    assert len(contents.statement.earlier) == 2


def test_a_module_in_a_folder_of_the_extension(tmp_path: Path) -> None:
    source = write_extension(tmp_path / "a", one_job(), wasm_file="build/mödule.wasm")
    (source / "build").mkdir()
    (source / "module.wasm").rename(source / "build" / "mödule.wasm")
    write_package(source, tmp_path / "a.perdure-ext", ACME)
    assert read_package(tmp_path / "a.perdure-ext")[1].wasm_bytes == one_job()


@pytest.mark.parametrize("name", ["manifest.json", "README.md", "signature", "MANIFEST.JSON", "a:b.wasm"])
def test_a_module_whose_name_is_taken(tmp_path: Path, name: str) -> None:
    source = write_extension(tmp_path / "a", one_job(), wasm_file=name)
    if name != "manifest.json":
        (source / "module.wasm").rename(source / name)
    with pytest.raises(NotPackable):
        write_package(source, tmp_path / "a.perdure-ext", ACME)
    assert not list(tmp_path.glob("*.perdure-ext"))


def test_nothing_from_outside_of_the_folder_is_packed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    source = folder(tmp_path)
    (source / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(FileOutsideFolder):
        write_package(source, tmp_path / "a.perdure-ext", ACME)
    (source / "README.md").unlink()
    (source / "README.md").write_bytes(bytes(MAX_EXTRA_BYTES + 1))
    with pytest.raises(FileTooLarge):
        write_package(source, tmp_path / "a.perdure-ext", ACME)
    with pytest.raises(ExtensionFolderError):
        write_package(tmp_path / "nowhere", tmp_path / "a.perdure-ext", ACME)
    assert not list(tmp_path.glob("*.perdure-ext"))


def test_a_package_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PackageNotWritten) as caught:
        write_package(folder(tmp_path), tmp_path / "nowhere" / "a.perdure-ext", ACME)
    assert caught.value.path == tmp_path / "nowhere" / "a.perdure-ext"
    (tmp_path / "taken").mkdir()
    with pytest.raises(PackageNotWritten):
        write_package(folder(tmp_path), tmp_path / "taken", ACME)
    assert not list(tmp_path.glob(".new-*"))


def test_what_is_no_ordinary_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.perdure-ext")
    for path, says in (
        (tmp_path / "pipe.perdure-ext", "no ordinary file"),
        (tmp_path / "none.perdure-ext", "No such file"),
        (tmp_path, "directory"),
    ):
        with pytest.raises(PackageUnreadable, match=says):
            check_package(path)
