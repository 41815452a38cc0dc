"""Packages from anybody: not one byte may differ from what was signed, and a hostile publisher gets nothing by one."""

from __future__ import annotations

import functools
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.packages import ACME, OTHER, Content, archive, forged, one_job, package, signature, statement

from perdure.runtime import BadPackage, ManifestError, NotAPackage, PackageError, Runtime, UnsupportedPackage
from perdure.runtime.extension_folder import MAX_WASM_BYTES
from perdure.runtime.packages.archive import Entry, directory, local_header
from perdure.runtime.packages.package_reader import check_package, read_package
from perdure.runtime.packages.publisher_key import rotated
from perdure.runtime.packages.statement import MAX_STATEMENT_BYTES, STATEMENT_FILE, PackedFile, signed_text

MANIFEST: Final = b'{"id": "acme", "name": "Acme", "version": "1.0.0", "wasm_file": "module.wasm"}'
WASM: Final = b"\0asm\1\0\0\0"
CONTENTS: Final[list[Content]] = [("manifest.json", MANIFEST), ("module.wasm", WASM), ("LICENSE", b"free")]


@functools.cache
def whole() -> bytes:
    """A small package, with a line of keys."""
    return forged(CONTENTS, rotated(ACME))


def checked(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".perdure-ext") as file:
        file.write(data)
        file.flush()
        check_package(file.name)


def refused(data: bytes, kind: type[Exception] = BadPackage, says: str | None = None) -> None:
    with pytest.raises(kind, match=says):
        checked(data)


def test_the_package_itself_is_taken() -> None:
    checked(whole())


def test_each_byte_counts() -> None:
    data = bytearray(whole())
    for at in range(len(data)):
        data[at] ^= 1
        refused(bytes(data), PackageError)
        data[at] ^= 1


@given(st.data())
def test_any_change_of_a_byte_is_refused(draw: st.DataObject) -> None:
    data = bytearray(whole())
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] = draw.draw(st.integers(0, 255).filter(lambda value: value != data[at]))
    refused(bytes(data), PackageError)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.binary(max_size=40))
@example(0, 0, b"\0")
@example(10_000, 0, b"\0")
@example(10_000, 0, b"PK\5\6" + bytes(18))
def test_bytes_put_in_or_taken_out_are_refused(at: int, count: int, new: bytes) -> None:
    data = whole()
    at = min(at, len(data))
    changed = data[:at] + new + data[at + count :]
    if changed != data:
        refused(changed, PackageError)


@given(st.binary(max_size=200))
@example(b"PK\3\4")
@example(b"PK\5\6" + bytes(18))
def test_anything_else_is_no_package(data: bytes) -> None:
    refused(data, NotAPackage)


# --- what an attacker without the key can do -------------------------------------------------------------------------


def test_files_of_another_package_are_not_taken() -> None:
    said = signature(statement(CONTENTS))
    for other in (
        [("manifest.json", MANIFEST), ("module.wasm", WASM + b"\0"), ("LICENSE", b"free")],
        [("manifest.json", MANIFEST), ("module.wasm", WASM)],
        [CONTENTS[0], CONTENTS[2], CONTENTS[1]],
        [*CONTENTS, ("README.md", b"more")],
        [*CONTENTS, CONTENTS[2]],
        [],
    ):
        refused(archive([(STATEMENT_FILE, said), *other]))


@pytest.mark.parametrize(
    "change",
    [
        lambda said: signed_text(said, bytes(64)),
        lambda said: signature(said, OTHER),
        lambda said: signature(said).replace(ACME.public.hex().encode(), OTHER.public.hex().encode()),
        lambda said: signature(said).replace(b"name Acme", b"name Acne"),
        lambda said: signature(said).replace(b"version 1.0.0", b"version 9.0.0"),
        lambda said: signature(said).replace(b"name Acme", b"name  Acme"),
        lambda said: signature(said).upper(),
        lambda said: signature(said) + b"\n",
        lambda said: signature(said).replace(b"\n", b"\r\n"),
        lambda said: signature(said)[:-2],
        lambda said: said.text,
        lambda said: b"",
        lambda said: b"\xff" * 100,
        lambda said: b"perdure-package 1\n" * 100,
        lambda said: signature(said).replace(b" 78 manifest", b" 0078 manifest"),
        lambda said: signature(said).replace(b" 78 manifest", b" " + b"7" * 50_000 + b" manifest"),
    ],
)
def test_statements_that_nobody_signed(change: Callable[[Any], bytes]) -> None:
    text = change(statement(CONTENTS))
    refused(archive([(STATEMENT_FILE, text), *CONTENTS]), says="its statement cannot be believed")


def test_a_newer_format_says_so() -> None:
    text = signature(statement(CONTENTS)).replace(b"perdure-package 1", b"perdure-package 2")
    refused(archive([(STATEMENT_FILE, text), *CONTENTS]), UnsupportedPackage, "format '2', this perdure knows 1")


def test_an_endorsement_cannot_be_moved_to_another_key() -> None:
    new = rotated(ACME)
    refused(forged(CONTENTS, OTHER, endorsements=new.endorsements), says="line of keys")
    refused(forged(CONTENTS, ACME, endorsements=new.endorsements), says="line of keys")


# --- what a publisher can do who signs it ----------------------------------------------------------------------------

