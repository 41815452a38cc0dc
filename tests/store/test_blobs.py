from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.store import BlobMissing, CorruptBlob, FileBlobs, MemoryBlobs, StoreFailed, failpoints, load_payload
from perdure.store.blobs import digest_of
from perdure.store.events import BlobRef

DATA = b"some bytes" * 1000


class Died(BaseException):
    """What a process's death looks like from within, as far as that goes."""


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    yield FileBlobs(tmp_path)
    failpoints.disarm()


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def die() -> None:
    raise Died


def test_a_blob_is_a_file_under_its_digest(blobs: FileBlobs, tmp_path: Path) -> None:
    digest = blobs.put(DATA)
    assert (tmp_path / digest[:2] / digest).read_bytes() == DATA
    assert files(tmp_path) == [digest]


def test_blobs_are_there_for_another_object(blobs: FileBlobs, tmp_path: Path) -> None:
    assert FileBlobs(tmp_path).get(blobs.put(DATA)) == DATA


@pytest.mark.parametrize("altered", [b"", DATA[:-1], DATA + b"x", b"X" + DATA[1:]])
def test_an_altered_blob_is_refused(blobs: FileBlobs, tmp_path: Path, altered: bytes) -> None:
    digest = blobs.put(DATA)
    (tmp_path / digest[:2] / digest).write_bytes(altered)
    with pytest.raises(CorruptBlob) as caught:
        blobs.get(digest)
    assert (caught.value.digest, caught.value.found) == (digest, digest_of(altered))
    with pytest.raises(CorruptBlob):
        load_payload(blobs, BlobRef(digest, len(DATA)))


def test_an_altered_blob_in_memory_is_refused() -> None:
    memory = MemoryBlobs()
    digest = memory.put(DATA)
    memory._blobs[digest] = b"other"
    with pytest.raises(CorruptBlob):
        memory.get(digest)


@pytest.mark.parametrize("name", ["blob.before_write", "blob.before_rename"])
def test_a_put_that_did_not_end_left_no_blob(blobs: FileBlobs, tmp_path: Path, name: str) -> None:
    failpoints.arm(name, die)
    with pytest.raises(Died):
        blobs.put(DATA)
    assert not blobs.has(digest_of(DATA))
    assert list(blobs.digests()) == []
    assert files(tmp_path) == []
    failpoints.disarm()
    assert blobs.get(blobs.put(DATA)) == DATA


def test_a_put_is_finished_by_the_next_one(blobs: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process died before it synced the name; whoever puts it again may rely on it."""
    failpoints.arm("blob.after_rename", die)
    with pytest.raises(Died):
        blobs.put(DATA)
    failpoints.disarm()
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    digest = blobs.put(DATA)
    assert synced == [(tmp_path / digest[:2]).stat().st_ino, tmp_path.stat().st_ino]


def test_what_a_crash_left_in_the_middle_is_no_blob(blobs: FileBlobs, tmp_path: Path) -> None:
    digest = blobs.put(DATA)
    (tmp_path / digest[:2] / ".new-abc").write_bytes(b"half a b")
    (tmp_path / "notes.txt").write_text("not ours")
    assert list(blobs.digests()) == [digest]


def test_a_blob_that_cannot_be_read_is_a_named_error(blobs: FileBlobs, tmp_path: Path) -> None:
    digest = digest_of(DATA)
    (tmp_path / digest[:2] / digest).mkdir(parents=True)  # a folder in its place
    with pytest.raises(StoreFailed):
        blobs.get(digest)


def test_a_folder_that_cannot_be_written_to_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreFailed) as caught:
        FileBlobs(tmp_path / "file").put(DATA)
    assert caught.value.path == tmp_path / "file"


@pytest.mark.parametrize(
    "digest", ["", "..", "../secret", "a/b", "A" * 64, "0" * 63, "0" * 65, "g" * 64, "/etc/passwd"]
)
def test_a_name_that_is_no_digest_names_no_blob(blobs: FileBlobs, tmp_path: Path, digest: str) -> None:
    """Nothing outside the folder is read or probed, whatever a damaged log says."""
    (tmp_path.parent / "secret").write_bytes(DATA)
    blobs.put(DATA)
    assert not blobs.has(digest)
    with pytest.raises(BlobMissing):
        blobs.get(digest)


def test_leftovers_of_writes_that_were_cut_short_are_removed_when_they_are_old(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    kept = blobs.put(b"a blob")
    leftover = tmp_path / kept[:2] / ".new-abc"
    leftover.write_bytes(b"half")
    assert blobs.remove_leftovers(time.time() - 60) == 0
    assert blobs.remove_leftovers(time.time() + 60) == 1
    assert not leftover.exists()
    assert list(blobs.digests()) == [kept]


def test_a_blob_that_came_again_counts_as_new(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    digest = blobs.put(b"old")
    os.utime(tmp_path / digest[:2] / digest, (1, 1))
    assert list(blobs.unused(1000)) == [digest]
    blobs.put(b"old")
    assert list(blobs.unused(1000)) == []
    assert blobs.remove_unused(digest, 1000) == 0
    os.utime(tmp_path / digest[:2] / digest, (1, 1))
    blobs.touch(digest)
    assert blobs.remove_unused(digest, 1000) == 0
    os.utime(tmp_path / digest[:2] / digest, (1, 1))
    with blobs.pinned():
        assert blobs.remove_unused(digest, 1000) == 0
    assert blobs.remove_unused(digest, 1000) == 3
