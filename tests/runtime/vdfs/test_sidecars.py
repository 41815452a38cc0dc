"""Sidecars: named notes beside an entry."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from tests.runtime.vdfs.shelf import Shelf

from perdure.runtime.vdfs import sidecar_operations

MIB = 1024 * 1024


@pytest.mark.parametrize("content", [b"", b"x", "é".encode(), b"\xff\0", b"y" * 4097, b"z" * 4 * MIB])
def test_a_sidecar_comes_back(shelf: Shelf, content: bytes) -> None:
    entry = shelf.create()
    written = shelf.write(entry, "ocr.json", content, media_type="application/json")
    read = shelf.read(entry, "ocr.json")
    assert read.sidecar == written
    assert (read.content, read.text) == (content, None)
    assert (written.name, written.media_type, written.size) == ("ocr.json", "application/json", len(content))
    assert written.digest == hashlib.sha256(content).hexdigest()
    assert (written.revision, written.extension) == (1, None)
    assert shelf.sidecars(entry) == [written]
    assert shelf.get(entry).sidecars == 1
    assert shelf.get(entry).revision == 1


def test_text(shelf: Shelf) -> None:
    entry = shelf.create()
    written = shelf.call("write_sidecar", entry_id=entry.id, name="a", text="é\0")
    assert written.media_type == "text/plain; charset=utf-8"
    assert shelf.read(entry, "a", text=True).text == "é\0"
    shelf.write(entry, "b", b"\xff")
    assert shelf.read(entry, "b", text=True).content == b"\xff"
    shelf.write(entry, "c", b"\1" * 2 * MIB)  # as text six times as long
    assert shelf.read(entry, "c", text=True).content == b"\1" * 2 * MIB


def test_writing_over_one(shelf: Shelf) -> None:
    entry = shelf.create()
    first = shelf.write(entry, "a", b"1")
    second = shelf.write(entry, "a", b"2" * 10_000)
    assert (second.revision, second.created) == (2, first.created)
    assert shelf.read(entry, "a").content == b"2" * 10_000
    assert shelf.get(entry).sidecars == 1
    other_type = shelf.write(entry, "a", b"2" * 10_000, media_type="image/png")
    assert (other_type.revision, other_type.media_type) == (3, "image/png")
    assert shelf.read(entry, "a").content == b"2" * 10_000
    # The same once more is no change, as after a crash.
    assert shelf.write(entry, "a", b"2" * 10_000, media_type="image/png", if_revision=2) == other_type


def test_revisions(shelf: Shelf) -> None:
    entry = shelf.create()
    shelf.write(entry, "a", b"1", if_revision=0)
    for wrong in (0, 2):
        shelf.refused("write_sidecar", "failed", entry_id=entry.id, name="a", text="2", if_revision=wrong)
    shelf.refused("write_sidecar", "failed", entry_id=entry.id, name="b", text="2", if_revision=1)
    assert shelf.read(entry, "a").content == b"1"
    shelf.write(entry, "a", b"2", if_revision=1)
    shelf.refused("delete_sidecar", "failed", entry_id=entry.id, name="a", if_revision=1)
    assert shelf.call("delete_sidecar", entry_id=entry.id, name="a", if_revision=2).deleted
    assert not shelf.call("delete_sidecar", entry_id=entry.id, name="a", if_revision=2).deleted
    shelf.refused("read_sidecar", "not_found", entry_id=entry.id, name="a")
    assert shelf.get(entry).sidecars == 0


@pytest.mark.parametrize("name", ["../a", "a/b", "a\\b", ".", "..", "", "a\0", "\n", " a", "\u202ea", "x" * 256, 5])
@pytest.mark.parametrize("operation", ["write_sidecar", "read_sidecar", "delete_sidecar"])
def test_names_that_are_refused(shelf: Shelf, operation: str, name: object) -> None:
    entry = shelf.create()
    shelf.refused(operation, "invalid_payload", entry_id=entry.id, name=name)
    assert shelf.sidecars(entry) == []


def test_look_alikes_are_different_names_and_spellings_are_not(shelf: Shelf) -> None:
    entry = shelf.create()
    shelf.write(entry, "é", b"1")
    assert shelf.read(entry, unicodedata.normalize("NFD", "é")).content == b"1"
    for other in ("\u0435\u0301", "É", "e"):  # Cyrillic, upper case, without the accent
        shelf.refused("read_sidecar", "not_found", entry_id=entry.id, name=other)


def test_no_name_reaches_another_entrys_rows(shelf: Shelf) -> None:
    one, two = shelf.create("1"), shelf.create("2")
    shelf.write(one, "a", b"1")
    for name in (two.id.hex, f"{one.id.hex} a", "a" * 255):
        shelf.write(two, name, b"2")
    assert [sidecar.name for sidecar in shelf.sidecars(one)] == ["a"]
    shelf.delete(two)
    assert shelf.read(one, "a").content == b"1"


def test_pages(shelf: Shelf) -> None:
    entry, other = shelf.create(), shelf.create()
    names = ["b", "a", "a b", "é", "B", "ab"]
    for name in names:
        shelf.write(entry, name, b"x")
    assert [sidecar.name for sidecar in shelf.sidecars(entry, limit=2)] == sorted(names, key=str.encode)
    assert [sidecar.name for sidecar in shelf.sidecars(entry, limit=6)] == sorted(names, key=str.encode)
    page = shelf.call("list_sidecars", entry_id=entry.id, limit=2)
    assert shelf.call("list_sidecars", entry_id=entry.id, limit=6).next is None
    # A cursor is its entry's.
    shelf.refused("list_sidecars", "invalid_payload", entry_id=other.id, limit=2, cursor=page.next)
    shelf.refused("list_sidecars", "invalid_payload", entry_id=entry.id, cursor="x")


def test_a_sidecar_is_small(shelf: Shelf) -> None:
    entry = shelf.create()
    message = shelf.refused("write_sidecar", "invalid_payload", entry_id=entry.id, name="a", text="x" * (4 * MIB + 1))
    assert "may have 4194304" in message


def test_an_entry_has_a_bound_of_sidecars(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar_operations, "MAX_SIDECARS", 2)
    entry = shelf.create()
    shelf.write(entry, "a", b"1")
    shelf.write(entry, "b", b"1")
    shelf.refused("write_sidecar", "failed", entry_id=entry.id, name="c", text="1")
    shelf.write(entry, "b", b"2")
    shelf.call("delete_sidecar", entry_id=entry.id, name="a")
    shelf.write(entry, "c", b"1")