SAFE: Final = "the path of its module is none"
NAMES: Final[list[tuple[str, str]]] = [
    ("../module.wasm", SAFE),
    ("a/../../module.wasm", SAFE),
    ("/module.wasm", SAFE),
    ("C:\\module.wasm", SAFE),
    ("..", SAFE),
    (".", SAFE),
    ("a//module.wasm", SAFE),
    ("./module.wasm", SAFE),
    ("module.wasm/", SAFE),
    ("a\x1b[2J.wasm", SAFE),
    ("\u202emsaw.a", SAFE),
    ("x" * 256, SAFE),
    (" ", "wasm_file"),
    ("manifest.json", "one name"),
    ("MANIFEST.json", "one name"),
    ("SIGNATURE", "one name"),
    ("signature", "one name"),
]


@pytest.mark.parametrize(("name", "says"), NAMES)
def test_names_that_lead_elsewhere(name: str, says: str) -> None:
    refused(forged([CONTENTS[0], (name, WASM)]), (BadPackage, ManifestError), says)  # type: ignore[arg-type]  # a tuple


@pytest.mark.parametrize(
    "contents",
    [
        [],
        CONTENTS[:1],
        CONTENTS[1:],
        [CONTENTS[1], CONTENTS[0]],
        [*CONTENTS, ("setup.py", b"")],
        [*CONTENTS, ("a/README.md", b"")],
        [*CONTENTS[:2], ("LICENSE", b""), ("README.md", b"")],  # not in their order
        [*CONTENTS, CONTENTS[2]],
        [*CONTENTS[:2], *[("LICENSE", b"")] * 300],
    ],
)
def test_other_files_than_a_package_has(contents: list[Content]) -> None:
    refused(forged(contents), says="cannot be believed")


@pytest.mark.parametrize(
    ("index", "size"), [(0, 1 << 20 | 1), (1, MAX_WASM_BYTES + 1), (2, 1 << 20 | 1), (1, 10**11), (1, 10**30)]
)
def test_sizes_beyond_the_limits_are_refused_before_they_are_read(index: int, size: int) -> None:
    files = list(statement(CONTENTS).files)
    files[index] = PackedFile(files[index].sha256, size, files[index].path)
    refused(forged(CONTENTS, files=tuple(files)), says="cannot be believed")


def test_a_size_that_is_claimed_takes_no_memory() -> None:
    files = list(statement(CONTENTS).files)
    files[1] = PackedFile(files[1].sha256, MAX_WASM_BYTES, files[1].path)
    said = signature(statement(CONTENTS, files=tuple(files)))
    claim = local_header(Entry("module.wasm", MAX_WASM_BYTES, 0))
    data = archive([(STATEMENT_FILE, said), CONTENTS[0]])
    end = directory([Entry(STATEMENT_FILE, len(said), zlib.crc32(said)), Entry(*_entry(CONTENTS[0]))])
    tracemalloc.start()
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data.removesuffix(end) + claim + WASM)
            file.flush()
            with pytest.raises(BadPackage, match="ends too early"):
                read_package(file.name)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_module_is_checked_in_little_memory(tmp_path: Path) -> None:
    big = bytes(32 << 20)
    (tmp_path / "a.perdure-ext").write_bytes(forged([CONTENTS[0], ("module.wasm", big)]))
    tracemalloc.start()
    try:
        check_package(tmp_path / "a.perdure-ext")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_statement_of_any_size_is_not_read() -> None:
    text = signature(statement(CONTENTS)) + b"x" * MAX_STATEMENT_BYTES
    refused(archive([(STATEMENT_FILE, text), *CONTENTS]), says="its statement has")


@pytest.mark.parametrize("name", ["", "\x1b[31mAcme", "x" * 101, " Acme", "\u202eemcA"])
def test_names_of_publishers_that_a_terminal_would_act_on(name: str) -> None:
    refused(forged(CONTENTS, name=name), says="cannot be believed")


def test_what_the_statement_says_of_the_extension_is_what_the_manifest_says() -> None:
    refused(forged(CONTENTS, extension="other"), says="its manifest is that of acme 1.0.0")
    refused(forged(CONTENTS, version="9.0.0"), says="its manifest is that of acme 1.0.0")
    refused(forged([CONTENTS[0], ("other.wasm", WASM)]), ManifestError, "wasm_file")
    for manifest in (b"", b"[]", b"{}", MANIFEST + b" x"):
        refused(forged([("manifest.json", manifest), CONTENTS[1]]), ManifestError)


def test_nothing_of_a_bad_package_is_stored(tmp_path: Path) -> None:
    good = package(tmp_path).read_bytes()
    at = good.index(one_job("job1")) + 20
    bad = tmp_path / "bad.perdure-ext"
    bad.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    with Runtime.open(tmp_path / "data") as runtime:
        before = runtime.store.position()
        with pytest.raises(BadPackage) as caught:
            runtime.install(bad)
        assert "module.wasm is not what was signed" in str(caught.value)
        assert "get it again from its publisher" in str(caught.value)
        assert (runtime.store.position(), runtime.extensions()) == (before, [])
        assert not [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]


def _entry(content: Content) -> tuple[str, int, int]:
    path, data = content
    return path, len(data), zlib.crc32(data)
