"""`Library`: entries of any size from Python, in constant memory."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.vdfs.shelf import Shelf

from perdure.runtime import Runtime
from perdure.runtime.errors import OperationError
from perdure.runtime.vdfs.contents import PART_BYTES
from perdure.runtime.vdfs.library import Library
from perdure.store import check

MIB = 1024 * 1024


class Film:
    """A file of so many bytes that is nowhere; remembers how it was read."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._block = bytes(range(256)) * 4096
        self._at = 0
        self.longest = 0

    def read(self, size: int) -> bytes:
        self.longest = max(self.longest, size)
        taken = min(size, self._left, len(self._block))
        self._left -= taken
        self._at += 1
        return self._at.to_bytes(8, "big") + self._block[8:taken] if taken > 8 else self._block[:taken]


def digest_of(film: Film) -> str:
    whole = hashlib.sha256()
    while data := film.read(MIB):
        whole.update(data)
    return whole.hexdigest()


def test_a_film_passes_in_constant_memory(tmp_path: Path) -> None:
    size = 80 * MIB + 12_345
    with Runtime.open(tmp_path) as runtime:
        library = Library(runtime, Shelf(runtime).library_id)
        library.create_entry("warm", b"x" * 10_000)
        tracemalloc.start()
        try:
            entry = library.create_entry("film", Film(size), media_type="video/mp4")
            whole = hashlib.sha256()
            with library.open(entry.id) as file:
                while data := file.read(MIB):
                    whole.update(data)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 8 * PART_BYTES
        assert entry.size == size
        assert entry.digest == whole.hexdigest() == digest_of(Film(size))
        # The log has the content's parts by name only.
        log = sum(path.stat().st_size for path in (tmp_path / "log").iterdir())
        assert log < 2 * MIB
        assert check(runtime.store).problems == []


@pytest.mark.parametrize(
    "sizes", [[], [0], [1], [PART_BYTES], [5, PART_BYTES, 3], [PART_BYTES - 1, 2], [9 * MIB, 0, 1]]
)
def test_pieces_of_any_size(shelf: Shelf, sizes: list[int]) -> None:
    data = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    joined = b"".join(data)
    for content in (iter(data), joined, bytearray(joined), memoryview(joined), io.BytesIO(joined)):
        entry = shelf.library.create_entry("a", content)
        assert entry.digest == hashlib.sha256(joined).hexdigest()
        assert shelf.library.open(entry.id).read() == joined
        shelf.delete(entry)


def test_a_file_on_the_disk(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with (tmp_path / "a").open("rb") as file:
        entry = shelf.library.create_entry("a", file, kind="note", metadata={"a": 1})
    assert (entry.kind, entry.metadata, entry.size) == ("note", {"a": 1}, 5)
    with (tmp_path / "a").open() as text, pytest.raises(TypeError, match="binary mode"):
        shelf.library.create_entry("a", text)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(TypeError, match="not int"):
        shelf.library.create_entry("a", 7)  # type: ignore[arg-type]  # what is refused


def test_reading_here_and_there(shelf: Shelf) -> None:
    data = bytes(range(256)) * 40_000
    entry = shelf.library.create_entry("a", data)
    with shelf.library.open(entry.id) as file:
        assert file.seekable()
        for offset in (5_000_000, 0, PART_BYTES - 3, len(data) - 2, len(data), len(data) + 100):
            assert file.seek(offset) == offset
            assert file.read(10) == data[offset : offset + 10]
        assert file.seek(-4, io.SEEK_END) == len(data) - 4
        assert file.read() == data[-4:]
        with pytest.raises((ValueError, OSError)):
            file.seek(-1)
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")


def test_an_open_content_stays_as_it_was(shelf: Shelf) -> None:
    entry = shelf.library.create_entry("a", b"x" * 10_000)
    with shelf.library.open(entry.id) as file:
        shelf.append(entry, 10_000, b"more")
        assert file.read() == b"x" * 10_000
    with shelf.library.open(entry.id) as file:
        shelf.delete(entry)
        shelf.library.sweep()
        with pytest.raises(OSError, match="cannot be read"):
            file.read()
    with pytest.raises(OperationError):
        shelf.library.open(entry.id)


def test_a_second_import_under_one_key(shelf: Shelf) -> None:
    first = shelf.library.create_entry("a", b"x" * 10_000, effect_key="once")
    assert shelf.library.create_entry("a", b"y" * 10_000, effect_key="once") == first
    assert shelf.blobs() == 1
    assert len(shelf.entries()) == 1


def test_a_source_that_fails_leaves_nothing(shelf: Shelf) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 9 * MIB
        raise RuntimeError("the line is dead")

    with pytest.raises(RuntimeError, match="the line is dead"):
        shelf.library.create_entry("a", pieces())
    assert shelf.blobs() == 0
    assert shelf.entries() == []


def test_too_much_is_refused_before_it_is_all_read(shelf: Shelf) -> None:
    shelf.library.set_quota(size=10 * MIB)
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += MIB
            yield bytes(MIB)

    with pytest.raises(OperationError, match="quota exceeded"):
        shelf.library.create_entry("a", pieces())
    assert read <= 13 * MIB
    assert shelf.blobs() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "x"},
        {"parts": [{"size": 5, "digest": "0" * 64}]},
        {"parts": [{"size": 0, "digest": "0" * 64, "blob": "0" * 64}]},
        {"parts": [{"size": 2**40, "digest": "0" * 64, "blob": "0" * 64}]},
        {"parts": [{"size": 5_000, "digest": "0" * 64, "blob": "../x"}]},
        {"parts": [{"size": 5_000, "digest": "g" * 64, "blob": "0" * 64}]},
    ],
)
def test_an_import_of_rubbish(shelf: Shelf, wrong: dict[str, object]) -> None:
    shelf.refused("import_entry", "invalid_payload", **{"name": "a", "digest": "0" * 64, "parts": [], **wrong})
