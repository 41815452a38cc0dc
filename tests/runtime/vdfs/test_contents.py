"""Contents: in parts, from base64 and as text, growing, and whole after a restart."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.runtime.vdfs.shelf import Shelf, base64_of

from perdure.runtime import Runtime
from perdure.runtime.vdfs import contents
from perdure.runtime.vdfs.contents import PART_BYTES
from perdure.store import check
from perdure.store.errors import BlobMissing, CorruptBlob, DiskFull
from perdure.store.events import CALLS_STREAM

MIB = 1024 * 1024


def pattern(size: int) -> bytes:
    """Bytes that differ from place to place."""
    return b"".join(number.to_bytes(8, "big") for number in range(-(-size // 8)))[:size]


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, PART_BYTES, PART_BYTES + 1, 5 * MIB])
def test_content_of_any_size_comes_back(shelf: Shelf, size: int) -> None:
    data = pattern(size)
    entry = shelf.create("a", data)
    assert (entry.size, entry.digest) == (size, hashlib.sha256(data).hexdigest())
    assert shelf.content(entry) == data
    with shelf.library.open(entry.id) as file:
        assert file.read() == data


def test_a_part_of_the_content(shelf: Shelf) -> None:
    data = pattern(5 * MIB)
    entry = shelf.create("a", data)
    for offset, length in ((0, 10), (PART_BYTES - 5, 10), (PART_BYTES, 1), (5 * MIB - 3, 100), (5 * MIB, 5), (7, 0)):
        part = shelf.part(entry, offset=offset, length=length)
        assert part.content == data[offset : offset + length]
        end = offset + part.length
        assert part.next_offset == (end if end < len(data) else None)
        assert (part.size, part.digest) == (entry.size, entry.digest)
    # More than one answer can hold is more than one part.
    first = shelf.part(entry, length=2**40)
    assert (first.length, first.next_offset) == (PART_BYTES, PART_BYTES)


@pytest.mark.parametrize(
    "wrong", [{"offset": -1}, {"offset": 6}, {"offset": 2**62}, {"offset": 2**64}, {"offset": "0"}, {"length": -1}]
)
def test_a_part_that_cannot_be(shelf: Shelf, wrong: dict[str, Any]) -> None:
    entry = shelf.create("a", b"hello")
    shelf.refused("read_content", "invalid_payload", entry_id=entry.id, **wrong)


def test_text_is_cut_between_characters(shelf: Shelf) -> None:
    text = "aé€😀" * 10
    entry = shelf.call("create_entry", name="a", text=text)
    read, offset = "", 0
    while offset < entry.size:
        part = shelf.part(entry, offset=offset, length=1, text=True)
        assert part.content is None
        assert part.text
        read += part.text
        offset += part.length
        assert part.next_offset == (offset if offset < entry.size else None)
    assert read == text


def test_what_is_no_text_is_base64(shelf: Shelf) -> None:
    entry = shelf.create("a", b"ab\xff")
    assert shelf.part(entry, text=True).content == b"ab\xff"
    assert shelf.part(entry, text=True, length=1).content == b"ab\xff"  # as many as a character may need
    cut = shelf.create("b", "aé".encode()[:2])
    assert shelf.part(cut, text=True).content == "aé".encode()[:2]
    assert shelf.part(shelf.create("c"), text=True).text == ""


def test_the_longest_text_fits_into_an_answer(shelf: Shelf) -> None:
    entry = shelf.create("a", b"\1" * 2 * MIB)
    part = shelf.part(entry, text=True)
    assert (part.length, part.next_offset) == (MIB, MIB)


# --- growing ---------------------------------------------------------------------------------------------------------


def test_content_grows(shelf: Shelf) -> None:
    entry = shelf.create("a", b"abc")
    grown = shelf.append(entry, 3, pattern(5 * MIB))
    assert grown == shelf.get(entry)
    data = b"abc" + pattern(5 * MIB)
    assert (grown.size, grown.digest, grown.revision) == (len(data), hashlib.sha256(data).hexdigest(), 2)
    assert shelf.append(entry, grown.size, b"!").size == len(data) + 1
    assert shelf.content(entry) == data + b"!"


def test_what_is_added_goes_to_the_end(shelf: Shelf) -> None:
    entry = shelf.create("a", b"abc")
    for offset in (0, 2, 4, 10):
        assert "has 3 bytes" in shelf.refused(
            "append_content", "failed", entry_id=entry.id, offset=offset, content=base64_of(b"xyz")
        )
    assert shelf.content(entry) == b"abc"


def test_what_is_added_twice_is_there_once(shelf: Shelf) -> None:
    entry = shelf.create("a", b"abc")
    steps = [(3, pattern(10_000)), (10_003, b"x"), (10_004, pattern(5_000))]
    for offset, data in steps:
        shelf.append(entry, offset, data)
    before = shelf.get(entry)
    for offset, data in steps:  # what a guest does that went back to a checkpoint
        assert shelf.append(entry, offset, data) == before
    assert shelf.append(entry, 2, b"") == before


def test_small_pieces_are_put_together(shelf: Shelf) -> None:
    entry = shelf.create("log.txt")
    lines = [b"line %d\n" % number for number in range(300)]
    size = 0
    for line in lines:
        size = shelf.append(entry, size, line).size
    data = b"".join(lines)
    assert shelf.content(entry) == data
    assert shelf.get(entry).digest == hashlib.sha256(data).hexdigest()
    assert shelf.blobs() == 0
    assert len(shelf.runtime.store.rows(b"vdfs\0p\0")) == 1
    assert shelf.library.usage().bytes_used == len(data) + 2 * 256 + 2 * len("log.txt") + len("{}")


def test_the_digest_goes_on_after_a_restart(tmp_path: Path) -> None:
    data = pattern(5 * MIB)
    with Runtime.open(tmp_path) as runtime:
        entry = Shelf(runtime).create("a", data)
    with Runtime.open(tmp_path) as runtime:
        shelf = Shelf(runtime)
        grown = shelf.append(entry, len(data), b"more")
        assert grown.digest == hashlib.sha256(data + b"more").hexdigest()
        assert shelf.content(entry) == data + b"more"
        assert check(runtime.store).problems == []


def test_content_has_a_bound_of_parts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_PARTS", 2)
    entry = shelf.create("a", pattern(5_000))
    shelf.append(entry, 5_000, pattern(5_000))
    before = shelf.library.usage()
    assert "2 parts" in shelf.refused(
        "append_content", "failed", entry_id=entry.id, offset=10_000, content=base64_of(pattern(5_000))
    )
    assert shelf.get(entry).size == 10_000
    assert shelf.library.usage() == before


# --- on the disk -----------------------------------------------------------------------------------------------------


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime:
        shelf = Shelf(runtime)
        for number in range(3):
            entry = shelf.library.create_entry(f"{number}", pattern(50_000))
        shelf.library.create_entry("other", pattern(50_001))
        assert shelf.blobs() == 2
        assert shelf.content(entry) == pattern(50_000)


def test_another_librarys_bytes_are_its_own(shelf: Shelf) -> None:
    other = Shelf(shelf.runtime, UUID(int=5))
    shelf.library.create_entry("a", pattern(50_000))
    other.library.create_entry("a", pattern(50_000))
    assert shelf.blobs() == 2  # so that nobody learns from a library what is in another


def test_damage_is_found_and_not_read(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime:
        shelf = Shelf(runtime)
        entry = shelf.library.create_entry("a", pattern(50_000))
        assert shelf.library.check() == []
        (digest,) = runtime.store.blobs.digests()
        (path,) = tmp_path.glob(f"**/{digest}")
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        (problem,) = shelf.library.check()
        assert str(entry.id) in problem.where
        message = shelf.refused("read_content", "failed", entry_id=entry.id)
        assert str(tmp_path) not in message
        with pytest.raises(CorruptBlob):
            shelf.library.read(entry.id, 0, 10)
        path.unlink()
        shelf.refused("read_content", "failed", entry_id=entry.id)
        with pytest.raises(BlobMissing):
            shelf.library.read(entry.id, 0, 10)


def test_reading_as_a_file_leaves_no_events_of_its_own(shelf: Shelf) -> None:
    entry = shelf.create("a", pattern(50_000))
    with shelf.library.open(entry.id) as file:
        assert len(file.read()) == 50_000
    shelf.create("b")  # durable, so all before it is on disk
    methods = [getattr(stored.event, "method", "") for stored in shelf.runtime.store.read(CALLS_STREAM)]
    assert methods == ["action:vdfs.create_entry", "query:vdfs.get_entry", "action:vdfs.create_entry"]


def test_a_full_disk_changes_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(data: bytes) -> str:
        raise DiskFull(Path("/home/somebody/data"))

    entry = shelf.create("a", b"x")
    before = shelf.library.usage()
    with monkeypatch.context() as patch:
        patch.setattr(shelf.runtime.store.blobs, "put", full)
        for operation, request in (
            ("create_entry", {"name": "b"}),
            ("append_content", {"entry_id": entry.id, "offset": 1}),
            ("write_sidecar", {"entry_id": entry.id, "name": "s"}),
        ):
            message = shelf.refused(operation, "unavailable", **request, content=base64_of(pattern(5_000)))
            assert message == "the host's disk is full; nothing was changed"
        with pytest.raises(DiskFull):
            shelf.library.create_entry("b", pattern(5_000))
    assert shelf.library.usage() == before
    assert shelf.append(entry, 1, pattern(5_000)).size == 5_001


def test_an_entry_that_goes_while_it_is_read_is_not_damaged(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = shelf.library.create_entry("a", pattern(50_000))
    shelf.write(entry, "s", pattern(50_001))
    for operation, name in (("read_content", None), ("read_sidecar", "s")):
        get = shelf.runtime.store.blobs.get

        def gone(digest: str) -> bytes:
            monkeypatch.setattr(shelf.runtime.store.blobs, "get", get)  # noqa: B023, undone before the next one
            shelf.delete(entry)  # noqa: B023
            shelf.library.sweep()
            return get(digest)  # noqa: B023

        monkeypatch.setattr(shelf.runtime.store.blobs, "get", gone)
        shelf.refused(operation, "not_found", entry_id=entry.id, **({"name": name} if name else {}))
        entry = shelf.library.create_entry("a", pattern(50_000))
        shelf.write(entry, "s", pattern(50_001))
