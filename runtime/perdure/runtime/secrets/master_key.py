"""The master key: where it is kept, and how it is found again.

``keys/master`` says where it is (`SOURCES`) and lets whoever has it check that it is the right one; the key itself is
in that file only if there is no keyring. A folder stays with what it began with: a keyring that is not there today is
an error, never a reason for a new key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar
from uuid import uuid4

import msgspec

from perdure.runtime.secrets.errors import (
    CorruptKeys,
    InvalidMasterKey,
    MasterKeyUnavailable,
    SealBroken,
    WrongMasterKey,
)
from perdure.runtime.secrets.key_files import KeyFiles
from perdure.runtime.secrets.os_keyring import KeyringFailed, OsKeyring, find_keyring
from perdure.runtime.secrets.wrapping import EXTENSION, KEY_BYTES, SEAL, decrypt, encrypt, new_key

logger = logging.getLogger(__name__)

MASTER_FILE: Final = "master"
NEXT_FILE: Final = "master.next"
KEYRING: Final = "keyring"
FILE: Final = "file"
GIVEN: Final = "given"
SOURCES: Final = {
    KEYRING: "the keyring of the operating system",
    FILE: "the file keys/master",
    GIVEN: "the program that opens this folder",
}
_CHECK: Final = "master check"
_ROTATION: Final = "master rotation"

D = TypeVar("D", "MasterRecord", "Rotation")


class MasterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What ``keys/master`` holds: nothing secret unless the source is `FILE`."""

    format: int = 1
    id: str
    source: str
    check: bytes  # nothing, sealed with the key
    key: bytes | None = None

    def __repr__(self) -> str:
        return f"MasterRecord({self.id!r}, {self.source!r})"


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What ``keys/master.next`` holds while a rotation lasts: with either key the other is found."""

    format: int = 1
    record: MasterRecord
    old_id: str
    new_by_old: bytes
    old_by_new: bytes


class MasterKey(msgspec.Struct, frozen=True):
    """A master key, found; ``source`` is one of `SOURCES`."""

    id: str
    source: str
    key: bytes

    def __repr__(self) -> str:
        return f"MasterKey({self.id!r}, {self.source!r})"


class MasterKeys:
    """The master key of one folder of keys.

    Args:
        files: the folder.
        given: the key, if the embedder brought one.
        keyring: finds the system's keyring, or raises `KeyringFailed`.

    Raises:
        InvalidMasterKey: ``given`` has the wrong size.
    """

    def __init__(
        self, files: KeyFiles, given: bytes | None = None, keyring: Callable[[], OsKeyring] = find_keyring
    ) -> None:
        self._files = files
        self._given = checked(given)
        self._keyring = keyring

    def record(self) -> MasterRecord | None:
        """What is known without the key; None if this folder has no master key yet."""
        return _read(self._files, MASTER_FILE, MasterRecord)

    def rotation(self) -> Rotation | None:
        """The rotation that has begun and not ended, if any."""
        return _read(self._files, NEXT_FILE, Rotation)

    def find(self) -> MasterKey | None:
        """The master key; None if this folder has none yet.

        Raises:
            MasterKeyUnavailable, WrongMasterKey: the key is not to be had now, or it is another one.
        """
        record = self.record()
        if record is not None:
            return self._obtain(record)
        if any(name.startswith((f"{EXTENSION}-", f"{SEAL}-")) for name in self._files.names()):
            raise MasterKeyUnavailable(
                SOURCES[FILE], "of this folder", "that is gone", "restore the keys folder from a backup"
            )
        return None

    def make(self) -> MasterKey:
        """The first master key. Durable."""
        record, key = self._new(self._given)
        self._files.write(MASTER_FILE, _encode(record))
        logger.info("a new master key, %s, is kept in %s", record.id, SOURCES[record.source])
        return MasterKey(record.id, record.source, key)

    def begin_rotation(self, old: MasterKey, given: bytes | None) -> None:
        """Make the next master key. Durable; until `end_rotation` either of the two keys is enough."""
        record, key = self._new(checked(given))
        rotation = Rotation(
            record=record,
            old_id=old.id,
            new_by_old=encrypt(old.key, old.id, _ROTATION, key),
            old_by_new=encrypt(key, record.id, _ROTATION, old.key),
        )
        self._files.write(NEXT_FILE, _encode(rotation))

    def rotating(self, rotation: Rotation) -> tuple[MasterKey, MasterKey]:
        """The old and the new key of a rotation.

        Raises:
            MasterKeyUnavailable, WrongMasterKey: neither of them is to be had.
        """
        record = rotation.record
        try:
            new = self._obtain(record)
        except (MasterKeyUnavailable, WrongMasterKey):
            before = self.record()
            if before is None or before.id != rotation.old_id:
                raise
            old = self._obtain(before)
            new = MasterKey(record.id, record.source, decrypt(old.key, old.id, _ROTATION, rotation.new_by_old))
        old_key = decrypt(new.key, new.id, _ROTATION, rotation.old_by_new)
        before = self.record()
        return MasterKey(rotation.old_id, before.source if before is not None else FILE, old_key), new

    def sweep(self) -> None:
        """Remove what a crash left at the end of a rotation."""
        if self._files.read(NEXT_FILE) is not None and self.rotation() is None:
            self._files.destroy(NEXT_FILE)

    def end_rotation(self, rotation: Rotation, old: MasterKey, new: MasterKey) -> None:
        """Forget the old key: nothing is wrapped by it any more."""
        # The file goes first, overwritten; until the new one is there, the rotation's file has all that is needed.
        self._files.destroy(MASTER_FILE)
        self._files.write(MASTER_FILE, _encode(rotation.record))
        self._files.destroy(NEXT_FILE)
        if old.source == KEYRING:
            try:
                self._keyring().delete(old.id)
            except KeyringFailed as error:
                logger.warning("the old master key %s could not be removed: %s", old.id, error)
        self._given = new.key if new.source == GIVEN else None

    def _new(self, given: bytes | None) -> tuple[MasterRecord, bytes]:
        key_id = str(uuid4())
        if given is not None:
            return _record(key_id, GIVEN, given), given
        key = new_key()
        try:
            self._keyring().write(key_id, key)
        except KeyringFailed as error:
            logger.info("the master key goes to a file: %s", error)
            return _record(key_id, FILE, key), key
        return _record(key_id, KEYRING, key), key

    def _obtain(self, record: MasterRecord) -> MasterKey:
        source = GIVEN if self._given is not None else record.source
        key = self._given if self._given is not None else self._stored(record)
        try:
            decrypt(key, record.id, _CHECK, record.check)
        except SealBroken:
            raise WrongMasterKey(record.id, SOURCES[source]) from None
        return MasterKey(record.id, record.source, key)

    def _stored(self, record: MasterRecord) -> bytes:
        if record.source == FILE and record.key is not None:
            return record.key
        place = SOURCES.get(record.source, record.source)
        if record.source == KEYRING:
            try:
                key = self._keyring().read(record.id)
            except KeyringFailed as error:
                remedy = "run as the user, and in the desktop session, that made the folder"
                raise MasterKeyUnavailable(place, record.id, str(error), remedy) from None
            if key is not None:
                return key
            raise MasterKeyUnavailable(place, record.id, "it is not there", "restore it, or the machine it was made on")
        raise MasterKeyUnavailable(
            place, record.id, "it was not given", "open the runtime with it: RuntimeSettings.master_key"
        )


def checked(given: bytes | None) -> bytes | None:
    """A key that somebody brought.

    Raises:
        InvalidMasterKey: it has the wrong size.
    """
    if given is not None and len(given) != KEY_BYTES:
        raise InvalidMasterKey(len(given), KEY_BYTES)
    return given


def _record(key_id: str, source: str, key: bytes) -> MasterRecord:
    check = encrypt(key, key_id, _CHECK, b"")
    return MasterRecord(id=key_id, source=source, check=check, key=key if source == FILE else None)


def _encode(document: MasterRecord | Rotation) -> bytes:
    return msgspec.json.encode(document) + b"\n"


def _read(files: KeyFiles, name: str, kind: type[D]) -> D | None:
    data = files.read(name)
    if data is None or (data and not any(data)):
        return None  # zeros are what a crash left of a file that was being destroyed
    try:
        document = msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError:
        raise CorruptKeys(name, "it is not what perdure writes there") from None
    if document.format != 1:
        raise CorruptKeys(name, f"its format is {document.format}, this perdure knows 1")
    return document
