"""A library against a dictionary, in any order of operations, with restarts in between."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tests.runtime.vdfs.shelf import Shelf, base64_of

from perdure.runtime import Runtime
from perdure.runtime.errors import OperationError
from perdure.runtime.vdfs.messages import Entry
from perdure.store import check

LIMIT_ENTRIES = 6
LIMIT_BYTES = 40_000
ROW = 256

names = st.sampled_from(["a", "b", "ab", "é", "日本"])
sizes = st.sampled_from([0, 1, 100, 4_095, 4_097, 9_000])
fills = st.sampled_from([b"x", b"y"])  # few, so that contents are the same now and then
metadata = st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(0, 3), max_size=2)


class Model(msgspec.Struct):
    """What an entry should be."""

    name: str
    metadata: dict[str, Any]
    content: bytes
    sidecars: dict[str, bytes] = {}
    revision: int = 1


def foreseen(error: OperationError, *words: str) -> None:
    """Raise it again, unless it is one of those."""
    if not any(word in error.message for word in words):
        raise error


class LibraryMachine(RuleBasedStateMachine):
    entries = Bundle("entries")

    @initialize()
    def begin(self) -> None:
        self.folder = contextlib.ExitStack()
        self.path = Path(self.folder.enter_context(tempfile.TemporaryDirectory()))
        self.runtime = Runtime.open(self.path)
        self.shelf = Shelf(self.runtime)
        self.shelf.library.set_quota(size=LIMIT_BYTES, entries=LIMIT_ENTRIES)
        self.model: dict[UUID, Model] = {}
        self.keys = 0

    def teardown(self) -> None:
        for entry in self.shelf.entries():
            self.shelf.delete(entry)
        self.shelf.library.sweep()
        usage = self.shelf.library.usage()
        assert (usage.bytes_used, usage.entries_used) == (0, 0)
        rows = self.runtime.store.rows(b"vdfs\0")
        assert {row.key.split(b"\0")[1] for row in rows} <= {b"q", b"u", b"m"}
        assert check(self.runtime.store).problems == []
        self.runtime.close()
        self.folder.close()

    def tried(self, operation: str, **request: Any) -> Any:
        """The answer, or None if the quota did not allow it."""
        try:
            return self.shelf.call(operation, **request)
        except OperationError as error:
            foreseen(error, "quota exceeded")
            return None

    @rule(target=entries, name=names, size=sizes, fill=fills, staged=st.booleans(), fields=metadata)
    def create(self, name: str, size: int, fill: bytes, staged: bool, fields: dict[str, Any]) -> Any:
        before = len(self.model)
        content = fill * size
        made: Entry | None
        if staged:
            try:
                made = self.shelf.library.create_entry(name, content, metadata=fields)
            except OperationError as error:
                foreseen(error, "quota exceeded")
                made = None
        else:
            made = self.tried("create_entry", name=name, text=content.decode(), metadata=fields)
        if made is None:
            assert before == LIMIT_ENTRIES or self.shelf.library.usage().bytes_used + size + 3 * ROW > LIMIT_BYTES
            return UUID(int=0)
        self.model[made.id] = Model(name, fields, content)
        return made.id

    @rule(entry_id=entries, size=sizes, fill=fills)
    def append(self, entry_id: UUID, size: int, fill: bytes) -> None:
        model = self.model.get(entry_id)
        if model is None:
            return
        data = fill * size
        offset = len(model.content)
        try:
            self.shelf.call(
                "append_content",
                entry_id=entry_id,
                offset=offset,
                content=base64_of(data),
            )
        except OperationError as error:
            foreseen(error, "quota exceeded")
            return
        model.content += data
        model.revision += 1 if data else 0

    @rule(entry_id=entries, name=names, patch=metadata, stale=st.booleans())
    def update(self, entry_id: UUID, name: str, patch: dict[str, Any], stale: bool) -> None:
        model = self.model.get(entry_id)
        if model is None:
            return
        after = {**model.metadata, **patch}
        for field in [field for field, value in patch.items() if value is None]:
            del after[field]
        changes = after != model.metadata or name != model.name
        try:
            self.shelf.call(
                "update_metadata", entry_id=entry_id, name=name, metadata=patch, if_revision=model.revision + stale
            )
        except OperationError as error:
            foreseen(error, "quota exceeded", *(["revision"] if stale and changes else []))
            return
        assert not (stale and changes)
        model.name, model.metadata = name, after
        model.revision += changes

    @rule(entry_id=entries, name=names, size=sizes, fill=fills)
    def write_sidecar(self, entry_id: UUID, name: str, size: int, fill: bytes) -> None:
        model = self.model.get(entry_id)
        if model is None:
            return
        content = fill * size
        if self.tried("write_sidecar", entry_id=entry_id, name=name, text=content.decode()) is not None:
            model.sidecars = {**model.sidecars, name: content}

    @rule(entry_id=entries, name=names)
    def delete_sidecar(self, entry_id: UUID, name: str) -> None:
        model = self.model.get(entry_id)
        if model is None:
            return
        deleted = self.shelf.call("delete_sidecar", entry_id=entry_id, name=name).deleted
        assert deleted == (name in model.sidecars)
        model.sidecars = {other: content for other, content in model.sidecars.items() if other != name}

    @rule(entry_id=entries)
    def delete(self, entry_id: UUID) -> None:
        deleted = self.shelf.call("delete_entry", entry_id=entry_id).deleted
        assert deleted == (self.model.pop(entry_id, None) is not None)

    @rule(limit=st.integers(1, 20))
    def sweep(self, limit: int) -> None:
        self.shelf.call("sweep", limit=limit)

    @rule()
    def restart(self) -> None:
        self.runtime.close()
        self.runtime = Runtime.open(self.path)
        self.shelf = Shelf(self.runtime)

    @invariant()
    def the_lists_agree(self) -> None:
        found = {entry.id: entry for entry in self.shelf.entries(limit=2)}
        assert set(found) == set(self.model)
        by_name = self.shelf.entries(limit=2, order="name")
        assert [entry.name for entry in by_name] == sorted((one.name for one in self.model.values()), key=str.encode)
        for entry_id, entry in found.items():
            model = self.model[entry_id]
            assert (entry.name, entry.metadata, entry.revision) == (model.name, model.metadata, model.revision)
            assert (entry.size, entry.digest) == (len(model.content), hashlib.sha256(model.content).hexdigest())
            assert entry.sidecars == len(model.sidecars)

    @rule()
    def the_contents_agree(self) -> None:
        for entry_id, model in self.model.items():
            assert self.shelf.library.read(entry_id, 0, 1 << 20) == model.content
            entry = self.shelf.library.entry(entry_id)
            kept = {one.name: self.shelf.read(entry, one.name).content for one in self.shelf.sidecars(entry)}
            assert kept == model.sidecars

    @invariant()
    def the_quota_holds(self) -> None:
        usage = self.shelf.library.usage()
        assert (usage.bytes_limit, usage.entries_limit, usage.own) == (LIMIT_BYTES, LIMIT_ENTRIES, True)
        assert usage.entries_used == len(self.model) <= LIMIT_ENTRIES
        least = sum(len(one.content) + sum(map(len, one.sidecars.values())) for one in self.model.values())
        assert least <= usage.bytes_used <= LIMIT_BYTES


LibraryMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
test_library = pytest.mark.long(LibraryMachine.TestCase)
