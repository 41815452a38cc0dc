"""The keys of a data folder: found again, told apart, destroyed for good."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.secrets.crash import FAILPOINTS, Crash, dying_at

from perdure.runtime.secrets.errors import CorruptKeys, KeyDestroyed, KeyMissing, NeverSealed, SealBroken
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.keychain import HOST, Keychain
from perdure.runtime.secrets.master_key import MasterKeys
from perdure.runtime.secrets.sealing import not_sealed, open_recorded, seal
from perdure.store.blobs import MemoryBlobs
from perdure.store.events import BlobRef, Inline


def test_keys_are_found_again(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    assert not (tmp_path / "keys").exists()
    keys = {owner: chain.extension_key(owner) for owner in ("notes", "photos", HOST)}
    keys["credential"] = chain.new_credential_key("notes")
    assert len(set(keys.values())) == 4
    sealed = {key: chain.encrypt(key, "payload", key.encode()) for key in keys.values()}
    again = Keychain.of_folder(tmp_path)
    assert {owner: again.extension_key(owner) for owner in ("notes", "photos", HOST)}.items() <= keys.items()
    assert {again.decrypt(key, "payload", data) for key, data in sealed.items()} == {k.encode() for k in sealed}
    assert again.credential_keys() == [keys["credential"]]


def test_sealed_bytes_are_bound_to_key_and_purpose(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    one, two = chain.new_credential_key("notes"), chain.new_credential_key("notes")
    sealed = chain.encrypt(one, "payload", b"data")
    assert chain.encrypt(one, "payload", b"data") != sealed
    for key, purpose, data in [
        (two, "payload", sealed),
        (one, "row", sealed),
        (one, "payload", sealed[:-1]),
        (one, "payload", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (one, "payload", b""),
    ]:
        with pytest.raises(SealBroken):
            chain.decrypt(key, purpose, data)


@given(st.binary(max_size=300))
def test_what_is_sealed_comes_back_bit_by_bit(data: bytes) -> None:
    chain = Keychain.in_memory()
    key = chain.extension_key("notes")
    assert chain.decrypt(key, "payload", chain.encrypt(key, "payload", data)) == data


def test_a_destroyed_key_opens_nothing(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    doomed, other = chain.new_credential_key("notes"), chain.new_credential_key("notes")
    sealed = chain.encrypt(doomed, "payload", b"data")
    chain.destroy(doomed)
    chain.destroy(doomed)
    for keys in (chain, Keychain.of_folder(tmp_path)):
        for use in (keys.decrypt, keys.encrypt):
            with pytest.raises(KeyDestroyed) as caught:
                use(doomed, "payload", sealed)
            assert caught.value.key == doomed
        assert keys.is_destroyed(doomed)
        assert keys.credential_keys() == [other]
        assert keys.decrypt(other, "payload", keys.encrypt(other, "payload", b"x")) == b"x"


def test_a_key_that_was_lost_is_not_one_that_was_destroyed(tmp_path: Path) -> None:
    key = Keychain.of_folder(tmp_path).new_credential_key("notes")
    (tmp_path / "keys" / f"credential-{key}").unlink()
    with pytest.raises(KeyMissing, match="backup"):
        Keychain.of_folder(tmp_path).decrypt(key, "payload", bytes(64))


@pytest.mark.parametrize("key", ["", "..", "../../etc/passwd", "x" * 300, "master", "\0"])
def test_a_key_id_names_no_other_file(key: str, tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    chain.extension_key("notes")
    with pytest.raises(KeyMissing):
        chain.decrypt(key, "payload", bytes(64))
    with pytest.raises(KeyMissing):
        chain.destroy(key)


def test_a_backup_from_before_does_not_bring_a_destroyed_key_back(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    key = chain.new_credential_key("notes")
    file = tmp_path / "keys" / f"credential-{key}"
    shutil.copy(file, tmp_path / "copy")
    chain.destroy(key)
    shutil.copy(tmp_path / "copy", file)
    again = Keychain.of_folder(tmp_path)
    with pytest.raises(KeyDestroyed):
        again.encrypt(key, "payload", b"")
    again.recover()
    assert not file.exists()


@pytest.mark.parametrize("failpoint", [name for name in FAILPOINTS if name not in ("keys.before_write",)])
def test_a_crash_while_a_key_is_destroyed_is_finished(failpoint: str, tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    key = chain.new_credential_key("notes")
    kept = chain.new_credential_key("notes")
    if failpoint in ("keys.before_overwrite", "keys.after_overwrite", "keys.after_unlink"):
        with dying_at(failpoint), pytest.raises(Crash):
            chain.destroy(key)
    else:
        with dying_at(failpoint), pytest.raises(Crash):
            chain.new_credential_key("notes")
    again = Keychain.of_folder(tmp_path)
    again.recover()
    gone = failpoint in ("keys.before_overwrite", "keys.after_overwrite", "keys.after_unlink")
    assert (key in again.credential_keys()) is not gone
    assert again.is_destroyed(key) is gone
    assert again.decrypt(kept, "payload", again.encrypt(kept, "payload", b"x")) == b"x"


def test_half_a_line_of_the_destroyed_destroys_nothing(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    key, other = chain.new_credential_key("notes"), chain.new_credential_key("notes")
    chain.destroy(other)
    with (tmp_path / "keys" / "destroyed").open("a") as file:
        file.write(key[:20])
    again = Keychain.of_folder(tmp_path)
    again.recover()
    assert again.credential_keys() == [key]
    again.destroy(key)
    assert Keychain.of_folder(tmp_path).is_destroyed(key)


def test_files_that_were_damaged_or_exchanged_are_refused(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    one, two = (chain.new_credential_key(owner) for owner in ("notes", "photos"))
    folder = tmp_path / "keys"
    good = (folder / f"credential-{one}").read_bytes()
    for bad in (b"", b"{}", good[:-20], (folder / f"credential-{two}").read_bytes()):
        (folder / f"credential-{one}").write_bytes(bad)
        with pytest.raises(CorruptKeys):
            Keychain.of_folder(tmp_path).encrypt(one, "payload", b"")
    for field, value in (("owner", "photos"), ("kind", "extension"), ("parent", chain.extension_key("photos"))):
        changed = {**json.loads(good), field: value}
        (folder / f"credential-{one}").write_text(json.dumps(changed))
        with pytest.raises((SealBroken, CorruptKeys)):
            Keychain.of_folder(tmp_path).encrypt(one, "payload", b"")
    (folder / f"credential-{one}").write_bytes(good)
    assert Keychain.of_folder(tmp_path).encrypt(one, "payload", b"")


def test_keys_in_memory_end_with_it() -> None:
    files = MemoryKeyFiles()
    chain = Keychain.in_memory(files)
    key = chain.extension_key("notes")
    sealed = chain.encrypt(key, "payload", b"data")
    assert Keychain.in_memory(files).decrypt(key, "payload", sealed) == b"data"
    with pytest.raises(KeyMissing):
        Keychain.in_memory().decrypt(key, "payload", sealed)


@pytest.mark.parametrize("size", [0, 10, 65_536, 200_000])
def test_payloads_are_sealed_and_opened(size: int) -> None:
    chain, blobs = Keychain.in_memory(), MemoryBlobs()
    key = chain.new_credential_key("notes")
    data = b"secret" * (size // 6 + 1)
    recorded = seal(chain, blobs, key, b"{}", data)
    assert isinstance(recorded.data, BlobRef if size >= 65_536 else Inline)
    assert b"secret" not in repr(recorded).encode()
    assert open_recorded(chain, blobs, recorded) == data
    chain.destroy(key)
    with pytest.raises(KeyDestroyed):
        open_recorded(chain, blobs, recorded)
    # What comes too late is not kept at all.
    late = seal(chain, blobs, key, b"{}", data)
    assert late.data == Inline(b"")
    with pytest.raises(KeyDestroyed):
        open_recorded(chain, blobs, late)
    with pytest.raises(NeverSealed):
        open_recorded(chain, blobs, not_sealed(b"{}"))
    assert open_recorded(chain, blobs, Inline(b"plain")) == b"plain"


def test_no_key_is_in_a_repr(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path)
    chain.extension_key("notes")
    record = chain.master_record()
    assert record is not None
    assert record.key is not None
    master = MasterKeys(MemoryKeyFiles()).make()
    assert str(record.key) not in repr(record)
    assert str(master.key) not in repr(master)
