"""Key files: private, written whole or not at all, and gone when they are destroyed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.runtime.secrets.errors import UnsafeKeys
from perdure.runtime.secrets.key_files import FolderKeyFiles, KeyFiles, MemoryKeyFiles
from perdure.store import failpoints
from perdure.store.errors import StoreFailed

KINDS: dict[str, Callable[[Path], KeyFiles]] = {
    "folder": lambda path: FolderKeyFiles(path / "keys"),
    "memory": lambda path: MemoryKeyFiles(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(kind: str, tmp_path: Path) -> None:
    files = KINDS[kind](tmp_path)
    assert files.names() == []
    assert files.read("one") is None
    files.write("two", b"2")
    files.write("one", b"1")
    files.write("one", b"11")
    files.append("list", b"a\n")
    files.append("list", b"b\n")
    assert files.names() == ["list", "one", "two"]
    assert (files.read("one"), files.read("list")) == (b"11", b"a\nb\n")
    files.destroy("one")
    files.destroy("one")
    assert files.read("one") is None
    assert files.names() == ["list", "two"]


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    files = FolderKeyFiles(tmp_path / "keys")
    files.destroy("one")
    files.sweep()
    assert (files.names(), files.read("one")) == ([], None)
    assert not (tmp_path / "keys").exists()


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        files = FolderKeyFiles(tmp_path / "keys")
        files.write("one", b"1")
        files.append("list", b"a\n")
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {"one": 0o600, "list": 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("opened", "use"),
    [
        *(("keys", use) for use in ("names", "read", "write", "append", "destroy")),
        *(("keys/one", use) for use in ("read", "append", "destroy")),
    ],
)
def test_files_that_others_can_read_are_refused(opened: str, use: str, tmp_path: Path) -> None:
    files = FolderKeyFiles(tmp_path / "keys")
    files.write("one", b"1")
    (tmp_path / opened).chmod(0o750)
    with pytest.raises(UnsafeKeys, match="chmod go=") as caught:
        getattr(files, use)(*{"names": (), "write": ("one", b"2"), "append": ("one", b"2")}.get(use, ("one",)))
    assert caught.value.path == tmp_path / opened
    (tmp_path / opened).chmod(0o700)
    assert files.read("one") == b"1"


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "keys").symlink_to("elsewhere")
    files = FolderKeyFiles(tmp_path / "keys")
    with pytest.raises(UnsafeKeys):
        files.write("one", b"1")
    (tmp_path / "keys").unlink()
    files.write("one", b"1")
    (tmp_path / "secret").write_bytes(b"of somebody else")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "keys" / "two").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreFailed):
        files.read("two")
    with pytest.raises(StoreFailed):
        files.destroy("two")
    assert (tmp_path / "secret").read_bytes() == b"of somebody else"


def test_a_destroyed_file_is_overwritten_first(tmp_path: Path) -> None:
    files = FolderKeyFiles(tmp_path / "keys")
    files.write("one", b"a key")
    os.link(tmp_path / "keys" / "one", tmp_path / "same file")
    files.destroy("one")
    assert (tmp_path / "same file").read_bytes() == bytes(5)


class Crash(BaseException):
    pass


def crash() -> None:
    raise Crash


@pytest.mark.parametrize("failpoint", ["keys.before_write", "keys.before_rename", "keys.after_write"])
def test_a_write_that_dies_leaves_the_old_bytes_or_the_new(failpoint: str, tmp_path: Path) -> None:
    files = FolderKeyFiles(tmp_path / "keys")
    files.write("one", b"old")
    failpoints.arm(failpoint, crash)
    try:
        with pytest.raises(Crash):
            files.write("one", b"new")
    finally:
        failpoints.disarm()
    assert files.names() == ["one"]
    assert files.read("one") == (b"new" if failpoint == "keys.after_write" else b"old")


def test_what_a_crash_left_of_a_write_is_swept(tmp_path: Path) -> None:
    files = FolderKeyFiles(tmp_path / "keys")
    files.write("one", b"1")
    left = tmp_path / "keys" / ".new-abc"
    left.write_bytes(b"half a key")
    left.chmod(0o600)
    assert files.names() == ["one"]
    files.sweep()
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["one"]
