from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.api.extensions import Extension, PermissionsShape, extension_of, info_of, permissions_of
from perdure.api.keeping import BackupShape, FoldShape, SealShape, backup_of, fold_of, seal_of
from perdure.api.tokens import shape_of, token_of
from perdure.api.twins import twin_of
from perdure.runtime import ExtensionInfo, FoldReport, PermissionsReport, Seal, Token
from perdure.runtime.manifest import Manifest, ManifestPermissions
from perdure.runtime.permission_use import EntryUse, Refused, Use
from perdure.store.backups.backup import BackupReport
from perdure.store.events import JobType
from perdure.store.extension_state import PinnedPublisher, Provenance
from perdure.store.seals.statement import Statement

TIMES = st.integers(0, 253_402_300_799_999_999)  # the end of the year 9999
TEXT = st.text(max_size=8)
KEYS = st.binary(min_size=32, max_size=32)


def over_the_wire(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value), type=type(value))


USES = st.builds(Use, count=st.integers(0, 9), last=st.none() | TIMES)


@given(
    st.builds(
        PermissionsReport,
        extension=TEXT,
        version=TEXT,
        asked=st.just(ManifestPermissions()),
        grant=st.none(),
        granted_at=st.none() | TIMES,
        granted_by=TEXT,
        entries=st.lists(
            st.builds(EntryUse, kind=TEXT, entry=TEXT, asked=st.booleans(), granted=st.booleans(), use=USES)
        ).map(tuple),
        operations=st.dictionaries(TEXT, USES, max_size=3),
        refused=st.lists(st.builds(Refused, method=TEXT, code=TEXT, use=USES), max_size=3).map(tuple),
        requests_per_minute=st.integers(0, 9),
        concurrent_jobs=st.integers(0, 9),
        unread=st.integers(0, 9),
        folded=st.integers(0, 9),
        suggested=st.just({"methods": []}),
    )
)
def test_permissions_come_back_as_they_were(report: PermissionsReport) -> None:
    assert permissions_of(over_the_wire(twin_of(report, PermissionsShape))) == report


@given(TIMES, KEYS, st.none() | TIMES)
def test_extensions_come_back_as_they_were(time: int, key: bytes, granted: int | None) -> None:
    info = ExtensionInfo(
        extension="acme",
        version="1",
        enabled=True,
        loaded=False,
        module="ab",
        module_bytes=3,
        job_types=(JobType("run", "execute_run", True),),
        manifest=Manifest(id="acme", name="Acme", version="1", wasm_file="m.wasm", unknown={"x": [1]}),
        warnings=("careful",),
        grant=None,
        granted_at=granted,
        granted_by="me",
        update=None,
        provenance=Provenance(package="cd", key=key, name="A", earlier=(key, b""), accepted=False, by="me"),
        publisher=PinnedPublisher(key=key, name="A", package="cd", pinned_at=time, by="me"),
    )
    shape: Extension = over_the_wire(extension_of(info))
    assert info_of(shape) == info
    assert shape.publisher is not None
    assert shape.publisher.fingerprint.count("-") == 7
    assert shape.job_types[0].export == "execute_run"


@given(KEYS, TIMES)
def test_seals_come_back_as_they_were(key: bytes, time: int) -> None:
    statement = Statement(log=key, position=1, streams=2, root=key, time=time, previous=b"", key=key)
    seal = Seal(statement=statement, signature=key * 2, sequence=3, at=4)
    shape = over_the_wire(twin_of(seal, SealShape))
    assert seal_of(shape) == seal
    assert shape.statement.key == key.hex()


@given(TIMES, st.none() | TIMES)
def test_tokens_lose_their_digests_and_nothing_else(issued: int, expires: int | None) -> None:
    token = Token(
        token="00000001",
        name="ci",
        digest=b"d" * 32,
        scopes=("read",),
        libraries=("a",),
        extensions=("b",),
        issued_at=issued,
        expires_at=expires,
        issued_by="me",
    )
    shape = over_the_wire(shape_of(token))
    assert token_of(shape) == msgspec.structs.replace(token, digest=b"")
    assert token.digest.hex().encode() not in msgspec.json.encode(shape)


def test_reports_come_back_as_they_were() -> None:
    numbers = dict.fromkeys(("events", "unfinished", "log_bytes", "blobs", "new_blobs", "new_bytes", "keys"), 5)
    backup = BackupReport(path="/x", position=1, saved_at=7, **numbers)
    assert backup_of(over_the_wire(twin_of(backup, BackupShape))) == backup
    folded = FoldReport(jobs=1, events=2, bytes=3)
    assert fold_of(over_the_wire(twin_of(folded, FoldShape))) == folded


class _Here(msgspec.Struct):
    at: int
    more: int


class _There(msgspec.Struct):
    at: datetime
    other: str = "kept"


class _Wants(msgspec.Struct):
    missing: int


def test_fields_that_are_not_there() -> None:
    assert twin_of(_Here(0, 1), _There) == _There(datetime(1970, 1, 1, tzinfo=UTC))
    with pytest.raises(TypeError, match="missing"):
        twin_of(_Here(0, 1), _Wants)
