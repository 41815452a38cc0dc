"""The quota of a library: what counts, what is refused, what is freed; also by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.vdfs.shelf import Shelf, base64_of
from tests.support.python_jobs import PythonJobs

from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.errors import OperationError

ROW = 256


def used(shelf: Shelf) -> tuple[int, int]:
    usage = shelf.library.usage()
    return usage.bytes_used, usage.entries_used


def fits(shelf: Shelf) -> bool:
    """Create an entry, if there is room."""
    try:
        shelf.create("a")
    except OperationError as error:
        if error.code not in ("failed", "unavailable"):
            raise
        return False
    return True


def test_what_counts(shelf: Shelf) -> None:
    empty = shelf.create("ab")
    assert used(shelf) == (ROW + 2 * 2 + len("{}"), 1)
    shelf.delete(empty)
    assert used(shelf) == (0, 0)
    entry = shelf.create("ab", b"x" * 1000, metadata={"a": 1})
    base = ROW + 4 + len('{"a":1}') + ROW + 1000
    assert used(shelf) == (base, 1)
    shelf.append(entry, 1000, b"y" * 10_000)
    assert used(shelf) == (base + ROW + 10_000, 1)
    shelf.write(entry, "s", b"z" * 10)
    assert used(shelf) == (base + ROW + 10_000 + ROW + 1 + 10, 1)
    shelf.write(entry, "s", b"z")
    assert used(shelf) == (base + ROW + 10_000 + ROW + 1 + 1, 1)
    shelf.call("update_metadata", entry_id=entry.id, metadata={"a": None}, name="a")
    assert used(shelf) == (base - 5 - 2 + ROW + 10_000 + ROW + 2, 1)
    shelf.call("delete_sidecar", entry_id=entry.id, name="s")
    assert used(shelf) == (base - 7 + ROW + 10_000, 1)
    shelf.delete(entry)
    assert used(shelf) == (0, 0)


def test_the_answer_says_what_is_used_and_what_may_be() -> None:
    with Runtime.in_memory(settings=RuntimeSettings(library_quota_bytes=2_000, library_quota_entries=2)) as runtime:
        shelf = Shelf(runtime)
        entry = shelf.create("a", b"x" * 1_000)
        message = shelf.refused("create_entry", "failed", name="b", text="x" * 1_000)
        assert message == (
            "quota exceeded: the library uses 1516 bytes and may use 2000; this needs 1516 more; "
            "delete entries, or have the quota raised"
        )
        shelf.create("b")
        assert "has 2 entries and may have 2" in shelf.refused("create_entry", "failed", name="c")
        for operation, more in (
            ("append_content", {"offset": 1_000, "content": base64_of(b"x" * 1_000)}),
            ("write_sidecar", {"name": "a", "text": "x" * 1_000}),
            ("update_metadata", {"metadata": {"a": "x" * 1_000}}),
        ):
            assert "quota exceeded" in shelf.refused(operation, "failed", entry_id=entry.id, **more)
        assert (shelf.get(entry).size, shelf.get(entry).revision, shelf.sidecars(entry)) == (1_000, 1, [])
        assert shelf.blobs() == 0
        other = Shelf(runtime, library_id=entry.id)  # each library has its own
        other.create("a", b"x" * 1_000)


def test_a_quota_of_ones_own(shelf: Shelf) -> None:
    usage = shelf.library.usage()
    assert (usage.bytes_limit, usage.entries_limit, usage.own) == (64 << 30, 1_000_000, False)
    usage = shelf.library.set_quota(size=1_000)
    assert (usage.bytes_limit, usage.entries_limit, usage.own) == (1_000, 1_000_000, True)
    shelf.refused("create_entry", "failed", name="a", text="x" * 1_000)
    shelf.library.set_quota(size=10_000)
    entry = shelf.create("a", b"x" * 1_000)
    # Below what is used: nothing is lost, and nothing can be added until so much was deleted.
    shelf.library.set_quota(size=600, entries=5)
    shelf.refused("create_entry", "failed", name="b")
    assert shelf.content(entry) == b"x" * 1_000
    shelf.delete(entry)
    shelf.create("b")
    usage = shelf.library.set_quota()
    assert (usage.bytes_limit, usage.own, usage.entries_used) == (64 << 30, False, 1)


def test_the_quota_is_the_runtimes_of_the_day(tmp_path: Path) -> None:
    for limit in (2_000, 1_000, 4_000):
        with Runtime.open(tmp_path, settings=RuntimeSettings(library_quota_bytes=limit)) as runtime:
            shelf = Shelf(runtime)
            while fits(shelf):
                pass
            assert used(shelf)[0] == {2_000: 7 * 260, 1_000: 7 * 260, 4_000: 15 * 260}[limit]


def test_only_the_host_sets_it(shelf: Shelf, tmp_path: Path) -> None:
    jobs = PythonJobs(shelf.runtime, tmp_path, methods=["*"])
    for method in ("action:vdfs.set_quota", "action:vdfs.sweep"):
        answer = jobs.call(method, {}, shelf.library_id)
        assert answer["code"] == "permission_denied"
    answer = jobs.call("action:vdfs.import_entry", {"name": "a", "digest": "0" * 64, "parts": []}, shelf.library_id)
    assert answer["code"] == "permission_denied"
    with pytest.raises(OperationError) as refused:
        shelf.runtime.call("action:vdfs.set_quota", {"bytes": 1}, extension=jobs.extension, library_id=shelf.library_id)
    assert refused.value.code == "permission_denied"
    assert not shelf.library.usage().own


def test_many_at_once_use_the_quota_to_the_last_entry(shelf: Shelf) -> None:
    shelf.library.set_quota(entries=40)

    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(lambda _: fits(shelf), range(80)))
    assert used(shelf)[1] == len(shelf.entries()) == made
    while fits(shelf):
        made += 1
    assert made == 40


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6_000)), max_size=30))
def test_what_is_used_is_what_is_there(steps: list[tuple[int, int]]) -> None:
    limit = 20_000
    with Runtime.in_memory(settings=RuntimeSettings(library_quota_bytes=limit)) as runtime:
        shelf = Shelf(runtime)
        costs: dict[str, int] = {}
        for number, size in steps:
            name = f"{number}"
            old = next((entry for entry in shelf.entries(name_prefix=name)), None)
            if old is not None:
                shelf.delete(old)
                del costs[name]
                continue
            cost = 260 + (ROW + size if size else 0)
            if sum(costs.values()) + cost <= limit:
                shelf.create(name, b"x" * size)
                costs[name] = cost
            else:
                shelf.refused("create_entry", "failed", name=name, text="x" * size)
        assert used(shelf) == (sum(costs.values()), len(costs))
