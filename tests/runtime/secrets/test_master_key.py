"""The master key: where it comes from, and what happens when it is not there, is another one, or is exchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.secrets.crash import FAILPOINTS, Crash, dying_at

from perdure.runtime.secrets.errors import (
    CorruptKeys,
    InvalidMasterKey,
    MasterKeyUnavailable,
    WrongMasterKey,
)
from perdure.runtime.secrets.key_files import FolderKeyFiles
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.master_key import FILE, GIVEN, KEYRING, MasterKeys
from perdure.runtime.secrets.os_keyring import KeyringFailed, OsKeyring, no_keyring

ONE, TWO = b"1" * 32, b"2" * 32


class Entries:
    """A keyring's back end in memory."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


def chain_of(data: Path, given: bytes | None = None, keyring: Callable[[], OsKeyring] = no_keyring) -> Keychain:
    files = FolderKeyFiles(data / "keys")
    return Keychain(files, MasterKeys(files, given, keyring))


def source(chain: Keychain) -> str:
    record = chain.master_record()
    assert record is not None
    return record.source


def snapshot(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data / "keys").iterdir()}


def test_without_a_keyring_it_is_in_a_file(tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    key = chain.extension_key("notes")
    assert source(chain) == FILE
    sealed = chain.encrypt(key, "payload", b"x")
    assert chain_of(tmp_path).decrypt(key, "payload", sealed) == b"x"


def test_with_a_keyring_nothing_in_the_folder_opens_anything(tmp_path: Path) -> None:
    entries = Entries()
    chain = chain_of(tmp_path, keyring=lambda: OsKeyring(entries))
    key = chain.extension_key("notes")
    sealed = chain.encrypt(key, "payload", b"x")
    assert source(chain) == KEYRING
    (stored,) = entries.entries.values()
    assert not any(stored.encode() in data or bytes.fromhex(stored) in data for data in snapshot(tmp_path).values())
    assert chain_of(tmp_path, keyring=lambda: OsKeyring(entries)).decrypt(key, "payload", sealed) == b"x"


def test_an_embedders_own(tmp_path: Path) -> None:
    chain = chain_of(tmp_path, ONE)
    key = chain.extension_key("notes")
    assert source(chain) == GIVEN
    assert not any(ONE in data for data in snapshot(tmp_path).values())
    sealed = chain.encrypt(key, "payload", b"x")
    assert chain_of(tmp_path, ONE).decrypt(key, "payload", sealed) == b"x"


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_an_embedders_own_has_the_right_size(size: int, tmp_path: Path) -> None:
    with pytest.raises(InvalidMasterKey, match="32"):
        chain_of(tmp_path, bytes(size))
    with pytest.raises(InvalidMasterKey):
        chain_of(tmp_path).rotate(bytes(size))


def lost(entries: Entries) -> None:
    entries.entries.clear()


def other(entries: Entries) -> None:
    entries.entries.update(dict.fromkeys(entries.entries, "00" * 32))


def rubbish(entries: Entries) -> None:
    entries.entries.update(dict.fromkeys(entries.entries, "no key"))


@pytest.mark.parametrize(
    ("damage", "error"), [(lost, MasterKeyUnavailable), (other, WrongMasterKey), (rubbish, MasterKeyUnavailable)]
)
def test_a_keyring_that_lost_or_changed_it(
    damage: Callable[[Entries], None], error: type[Exception], tmp_path: Path
) -> None:
    entries = Entries()
    chain_of(tmp_path, keyring=lambda: OsKeyring(entries)).extension_key("notes")
    before = snapshot(tmp_path)
    kept = dict(entries.entries)
    damage(entries)
    chain = chain_of(tmp_path, keyring=lambda: OsKeyring(entries))
    uses: list[Callable[[], object]] = [lambda: chain.extension_key("photos"), chain.rotate, chain.check_master]
    for use in uses:
        with pytest.raises(error):
            use()
    chain.recover()
    assert snapshot(tmp_path) == before
    entries.entries.update(kept)
    chain_of(tmp_path, keyring=lambda: OsKeyring(entries)).extension_key("photos")


@pytest.mark.parametrize(
    ("first", "then", "error"),
    [
        ({"given": ONE}, {}, MasterKeyUnavailable),
        ({"given": ONE}, {"given": TWO}, WrongMasterKey),
        ({}, {"given": ONE}, WrongMasterKey),
    ],
)
def test_another_master_key_than_the_first_changes_nothing(
    first: dict[str, Any], then: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    key = chain_of(tmp_path, **first).extension_key("notes")
    before = snapshot(tmp_path)
    uses: list[Callable[[Keychain], object]] = [lambda chain: chain.extension_key("x"), lambda chain: chain.rotate(TWO)]
    for use in uses:
        with pytest.raises(error) as caught:
            use(chain_of(tmp_path, **then))
        assert "1111" not in str(caught.value)
    assert snapshot(tmp_path) == before
    assert chain_of(tmp_path, **first).extension_key("notes") == key


def test_a_lost_master_file_is_no_reason_for_a_new_one(tmp_path: Path) -> None:
    chain_of(tmp_path).extension_key("notes")
    (tmp_path / "keys" / "master").unlink()
    with pytest.raises(MasterKeyUnavailable, match="backup"):
        chain_of(tmp_path).extension_key("photos")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":2,"id":"x","source":"file","check":""}', bytes(range(64))])
def test_a_damaged_master_file(data: bytes, tmp_path: Path) -> None:
    chain_of(tmp_path).extension_key("notes")
    (tmp_path / "keys" / "master").write_bytes(data)
    with pytest.raises(CorruptKeys, match="backup"):
        chain_of(tmp_path).extension_key("photos")


# --- the keyring ------------------------------------------------------------------------------------------------------


class Refusing(Entries):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot store {password}")


class Forgetting(Entries):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


@pytest.mark.parametrize("backend", [Refusing, Forgetting])
def test_a_keyring_that_does_not_store_is_not_used(
    backend: type[Entries], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    seen: list[str] = []

    class Spy(backend):  # type: ignore[misc, valid-type]  # a class that is a parameter
        def set_password(self, service: str, username: str, password: str) -> None:
            seen.append(password)
            super().set_password(service, username, password)

    chain = chain_of(tmp_path, keyring=lambda: OsKeyring(Spy()))
    chain.extension_key("notes")
    assert source(chain) == FILE
    assert "goes to a file" in caplog.text
    assert seen
    assert seen[0] not in caplog.text


def test_a_keyring_that_does_not_answer_holds_nobody_up(hanging: Entries, tmp_path: Path) -> None:
    with pytest.raises(KeyringFailed, match="did not answer"):
        OsKeyring(hanging, patience=0.01).read("x")
    chain = chain_of(tmp_path, keyring=lambda: OsKeyring(hanging, patience=0.01))
    chain.extension_key("notes")
    assert source(chain) == FILE


# --- rotation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [(None, None), (None, ONE), (ONE, TWO), (ONE, None)])
def test_rotation(first: bytes | None, second: bytes | None, tmp_path: Path) -> None:
    chain = chain_of(tmp_path, first)
    keys = [chain.extension_key("notes"), chain.extension_key("photos"), chain.new_credential_key("notes")]
    sealed = [chain.encrypt(key, "payload", key.encode()) for key in keys]
    before = chain.master_record()
    assert before is not None
    chain.rotate(second)
    for again in (chain, chain_of(tmp_path, second)):
        assert [again.decrypt(key, "payload", data) for key, data in zip(keys, sealed, strict=True)] == [
            key.encode() for key in keys
        ]
        after = again.master_record()
        assert after is not None
        assert after.id != before.id
        assert after.source == (GIVEN if second is not None else FILE)
        again.new_credential_key("notes")
    assert before.key is None or not any(before.key in data for data in snapshot(tmp_path).values())
    if first != second:
        with pytest.raises((WrongMasterKey, MasterKeyUnavailable)):
            chain_of(tmp_path, first).extension_key("new")


def test_rotation_leaves_one_entry_in_the_keyring(tmp_path: Path) -> None:
    entries = Entries()
    chain = chain_of(tmp_path, keyring=lambda: OsKeyring(entries))
    chain.extension_key("notes")
    (old,) = entries.entries.values()
    chain.rotate()
    (new,) = entries.entries.values()
    assert new != old


PASSES = [(name, hit) for name in FAILPOINTS for hit in (1, 2, 3, 4)]


@pytest.mark.parametrize(("first", "second"), [(None, None), (ONE, TWO), (None, ONE), (ONE, None)])
@pytest.mark.parametrize(("failpoint", "hit"), PASSES)
def test_a_crash_in_a_rotation_is_finished_with_either_key(
    failpoint: str, hit: int, first: bytes | None, second: bytes | None, tmp_path: Path
) -> None:
    chain = chain_of(tmp_path, first)
    keys = [chain.extension_key("notes"), chain.extension_key("photos"), chain.new_credential_key("notes")]
    sealed = [chain.encrypt(key, "payload", key.encode()) for key in keys]
    try:
        with dying_at(failpoint, hit):
            chain.rotate(second)
    except Crash:
        pass
    else:
        assert hit > 2  # each is passed twice at least
    opened = 0
    for given in (first, second):
        again = chain_of(tmp_path, given)
        again.recover()
        try:
            found = [again.decrypt(key, "payload", data) for key, data in zip(keys, sealed, strict=True)]
        except (WrongMasterKey, MasterKeyUnavailable):
            continue
        opened += 1
        assert found == [key.encode() for key in keys]
        assert not any(name.startswith((".new", "master.next")) for name in snapshot(tmp_path))
    assert opened
