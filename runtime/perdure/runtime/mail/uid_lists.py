"""UIDs of Maildirs: a Maildir has none, so perdure numbers its messages itself, and keeps the numbers in a file.

As a server does: a message gets the next number when it is first seen, keeps it as long as its name stays (but for the
flags in it), and no number is given twice. A list that is lost, or cannot be read, is begun anew with another validity.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

_KEPT: Final = 16  # lists in memory


class UidList(msgspec.Struct, array_like=True):
    """The numbers of one Maildir's messages, by their unique names."""

    validity: int
    next_uid: int
    uids: dict[str, int]


class UidLists:
    """The lists of all Maildirs, in one folder. Thread-safe. ``now``: microseconds since 1970."""

    def __init__(self, folder: Path, now: Callable[[], int]) -> None:
        self._folder = folder
        self._now = now
        self._lock = threading.Lock()
        self._lists: dict[str, UidList] = {}

    def numbered(self, maildir: Path, names: Iterable[str]) -> UidList:
        """The numbers of these names; new ones get theirs in the order given. On disk before it returns.

        Raises:
            OSError: the list cannot be written.
        """
        key = hashlib.blake2b(os.fsencode(maildir), digest_size=16).hexdigest()
        with self._lock:
            known = self._lists.get(key) or self._load(key)
            uids: dict[str, int] = {}
            next_uid = known.next_uid
            for name in names:
                uid = known.uids.get(name)
                if uid is None:
                    uid, next_uid = next_uid, next_uid + 1
                uids[name] = uid
            found = UidList(known.validity, next_uid, uids)
            if next_uid != known.next_uid or next_uid == 1:
                self._save(key, found)
            self._lists.pop(key, None)
            self._lists[key] = found
            while len(self._lists) > _KEPT:
                del self._lists[next(iter(self._lists))]
            return found

    def _load(self, key: str) -> UidList:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.msgpack.decode((self._folder / key).read_bytes(), type=UidList)
        return UidList(max(1, self._now() // 1_000_000 & 0xFFFF_FFFF), 1, {})

    def _save(self, key: str, found: UidList) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._folder / f"{key}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(found))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / key)
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
