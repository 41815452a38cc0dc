"""The locks of a keychain: keys behind a passphrase, whatever is done to it and wherever it is broken off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.runtime.secrets.crash import Crash, dying_at
from tests.support.manual_clock import ManualClock

from perdure.runtime.secrets.errors import (
    CorruptKeys,
    CredentialsLocked,
    KeyDestroyed,
    KeyMissing,
    NoPassphrase,
    PassphraseIsSet,
    PassphraseThrottled,
    SealBroken,
    UnfitPassphrase,
    WrongPassphrase,
)
from perdure.runtime.secrets.key_files import FolderKeyFiles, MemoryKeyFiles
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.lock_record import decode_lock, encode_lock, make_lock, outer_opened, private_key
from perdure.runtime.secrets.passphrase import Argon2Parameters, derived
from perdure.runtime.secrets.throttle import Throttle
from perdure.runtime.secrets.wrapping import new_key
from perdure.store import failpoints

QUICK: Final = Argon2Parameters(memory_kib=64, passes=1, lanes=1)
WORDS: Final = ("correct horse battery", "staple of the battery", "third of the batteries")
RIGHT, OTHER, _ = WORDS
DESTROYS: Final = ("keys.before_overwrite", "keys.after_overwrite", "keys.after_unlink")


def chain_of(folder: Path, clock: ManualClock | None = None) -> Keychain:
    chain = Keychain.of_folder(folder, None, (clock or ManualClock()).monotonic)
    chain.locks.parameters = QUICK
    chain.recover()
    return chain


def sealed_key(chain: Keychain, text: bytes) -> tuple[str, bytes]:
    key = chain.new_credential_key("vault")
    return key, chain.encrypt(key, "payload", text)


# --- derivation -------------------------------------------------------------------------------------------------------


def test_argon2id_is_that_of_the_reference() -> None:
    """The vectors of the reference implementation's ``test.c`` for version 0x13."""
    found = derived("password", b"somesalt", Argon2Parameters(memory_kib=65_536, passes=2, lanes=1))
    assert found.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    found = derived("differentpassword", b"somesalt", Argon2Parameters(memory_kib=65_536, passes=2, lanes=1))
    assert found.hex() == "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde"


@pytest.mark.parametrize("bad", [{"memory_kib": 7}, {"passes": 0}, {"lanes": 0}, {"memory_kib": 16, "lanes": 4}])
def test_parameters_that_make_no_sense(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Argon2id"):
        Argon2Parameters(**({"memory_kib": 64, "passes": 1, "lanes": 1} | bad))


def test_a_record_that_was_altered_is_no_wrong_passphrase() -> None:
    parent = new_key()
    record, private = make_lock("vault", "p", parent, RIGHT, QUICK)
    assert private_key(record, outer_opened(record, parent), RIGHT) == private
    with pytest.raises(WrongPassphrase):
        private_key(record, outer_opened(record, parent), OTHER)
    document = json.loads(encode_lock(record))
    for name in ("owner", "parent", "salt", "public", "private", "previous", "parameters"):
        altered = dict(document)
        if name == "parameters":
            altered[name] = document[name] | {"memory_kib": 2**24}  # whoever can write there must not make us use it
        else:
            altered[name] = "AAAA" + document[name][4:] if document[name] else "x"
        with pytest.raises(SealBroken):
            outer_opened(decode_lock(record.file, json.dumps(altered).encode()), parent)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00" * 40, b'{"format": 2}'])
def test_a_file_that_is_no_lock(data: bytes, tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    chain.locks.set("vault", RIGHT)
    record = chain.locks.of("vault")
    assert record is not None
    (tmp_path / "keys" / record.file).write_bytes(data)
    with pytest.raises(CorruptKeys, match="lock-"):
        chain_of(tmp_path).locks.of("vault")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["wrong", "right", 0.4, 1, 30, 400]), max_size=60))
def test_the_throttle(steps: list[Any]) -> None:
    throttle, now, wrong, allowed = Throttle(), 0.0, 0, 0.0
    for step in steps:
        if step == "wrong" and not throttle.wait(now):
            throttle.failed(now)
            wrong += 1
            allowed = now + (min(300.0, 2.0 ** (wrong - 3)) if wrong > 2 else 0.0)
        elif step == "right" and not throttle.wait(now):
            throttle.succeeded()
            wrong, allowed = 0, now
        elif not isinstance(step, str):
            now += step
        assert throttle.wait(now) == pytest.approx(max(0.0, allowed - now))


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_stolen_folder_opens_nothing_without_the_passphrase(tmp_path: Path) -> None:
    """The master key lies in the folder here, and every key file can be read."""
    chain = chain_of(tmp_path)
    key, sealed = sealed_key(chain, b"secret")
    chain.locks.set("vault", RIGHT)
    thief = Keychain.of_folder(tmp_path)
    (lock,) = (tmp_path / "keys").glob("lock-*")
    lock.unlink()  # without it nothing says that it is locked, and nothing opens it
    with pytest.raises(KeyMissing):
        thief.decrypt(key, "payload", sealed)
    file = tmp_path / "keys" / f"credential-{key}"
    document = json.loads(file.read_bytes()) | {"parent": thief.extension_key("vault")}
    file.write_text(json.dumps(document))
    with pytest.raises(SealBroken):
        thief.decrypt(key, "payload", sealed)


