"""The key with which a publisher signs packages, and its file.

The file is JSON: ``format``, ``name``, ``private`` (64 hexadecimal digits) and ``endorsements``, the line of keys that
led to this one. Whoever has it can publish in the publisher's name; whoever has lost it cannot publish what hosts that
know them accept. So it is 0600, it is written whole or not at all, and nothing here ever prints it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from perdure.runtime.packages.endorsements import MAX_ENDORSEMENTS, Endorsement, endorse, fault_of
from perdure.runtime.packages.errors import (
    BadPublisherKey,
    InvalidPublisherName,
    PublisherKeyExists,
    PublisherKeyFailed,
    PublisherKeyMissing,
    UnsafePublisherKey,
)
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.statement import MAX_NAME, is_publisher_name
from perdure.runtime.seals.signing import public_key
from perdure.store.events import UNREADABLE
from perdure.store.seals.statement import KEY_BYTES

FORMAT: Final = "perdure-publisher-key 1"
_MAX_FILE: Final = 64 * 1024
_OTHERS: Final = 0o077
_UNFINISHED: Final = ".new-"


class PublisherKey:
    """A private key, the name that it signs in, and the line of keys before it."""

    def __init__(self, name: str, private: bytes, endorsements: tuple[Endorsement, ...] = ()) -> None:
        if not is_publisher_name(name):
            raise InvalidPublisherName(name, MAX_NAME)
        self.name = name
        self.private = private
        self.endorsements = endorsements
        self.public = public_key(private)

    def __repr__(self) -> str:
        return f"PublisherKey({self.name!r}, {self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """The public key in words."""
        return fingerprint(self.public)


def new_key(name: str) -> PublisherKey:
    """A new key.

    Raises:
        InvalidPublisherName: nobody can be called so.
    """
    return PublisherKey(name, os.urandom(KEY_BYTES))


def rotated(old: PublisherKey, name: str | None = None) -> PublisherKey:
    """A new key that ``old`` signed, so that a host that knows the old one accepts it; ``name`` None: as before.

    Raises:
        InvalidPublisherName: nobody can be called so.
    """
    private = os.urandom(KEY_BYTES)
    endorsement = endorse(old.private, old.public, public_key(private))
    # The oldest are given up: a host that knows none of the newest hundred has to accept the key on purpose.
    line = (*old.endorsements, endorsement)[-MAX_ENDORSEMENTS:]
    return PublisherKey(name if name is not None else old.name, private, line)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    name: str
    private: str
    endorsements: tuple[tuple[str, str], ...]


_decode = msgspec.json.Decoder(_File).decode


def read_key(path: Path) -> PublisherKey:
    """The key in a file.

    Raises:
        PublisherKeyError: the file is not there, is open to others, cannot be read, or holds something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor has no path
            _check_private(path, os.fstat(descriptor))
            data = file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        raise PublisherKeyMissing(path) from None
    except OSError as error:
        raise PublisherKeyFailed(path, error.strerror or str(error)) from None
    return _key_in(path, data)


def _key_in(path: Path, data: bytes) -> PublisherKey:
    # No reason may quote what the file holds.
    if len(data) > _MAX_FILE:
        raise BadPublisherKey(path, f"it has more than {_MAX_FILE:,} bytes")
    try:
        found = _decode(data)
        private = bytes.fromhex(found.private)
        line = tuple(Endorsement(bytes.fromhex(key), bytes.fromhex(signed)) for key, signed in found.endorsements)
    except (*UNREADABLE, ValueError):
        raise BadPublisherKey(path, "it is not written as one") from None
    if found.format != FORMAT or len(private) != KEY_BYTES or not is_publisher_name(found.name):
        raise BadPublisherKey(path, "its format, its name or its key is not one that this perdure knows")
    key = PublisherKey(found.name, private, line)
    if fault := fault_of(key.endorsements, key.public):
        raise BadPublisherKey(path, f"its line of keys is broken: {fault}")
    return key


def write_key(key: PublisherKey, path: Path, *, replace: bool = False) -> None:
    """Write a key to a file (0600) in a folder that is made if need be (0700); whole or not at all. Durable.

    Raises:
        PublisherKeyExists: a file is there, and ``replace`` was not asked for.
        PublisherKeyFailed: the operating system refused.
    """
    content = _File(
        FORMAT, key.name, key.private.hex(), tuple((one.key.hex(), one.signature.hex()) for one in key.endorsements)
    )
    new: str | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)  # 0600
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(new).replace(path)
        else:
            _link(Path(new), path)
        _sync(path.parent)
    except OSError as error:
        raise PublisherKeyFailed(path, error.strerror or str(error)) from error
    finally:
        if new is not None:
            with contextlib.suppress(OSError):
                Path(new).unlink()


def _link(new: Path, path: Path) -> None:
    """Unlike a rename it never takes the place of a key."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise PublisherKeyExists(path) from None


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadPublisherKey(path, "it is no ordinary file")
    # A file of somebody else is one that was mounted for us: its rights are not ours to mend.
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == os.geteuid() and mode & _OTHERS:
        raise UnsafePublisherKey(path, mode)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
