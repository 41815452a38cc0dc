"""What deletions leave on the disk, and that nothing goes which anything names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.vdfs.shelf import Shelf
from tests.support.python_jobs import PythonJobs

from perdure.runtime import Runtime
from perdure.runtime.errors import OperationError
from perdure.runtime.vdfs import entry_operations
from perdure.runtime.vdfs.contents import PART_BYTES
from perdure.runtime.vdfs.marks import KEY_ROW, MARK_BYTES, fresh_mark, process_of_marks
from perdure.store import check


def bytes_of(number: int) -> bytes:
    """Different bytes for each number, too many for a row."""
    return number.to_bytes(4, "big") * 2_000


def import_one(shelf: Shelf, number: int) -> None:
    shelf.library.create_entry(f"{number}", bytes_of(number))


def test_a_sweep_leaves_nothing_of_what_was_deleted(shelf: Shelf) -> None:
    kept = shelf.library.create_entry("kept", bytes_of(1))
    for number in range(2, 6):
        shelf.delete(shelf.library.create_entry(f"{number}", bytes_of(number)))
    swept = shelf.library.sweep()
    assert swept.blobs >= 1
    assert not swept.more
    assert shelf.blobs() == 1
    assert shelf.content(kept) == bytes_of(1)
    shelf.delete(kept)
    shelf.library.sweep()
    assert shelf.blobs() == 0
    assert [
        row.key for row in shelf.runtime.store.rows(b"vdfs\0") if row.key.split(b"\0")[1] not in (b"q", b"u", b"m")
    ] == []
    assert shelf.library.sweep().blobs == 0


def test_deleting_sweeps_by_itself(shelf: Shelf) -> None:
    most = 0
    for number in range(60):
        shelf.delete(shelf.library.create_entry(f"{number}", bytes_of(number)))
        most = max(most, shelf.blobs())
    assert most < 12
    entry = shelf.library.create_entry("a")
    for number in range(60):
        shelf.write(entry, "thumbnail", bytes_of(number))
        most = max(most, shelf.blobs())
    assert most < 24


def test_bytes_that_another_entry_has_stay(shelf: Shelf) -> None:
    one, two = (shelf.library.create_entry(name, bytes_of(1)) for name in ("one", "two"))
    assert shelf.blobs() == 1
    shelf.delete(one)
    shelf.library.sweep()
    assert shelf.content(two) == bytes_of(1)
    shelf.delete(two)
    shelf.library.sweep()
    assert shelf.blobs() == 0


def test_bytes_that_come_back_before_the_sweep_are_taken_up(shelf: Shelf) -> None:
    shelf.delete(shelf.library.create_entry("a", bytes_of(1)))
    back = shelf.library.create_entry("a", bytes_of(1))
    assert shelf.blobs() == 1
    shelf.library.sweep()
    assert shelf.content(back) == bytes_of(1)


def test_bytes_that_come_back_in_the_middle_of_a_sweep_get_a_blob_of_their_own(shelf: Shelf) -> None:
    shelf.delete(shelf.library.create_entry("a", bytes_of(1)))
    condemned = shelf.call("sweep")
    assert (condemned.blobs, condemned.more) == (0, True)
    back = shelf.library.create_entry("a", bytes_of(1))
    assert shelf.blobs() == 2
    assert shelf.library.sweep().blobs == 1
    assert shelf.blobs() == 1
    assert shelf.content(back) == bytes_of(1)
    written = shelf.write(back, "same", bytes_of(1))
    assert written.digest == back.digest
    assert shelf.blobs() == 1


def test_a_creation_under_the_same_key_does_not_meet_its_condemned_blob(shelf: Shelf) -> None:
    def make() -> object:
        return shelf.call("write_sidecar", effect_key="same", entry_id=entry.id, name="a", text="x" * 5_000)

    entry = shelf.create()
    make()
    shelf.call("delete_sidecar", entry_id=entry.id, name="a")
    shelf.call("sweep")
    make()
    shelf.library.sweep()
    assert shelf.read(entry, "a", text=True).text == "x" * 5_000


def test_an_entry_of_many_parts_goes_in_steps(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_operations, "_PURGED", 3)
    entry = shelf.create()
    size = 0
    for number in range(7):
        size = shelf.append(entry, size, bytes_of(number)).size
    for number in range(4):
        shelf.write(entry, f"{number}", bytes_of(100 + number))
    assert shelf.blobs() == 11
    shelf.delete(entry)
    usage = shelf.library.usage()
    assert (usage.bytes_used, usage.entries_used) == (0, 0)
    step = shelf.call("sweep", limit=2)
    assert (step.rows, step.more) == (2, True)
    swept = shelf.library.sweep()
    assert swept.rows == 6
    assert shelf.blobs() == 0
    assert shelf.runtime.store.rows(b"vdfs\0p\0") == shelf.runtime.store.rows(b"vdfs\0t\0") == []


def test_sweeps_beside_everything_else(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime:
        shelf = Shelf(runtime)
        kept = [shelf.library.create_entry(f"{number}", bytes_of(number)) for number in range(3)]

        def busy(turn: int) -> None:
            try:
                if turn % 3 == 0:
                    shelf.library.sweep()
                else:
                    entry = shelf.library.create_entry("x", bytes_of(turn % 5))
                    assert shelf.content(entry) == bytes_of(turn % 5)
                    shelf.delete(entry)
            except OperationError as error:
                if error.code != "unavailable":
                    raise

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(busy, range(60)))
        for number, entry in enumerate(kept):
            assert shelf.content(entry) == bytes_of(number)
        for entry in shelf.entries():
            shelf.delete(entry)
        shelf.library.sweep()
        assert shelf.blobs() == 0
        assert check(runtime.store).problems == []


def test_a_refused_import_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(OperationError):
        shelf.library.create_entry("a/b", bytes_of(1))
    with pytest.raises(OperationError):
        shelf.library.create_entry("a", bytes_of(1), metadata={"a": "x" * 70_000})
    mixed: Any = iter([b"x" * 5_000_000, "text"])
    with pytest.raises(TypeError):
        shelf.library.create_entry("a", mixed)
    shelf.library.set_quota(size=6_000)
    with pytest.raises(OperationError) as refused:
        shelf.library.create_entry("a", bytes_of(1))
    assert "quota exceeded" in refused.value.message
    blobs = shelf.runtime.store.blobs
    left = [blob for blob in map(blobs.get, blobs.digests()) if blob[MARK_BYTES:] in (bytes_of(1), b"x" * PART_BYTES)]
    assert left == []
    assert shelf.entries() == []


def test_what_a_crash_left_is_removed_and_nothing_else(shelf: Shelf) -> None:
    store = shelf.runtime.store
    kept = shelf.library.create_entry("kept", bytes_of(1))
    shelf.delete(shelf.library.create_entry("idle", bytes_of(2)))
    key = store.row(KEY_ROW)
    assert key is not None
    unsealed = b"x" * MARK_BYTES + bytes_of(3)
    others = {store.blobs.put(data) for data in (bytes_of(3), unsealed, b"short", b"")}  # of the log
    staged = store.blobs.put(fresh_mark(key.value) + bytes_of(3))
    before = set(store.blobs.digests())
    assert shelf.library.remove_orphans().blobs == 0  # a call of this process may be about to name it
    assert set(store.blobs.digests()) == before
    process_of_marks.cache_clear()  # the next process
    assert shelf.library.remove_orphans().blobs == 1
    assert set(store.blobs.digests()) == before - {staged}
    assert others < before
    assert shelf.content(kept) == bytes_of(1)


def test_a_guest_may_not_remove_orphans(shelf: Shelf, tmp_path: Path) -> None:
    jobs = PythonJobs(shelf.runtime, tmp_path, methods=["*"])
    assert jobs.call("action:vdfs.remove_orphans", {})["code"] == "permission_denied"
