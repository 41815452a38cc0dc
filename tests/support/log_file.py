"""Reaching into a log's file behind the store's back, as a failing disk or a careless person would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb


def data_file(folder: Path) -> Path:
    return folder / "log" / "data.mdb"


def flip(folder: Path, known: bytes, bit: int = 1) -> None:
    """Flip a bit of the last byte of ``known``, wherever it stands in the file, in every copy that there is."""
    file = data_file(folder)
    content = bytearray(file.read_bytes())
    at = content.find(known)
    assert at >= 0, f"{known!r} is not in the file"
    while at >= 0:
        content[at + len(known) - 1] ^= bit
        at = content.find(known, at + 1)
    file.write_bytes(content)


class Databases:
    """The databases of a log, by name, in one write transaction."""

    def __init__(self, env: Any, txn: Any) -> None:
        self._txn = txn
        self._handles = {
            name: env.open_db(name.encode(), txn=txn, create=False)
            for name in ("log", "index", "streams", "names", "statuses", "rows", "meta")
        }

    def items(self, name: str) -> list[tuple[bytes, bytes]]:
        return list(self._txn.cursor(self._handles[name]))

    def put(self, name: str, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._handles[name])

    def drop(self, name: str) -> None:
        self._txn.drop(self._handles[name])

    def delete(self, name: str, key: bytes) -> None:
        assert self._txn.delete(key, db=self._handles[name])


@contextlib.contextmanager
def behind_its_back(folder: Path) -> Iterator[Databases]:
    """Change a closed store's databases directly."""
    with lmdb.open(str(folder / "log"), max_dbs=8, map_size=64 << 20) as env, env.begin(write=True) as txn:
        yield Databases(env, txn)