def test_the_passphrase_opens_nothing_without_the_master_key(tmp_path: Path) -> None:
    chain = Keychain.of_folder(tmp_path, bytes(32))
    chain.locks.parameters = QUICK
    sealed_key(chain, b"secret")
    chain.locks.set("vault", RIGHT)
    for thief in (Keychain.of_folder(tmp_path, b"x" * 32), Keychain.of_folder(tmp_path)):
        with pytest.raises(Exception, match="master key"):
            thief.locks.unlock("vault", RIGHT, 900)
        assert thief.locks.is_locked("vault")


def test_an_old_lock_with_the_old_passphrase_opens_nothing_new(tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    chain.locks.set("vault", RIGHT)
    (file,) = (tmp_path / "keys").glob("lock-*")
    old = file.read_bytes()
    chain.locks.change("vault", RIGHT, OTHER)
    chain.locks.unlock("vault", OTHER, 900)
    key, sealed = sealed_key(chain, b"secret")
    (now,) = (tmp_path / "keys").glob("lock-*")
    now.unlink()
    file.write_bytes(old)
    file.chmod(0o600)
    (tmp_path / "keys" / "destroyed").unlink()
    thief = Keychain.of_folder(tmp_path)
    thief.locks.unlock("vault", RIGHT, 900)
    with pytest.raises(SealBroken):
        thief.decrypt(key, "payload", sealed)


def test_what_is_replaced_is_overwritten(tmp_path: Path) -> None:
    """A key that was put behind a lock must not be found as it was, where its file lay before."""
    chain = chain_of(tmp_path)
    key, _ = sealed_key(chain, b"secret")
    file = tmp_path / "keys" / f"credential-{key}"
    with file.open("rb") as before:  # what the disk has of it, without its name
        assert any(before.read())
        chain.locks.set("vault", RIGHT)
        before.seek(0)
        assert not any(before.read())
    linked = tmp_path / "a backup made of links"
    linked.hardlink_to(file)
    kept = linked.read_bytes()
    chain.locks.remove("vault", RIGHT)
    assert linked.read_bytes() == kept  # that is somebody else's now
    assert FolderKeyFiles(tmp_path / "keys").read(file.name) != kept


# --- in memory --------------------------------------------------------------------------------------------------------


def test_what_was_unlocked_is_forgotten(tmp_path: Path) -> None:
    clock = ManualClock()
    chain = chain_of(tmp_path, clock)
    key, sealed = sealed_key(chain, b"secret")
    assert key in chain._keys
    chain.locks.set("vault", RIGHT)
    assert key not in chain._keys
    for end in ("time", "lock"):
        chain.locks.unlock("vault", RIGHT, 60)
        assert chain.decrypt(key, "payload", sealed) == b"secret"
        assert chain.locks._opened["vault"].keys
        if end == "time":
            clock.advance(60)
            chain.locks.forget_expired()
        else:
            chain.locks.close("vault")
        assert not chain.locks._opened
        assert key not in chain._keys
        with pytest.raises(CredentialsLocked):
            chain.encrypt(key, "payload", b"more")


def test_no_secret_shows_itself(tmp_path: Path) -> None:
    chain = chain_of(tmp_path)
    chain.locks.set("vault", RIGHT)
    chain.locks.unlock("vault", RIGHT, 60)
    (private,) = chain.locks._opened["vault"].private.values()
    assert repr(private) not in repr(chain.locks._opened)


def test_keys_for_what_is_refused_are_so_many_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.runtime.secrets.locks.MAX_LOCKED_KEYS", 3)
    chain = chain_of(tmp_path)
    assert chain.locks.key_while_locked("vault", None) is None
    chain.locks.set("vault", RIGHT)
    keys = [chain.locks.key_while_locked("vault", UUID(int=number)) for number in range(1, 9)]
    assert len(set(keys)) == 4  # the last is for all other libraries
    assert keys == [chain.locks.key_while_locked("vault", UUID(int=number)) for number in range(1, 9)]
    one = keys[0]
    assert one is not None
    sealed = chain.encrypt(one, "payload", b"refused")
    with pytest.raises(CredentialsLocked):
        chain.decrypt(one, "payload", sealed)
    chain.locks.unlock("vault", RIGHT, 60)
    assert chain.decrypt(one, "payload", sealed) == b"refused"
    mine = chain.locks.keys_of(["vault"], UUID(int=1))
    assert mine == [one]
    chain.destroy(*mine)
    with pytest.raises(KeyDestroyed):
        chain.encrypt(one, "payload", b"more")


# --- crashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failpoint", failpoints.KEY_NAMES)
@pytest.mark.parametrize("change", ["set", "change", "remove"])
def test_a_crash_leaves_one_passphrase_or_the_other(change: str, failpoint: str, tmp_path: Path) -> None:
    hits = 0
    while True:
        hits += 1
        folder = tmp_path / str(hits)
        chain = chain_of(folder)
        keys = [sealed_key(chain, f"secret {number}".encode()) for number in range(3)]
        if change != "set":
            chain.locks.set("vault", RIGHT)
        died = False
        try:
            with dying_at(failpoint, hits):
                if change == "set":
                    chain.locks.set("vault", RIGHT)
                elif change == "change":
                    chain.locks.change("vault", RIGHT, OTHER)
                else:
                    chain.locks.remove("vault", RIGHT)
        except Crash:
            died = True
        _check_after_crash(folder, keys, died, change)
        if not died:
            break
    assert (hits > 1) is (change != "set" or failpoint not in DESTROYS)


def _check_after_crash(folder: Path, keys: list[tuple[str, bytes]], died: bool, change: str) -> None:
    # The one before opened it, and may die as well before anybody gives a passphrase.
    chain_of(folder)
    chain = chain_of(folder)
    if not chain.locks.state("vault").has_passphrase:
        assert change == "remove" or died
    else:
        assert change != "remove" or died
        for key, sealed in keys:
            with pytest.raises(CredentialsLocked):
                chain.decrypt(key, "payload", sealed)
        parent = chain.extension_key("vault")
        for file in (folder / "keys").glob("credential-*"):
            assert json.loads(file.read_bytes())["parent"] != parent  # it is not only said to be locked
        fits = []
        for word in (RIGHT, OTHER):
            try:
                chain.locks.unlock("vault", word, 900)
                fits.append(word)
            except WrongPassphrase:
                pass
        assert len(fits) == 1
        if not died:
            assert fits == [OTHER if change == "change" else RIGHT]
        chain.locks.finish_change("vault")
        assert len(list((folder / "keys").glob("lock-*"))) == 1
    assert [chain.decrypt(key, "payload", sealed) for key, sealed in keys] == [b"secret 0", b"secret 1", b"secret 2"]


# --- against a model --------------------------------------------------------------------------------------------------


class DyingFiles(MemoryKeyFiles):
    """Key files in a process that dies before or after the ``left``-th change from now."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None

    def _step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash

    def write(self, name: str, data: bytes) -> None:
        self._step()
        super().write(name, data)

    def append(self, name: str, data: bytes) -> None:
        self._step()
        super().append(name, data)

    def destroy(self, name: str) -> None:
        self._step()
        super().destroy(name)


class LocksMachine(RuleBasedStateMachine):
    """Credentials' keys, a passphrase that comes, changes and goes, a clock, and processes that end or die."""

    @initialize()
    def begin(self) -> None:
        self.files, self.clock = DyingFiles(), ManualClock()
        self.keys: dict[str, tuple[bytes, bytes]] = {}
        self.word: str | None = None
        self.until = 0.0
        self.wrong = 0
        self.made = 0
        self._open()

    def _open(self) -> None:
        self.files.left = None
        self.chain = Keychain.in_memory(self.files, self.clock.monotonic)
        self.chain.locks.parameters = QUICK
        self.chain.recover()
        self.until = 0.0
        self.wrong = 0

    @property
    def usable(self) -> bool:
        return self.word is None or self.clock.monotonic() < self.until

    def _dies(self, steps: int | None, act: Any) -> bool:
        self.files.left = steps
        try:
            act()
        except Crash:
            self._open()
            return True
        finally:
            self.files.left = None
        return False

    @rule()
    def reopen(self) -> None:
        self._open()

    @rule()
    def make(self) -> None:
        self.made += 1
        text = f"secret {self.made}".encode()
        try:
            key = self.chain.new_credential_key("vault")
        except CredentialsLocked:
            assert not self.usable
            return
        assert self.usable
        self.keys[key] = text, self.chain.encrypt(key, "payload", text)

    @rule()
    @precondition(lambda self: self.word is not None)
    def refuse(self) -> None:
        self.made += 1
        text = f"refused {self.made}".encode()
        key = self.chain.locks.key_while_locked("vault", None)
        assert key is not None
        self.keys[key] = text, self.chain.encrypt(key, "payload", text)

    @rule(data=st.data())
    @precondition(lambda self: bool(self.keys))
    def destroy(self, data: st.DataObject) -> None:
        # In the order in which they were made: their ids are random, and what follows depends on which one it is.
        key = data.draw(st.sampled_from(list(self.keys)))
        self.chain.destroy(key)
        _, sealed = self.keys.pop(key)
        with pytest.raises(KeyDestroyed):
            self.chain.decrypt(key, "payload", sealed)

    @rule(word=st.sampled_from(WORDS), steps=st.none() | st.integers(0, 6))
    def set_passphrase(self, word: str, steps: int | None) -> None:
        if self.word is not None:
            with pytest.raises(PassphraseIsSet):
                self.chain.locks.set("vault", word)
        elif self._dies(steps, lambda: self.chain.locks.set("vault", word)):
            self.word = word if self.chain.locks.state("vault").has_passphrase else None
        else:
            self.word = word

    @rule(word=st.sampled_from(WORDS), seconds=st.integers(1, 900))
    def unlock(self, word: str, seconds: int) -> None:
        if self._refused(word, lambda: self.chain.locks.unlock("vault", word, seconds)):
            return
        self.until = self.clock.monotonic() + seconds
        self.chain.locks.finish_change("vault")

    @rule(word=st.sampled_from(WORDS), new=st.sampled_from(WORDS), steps=st.none() | st.integers(0, 9))
    def change(self, word: str, new: str, steps: int | None) -> None:
        died: list[bool] = []
        if self._refused(
            word, lambda: died.append(self._dies(steps, lambda: self.chain.locks.change("vault", word, new)))
        ):
            return
        if not died[0]:
            self.word = new
            return
        try:
            self.chain.locks.unlock("vault", new, 1)
            self.word = new
        except WrongPassphrase:
            self.wrong += 1
            assert self.word != new
        self.chain.locks.close("vault")

    @rule(word=st.sampled_from(WORDS), steps=st.none() | st.integers(0, 6))
    def remove(self, word: str, steps: int | None) -> None:
        died: list[bool] = []
        if self._refused(word, lambda: died.append(self._dies(steps, lambda: self.chain.locks.remove("vault", word)))):
            return
        if not died[0] or not self.chain.locks.state("vault").has_passphrase:
            self.word = None

    def _refused(self, word: str, act: Any) -> bool:
        """Whether it is refused, as it has to be."""
        if self.word is None:
            with pytest.raises(NoPassphrase):
                act()
            return True
        if self.chain.locks.state("vault").wait:
            with pytest.raises(PassphraseThrottled):
                act()
            return True
        if word != self.word:
            with pytest.raises(WrongPassphrase):
                act()
            return True
        act()
        return False

    @rule()
    def close(self) -> None:
        assert self.chain.locks.close("vault") is (self.word is not None and self.usable)
        self.until = 0.0

    @rule(seconds=st.sampled_from([1, 60, 899, 900]))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def rotate(self) -> None:
        self.chain.rotate()

    @invariant()
    def opens_what_may_be_opened(self) -> None:
        if not hasattr(self, "chain"):
            return
        assert self.chain.locks.state("vault").has_passphrase is (self.word is not None)
        for key, (text, sealed) in self.keys.items():
            try:
                assert self.chain.decrypt(key, "payload", sealed) == text
                assert self.usable
            except CredentialsLocked:
                assert not self.usable


TestLocksMachine = LocksMachine.TestCase
TestLocksMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.disarm()


def test_unfit_passphrases() -> None:
    chain = Keychain.in_memory()
    for word in ("", "short", "a" * 20, "x" * 2000, "\ud800 and seven more"):
        with pytest.raises(UnfitPassphrase):
            chain.locks.set("vault", word)
    assert chain.locks.extensions() == []


@pytest.mark.parametrize("act", ["unlock", "change", "remove"])
def test_an_erasure_while_a_passphrase_is_derived(act: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = chain_of(tmp_path)
    sealed_key(chain, b"secret")
    chain.locks.set("vault", RIGHT)

    def erased_meanwhile(*arguments: Any) -> bytes:
        private = private_key(*arguments)
        chain.destroy(*chain.keys_of("vault", None, ()))
        return private

    monkeypatch.setattr("perdure.runtime.secrets.locks.private_key", erased_meanwhile)
    acts = {
        "unlock": lambda: chain.locks.unlock("vault", RIGHT, 900),
        "change": lambda: chain.locks.change("vault", RIGHT, OTHER),
        "remove": lambda: chain.locks.remove("vault", RIGHT),
    }
    with pytest.raises(NoPassphrase):
        acts[act]()
    assert not chain.locks.state("vault").has_passphrase
    assert not list((tmp_path / "keys").glob("lock-*"))
    assert not chain.locks._opened
