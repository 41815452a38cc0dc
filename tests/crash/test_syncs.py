"""What killing a process cannot show: a commit is on the disk, not only with the kernel, when it is answered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdure.store import FileBlobs, LmdbEventStore


def test_lmdb_syncs_each_commit(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path) as store:
        flags = store._env._env.flags()
    assert (flags["sync"], flags["metasync"]) == (True, True)
    assert (flags["map_async"], flags["writemap"]) == (False, False)


def test_a_blob_is_synced_before_it_has_its_name_and_its_name_before_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append("file" if path.is_file() else path.relative_to(tmp_path).as_posix())
        fsync(descriptor)

    def note_rename(self: Path, target: Path) -> Path:
        calls.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    digest = FileBlobs(tmp_path / "blobs").put(b"a blob")
    assert calls[:2] == ["file", "rename"]
    assert set(calls[2:]) >= {f"blobs/{digest[:2]}", "blobs"}
