"""Entries: made, found, listed, changed and deleted, and every way in which that is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from tests.runtime.vdfs.shelf import Shelf, base64_of
from tests.support.manual_clock import ManualClock

from perdure.runtime import Runtime
from perdure.runtime.errors import InvalidPayload, OperationError
from perdure.store.ids import uuid7

NOBODY = str(UUID(int=1))


def test_a_new_entry(shelf: Shelf) -> None:
    entry = shelf.create("a.bin", b"hello", kind="scan", media_type="image/png", metadata={"tags": ["x"], "n": 1.5})
    assert shelf.get(entry) == entry
    assert (entry.name, entry.kind, entry.media_type, entry.metadata) == (
        "a.bin",
        "scan",
        "image/png",
        {"tags": ["x"], "n": 1.5},
    )
    assert (entry.size, entry.digest) == (5, hashlib.sha256(b"hello").hexdigest())
    assert (entry.revision, entry.sidecars, entry.extension, entry.created) == (1, 0, None, entry.updated)
    assert entry.id.version == 7


def test_defaults(shelf: Shelf) -> None:
    empty = shelf.call("create_entry", name="a")
    assert (empty.kind, empty.media_type, empty.metadata, empty.size) == ("file", "application/octet-stream", {}, 0)
    assert empty.digest == hashlib.sha256().hexdigest()
    text = shelf.call("create_entry", name="b", text="é")
    assert (text.media_type, text.size) == ("text/plain; charset=utf-8", 2)


def test_ids_are_in_the_order_of_creation() -> None:
    clock = ManualClock()
    with Runtime.in_memory(clock=clock) as runtime:
        shelf = Shelf(runtime)
        made = []
        for _ in range(5):
            made.append(shelf.create())
            clock.advance(0.002)
        assert [entry.id for entry in shelf.entries()] == [entry.id for entry in made]
        assert made[0].created == clock.now() - 10_000
        assert made[0].id.int >> 80 == uuid7(made[0].created).int >> 80


def test_a_repeated_creation_gives_the_entry_of_the_first(shelf: Shelf) -> None:
    first = shelf.call("create_entry", effect_key="once", name="a", text="x")
    again = shelf.call("create_entry", effect_key="once", name="a", text="x")
    other = shelf.call("create_entry", effect_key="twice", name="a", text="x")
    assert again == first
    assert other.id != first.id
    assert len(shelf.entries()) == 2
    assert shelf.library.usage().entries_used == 2
    assert shelf.delete(first)
    assert shelf.call("create_entry", effect_key="once", name="a", text="x").id != first.id


def test_one_that_is_created_only_if_it_is_absent(shelf: Shelf) -> None:
    first = shelf.create("a", b"one", kind="receipt", if_absent=True)
    assert shelf.create("a", b"two", kind="receipt", if_absent=True, metadata={"n": 1}) == first
    assert shelf.create("a", b"two", if_absent=True).id != first.id, "another kind is another entry"
    assert shelf.create("a.b", b"two", kind="receipt", if_absent=True).id != first.id
    assert shelf.create("a", b"two", kind="receipt").id != first.id, "nobody asked"
    assert len(shelf.entries()) == 4
    assert shelf.library.usage().entries_used == 4
    assert "name" in shelf.refused("create_entry", "invalid_payload", name="a/b", if_absent=True)


def test_its_sidecars_are_there_from_the_beginning(shelf: Shelf) -> None:
    large = base64.b64encode(b"\xff" * 10_000).decode()
    both = [{"name": "exif", "text": "{}", "media_type": "application/json"}, {"name": "thumbnail", "content": large}]
    entry = shelf.create("a", b"x", sidecars=both)
    assert (entry.sidecars, entry.revision, entry.size) == (2, 1, 1)
    assert shelf.get(entry) == entry
    assert [(one.name, one.media_type, one.size, one.revision) for one in shelf.sidecars(entry)] == [
        ("exif", "application/json", 2, 1),
        ("thumbnail", "application/octet-stream", 10_000, 1),
    ]
    assert shelf.read(entry, "thumbnail").content == b"\xff" * 10_000
    assert [topic for topic, _ in shelf.published()] == ["entry.created", "sidecar.written", "sidecar.written"]
    used = shelf.library.usage().bytes_used
    shelf.delete(entry)
    apart = shelf.create("a", b"x")
    shelf.write(apart, "exif", b"{}", media_type="application/json")
    shelf.write(apart, "thumbnail", b"\xff" * 10_000)
    assert shelf.library.usage().bytes_used == used, "they cost what they cost otherwise"
    assert shelf.create("a", if_absent=True, sidecars=[{"name": "late", "text": "x"}]).sidecars == 2


@pytest.mark.parametrize(
    "sidecars",
    [
        [{"name": "a", "text": "1"}, {"name": "a", "text": "2"}],
        [{"name": "a/b", "text": "1"}],
        [{"name": "a", "text": "1", "content": "AA=="}],
        [{"name": "a", "text": "1", "media_type": "none"}],
        [{"name": "a", "text": "x" * (4 * 1024 * 1024 + 1)}],
        [{"name": "a", "text": "x" * 3 * 1024 * 1024}, {"name": "b", "text": "x" * 3 * 1024 * 1024}],
        [{"name": f"{number}", "text": ""} for number in range(17)],
        [{}],
    ],
    ids=range(8),
)
def test_an_entry_with_a_sidecar_that_cannot_be_is_not_made(shelf: Shelf, sidecars: object) -> None:
    shelf.refused("create_entry", "invalid_payload", name="a", sidecars=sidecars)
    assert shelf.entries() == []
    assert shelf.library.usage().bytes_used == 0


def test_an_absent_entry_is_created_once_by_all_who_do_so_at_once(shelf: Shelf) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: shelf.create("a", b"%d" % n, if_absent=True), range(16)))
    assert {entry.id for entry in made} == {entry.id for entry in shelf.entries()}
    assert len(shelf.entries()) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a/b"),
        ("name", ""),
        ("name", "x" * 300),
        ("name", 5),
        ("name", None),
        ("kind", "Not a kind"),
        ("media_type", "nonsense"),
        ("metadata", []),
        ("metadata", {"a": "x" * 70_000}),
        ("metadata", {"a": 10**80}),
        ("content", "not base64!"),
        ("content", "YQ"),
        ("content", 7),
        ("text", "x" * (5 * 1024 * 1024 + 1)),
        ("content", base64_of(b"x" * (5 * 1024 * 1024 + 1))),
    ],
)
def test_a_field_that_is_refused(shelf: Shelf, field: str, value: object) -> None:
    shelf.refused("create_entry", "invalid_payload", **{"name": "a", field: value})
    assert shelf.entries() == []
    assert shelf.library.usage().entries_used == 0
    assert shelf.blobs() <= 2  # the payloads of large requests


def test_content_is_given_once(shelf: Shelf) -> None:
    assert "one of them" in shelf.refused("create_entry", "invalid_payload", name="a", text="a", content="YQ==")


def test_metadata_that_json_cannot_say_do_not_leave_python(shelf: Shelf) -> None:
    with pytest.raises(InvalidPayload):
        shelf.call("create_entry", name="a", metadata={"a": object()})


@pytest.mark.parametrize("entry_id", ["", "x", "../../etc/passwd", NOBODY + "\0", 7, None, "é" * 36])
@pytest.mark.parametrize("operation", ["get_entry", "delete_entry", "update_metadata", "read_content"])
def test_ids_that_are_none(shelf: Shelf, operation: str, entry_id: object) -> None:
    shelf.refused(operation, "invalid_payload", entry_id=entry_id)


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("get_entry", {}),
        ("update_metadata", {"name": "b"}),
        ("append_content", {"offset": 0, "content": "YQ=="}),
        ("read_content", {}),
        ("write_sidecar", {"name": "a", "text": "b"}),
        ("read_sidecar", {"name": "a"}),
        ("list_sidecars", {}),
        ("delete_sidecar", {"name": "a"}),
    ],
)
def test_an_entry_of_another_library_is_not_there(shelf: Shelf, operation: str, more: dict[str, object]) -> None:
    entry = shelf.create("a", b"secret")
    shelf.write(entry, "a", b"secret")
    other = Shelf(shelf.runtime, UUID(int=5))
    message = other.refused(operation, "not_found", entry_id=entry.id, **more)
    assert message == f"the library has no entry {entry.id}"
    assert not other.delete(entry)
    assert other.entries() == []
    assert shelf.get(entry).sidecars == 1


# --- changing --------------------------------------------------------------------------------------------------------


def test_a_change(shelf: Shelf) -> None:
    entry = shelf.create("a", metadata={"a": 1, "b": {"c": 2}})
    changed = shelf.call(
        "update_metadata",
        entry_id=entry.id,
        name="b",
        kind="photo",
        media_type="image/gif",
        metadata={"a": None, "b": {"d": 3}},
    )
    assert changed == shelf.get(entry)
    assert (changed.name, changed.kind, changed.media_type) == ("b", "photo", "image/gif")
    assert (changed.metadata, changed.revision) == ({"b": {"c": 2, "d": 3}}, 2)
    assert changed.updated >= entry.updated
    assert changed.created == entry.created
    assert [found.name for found in shelf.entries(order="name", name_prefix="a")] == []
    assert [found.id for found in shelf.entries(order="name", name_prefix="b")] == [entry.id]


def test_a_change_of_a_revision_that_is_not_there(shelf: Shelf) -> None:
    entry = shelf.create()
    first = shelf.call("update_metadata", entry_id=entry.id, metadata={"a": 1}, if_revision=1)
    message = shelf.refused("update_metadata", "failed", entry_id=entry.id, metadata={"a": 2}, if_revision=1)
    assert "is at revision 2, not at 1" in message
    assert shelf.get(entry) == first
    # What a guest does that repeats its last step after a crash.
    assert shelf.call("update_metadata", entry_id=entry.id, metadata={"a": 1}, if_revision=1) == first


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a/b"), ("kind", "A"), ("media_type", "xyz"), ("metadata", 5), ("if_revision", -1), ("if_revision", 1.5)],
)
def test_a_change_that_is_refused(shelf: Shelf, field: str, value: object) -> None:
    entry = shelf.create()
    shelf.refused("update_metadata", "invalid_payload", entry_id=entry.id, **{field: value})
    assert shelf.get(entry) == entry


def test_metadata_do_not_grow_beyond_their_bound_by_patches(shelf: Shelf) -> None:
    entry = shelf.create(metadata={"a": "x" * 40_000})
    shelf.refused("update_metadata", "invalid_payload", entry_id=entry.id, metadata={"b": "x" * 40_000})
    assert shelf.get(entry) == entry


# --- deleting --------------------------------------------------------------------------------------------------------


def test_a_deleted_entry_is_gone_with_all_it_had(shelf: Shelf) -> None:
    entry = shelf.create("a", b"x" * 100_000)
    shelf.write(entry, "note", b"y" * 10_000)
    assert shelf.delete(entry)
    shelf.refused("get_entry", "not_found", entry_id=entry.id)
    shelf.refused("read_sidecar", "not_found", entry_id=entry.id, name="note")
    assert shelf.entries() == shelf.entries(order="name") == []
    usage = shelf.library.usage()
    assert (usage.bytes_used, usage.entries_used) == (0, 0)
    assert not shelf.delete(entry)


def test_a_deletion_of_a_revision_that_is_not_there(shelf: Shelf) -> None:
    entry = shelf.create()
    shelf.call("update_metadata", entry_id=entry.id, name="b")
    shelf.refused("delete_entry", "failed", entry_id=entry.id, if_revision=1)
    assert shelf.get(entry).name == "b"
    assert shelf.delete(entry, if_revision=2)


# --- listing ---------------------------------------------------------------------------------------------------------


def test_pages(shelf: Shelf) -> None:
    made = [shelf.create(name) for name in ("b", "é", "a", "a b", "B", "ab", "a")]
    assert [entry.id for entry in shelf.entries(limit=2)] == sorted(entry.id for entry in made)
    by_name = shelf.entries(limit=2, order="name")
    assert [entry.name for entry in by_name] == ["B", "a", "a", "a b", "ab", "b", "é"]
    assert len({entry.id for entry in by_name}) == len(made)


def test_filters(shelf: Shelf) -> None:
    for number in range(6):
        shelf.create(f"{'even' if number % 2 == 0 else 'odd'}{number}", kind="a" if number < 3 else "b")
    for order in ("id", "name"):
        named = shelf.entries(order=order, name_prefix="even", limit=2)
        assert sorted(entry.name for entry in named) == ["even0", "even2", "even4"]
        both = shelf.entries(order=order, name_prefix="even", kind="a", limit=1)
        assert sorted(entry.name for entry in both) == ["even0", "even2"]
        assert shelf.entries(order=order, extension="acme") == []
        assert len(shelf.entries(order=order, limit=1000)) == 6


def test_a_cursor_stays_good_while_entries_come_and_go(shelf: Shelf) -> None:
    made = [shelf.create(f"{number}") for number in range(6)]
    page = shelf.call("list_entries", order="name", limit=2)
    shelf.delete(made[1])  # the one that the next page begins behind
    shelf.delete(made[3])
    shelf.create("25")
    rest = shelf.call("list_entries", order="name", limit=100, cursor=page.next)
    assert [entry.name for entry in rest.entries] == ["2", "25", "4", "5"]
    assert rest.next is None


@pytest.mark.parametrize("cursor", ["", "x", "../..", "A" * 5_000, 5, "\0"])
def test_a_cursor_that_is_none(shelf: Shelf, cursor: object) -> None:
    shelf.refused("list_entries", "invalid_payload", cursor=cursor)


def test_a_cursor_of_another_list(shelf: Shelf) -> None:
    for _ in range(3):
        shelf.create()
    cursor = shelf.call("list_entries", limit=1).next
    shelf.refused("list_entries", "invalid_payload", limit=1, cursor=cursor, order="name")
    shelf.refused("list_entries", "invalid_payload", limit=1, cursor=cursor, kind="file")


def test_a_cursor_of_another_library_shows_only_ones_own(shelf: Shelf) -> None:
    for _ in range(3):
        shelf.create("secret")
    other = Shelf(shelf.runtime, UUID(int=5))
    own = other.create("own")
    cursor = shelf.call("list_entries", limit=1).next
    seen = other.call("list_entries", limit=10, cursor=cursor).entries
    assert [entry.id for entry in seen] in ([], [own.id])


@pytest.mark.parametrize(
    "request_of",
    [{"limit": 0}, {"limit": 1001}, {"limit": "5"}, {"order": "size"}, {"name_prefix": "a/b"}, {"kind": ""}],
)
def test_a_list_that_is_refused(shelf: Shelf, request_of: dict[str, object]) -> None:
    shelf.refused("list_entries", "invalid_payload", **request_of)


def test_a_page_of_large_metadata_is_an_answer_that_fits(shelf: Shelf) -> None:
    for number in range(90):
        shelf.create(f"{number}", metadata={"a": "x" * 60_000})
    page = shelf.call("list_entries", limit=1000)
    assert 1 < len(page.entries) < 90
    assert len(shelf.entries(limit=1000)) == 90


# --- events ----------------------------------------------------------------------------------------------------------


def test_what_the_library_is_told(shelf: Shelf) -> None:
    entry = shelf.create("a", b"x")
    shelf.call("update_metadata", entry_id=entry.id, name="b")
    shelf.call("update_metadata", entry_id=entry.id, name="b")  # changes nothing
    shelf.append(entry, 1, b"y")
    shelf.write(entry, "note", b"z")
    shelf.call("delete_sidecar", entry_id=entry.id, name="note")
    shelf.delete(entry)
    shelf.delete(entry)
    with pytest.raises(OperationError):
        shelf.create("a/b")
    published = shelf.published()
    assert [topic for topic, _ in published] == [
        "entry.created",
        "entry.updated",
        "entry.updated",
        "sidecar.written",
        "sidecar.deleted",
        "entry.deleted",
    ]
    created = json.loads(published[0][1])
    assert created == {
        "entry_id": str(entry.id),
        "name": "a",
        "kind": "file",
        "media_type": "application/octet-stream",
        "size": 1,
        "digest": entry.digest,
    }
    assert json.loads(published[3][1])["sidecar"] == "note"
