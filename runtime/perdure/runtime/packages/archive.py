"""How files lie in a package: a ZIP archive with nothing optional in it, so that these files have these bytes only.

Pure. Every file is stored, not compressed; each has the same time (1980), the same rights (0644), a UTF-8 name, no
comment and no extra fields. A reader makes the headers anew and compares them: there is nothing in an archive that it
would have to interpret, and no byte that could be another one. Any program that unpacks ZIP files reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import msgspec

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
LOCAL_BYTES: Final = _LOCAL.size
MAGIC: Final = b"PK\x03\x04"
_CRC_AT: Final = 14
_SIZE_AT: Final = 18
_VERSION: Final = 20  # of the ZIP specification that a reader needs
_MADE_BY: Final = 3 << 8 | _VERSION  # Unix, so that rights are understood
_RIGHTS: Final = 0o100644 << 16
_UTF8: Final = 0x0800
_STORED: Final = 0
_TIME: Final = 0
_DAY: Final = 0x21  # 1 January 1980, the first day that ZIP knows


class Entry(msgspec.Struct, frozen=True):
    """A file in an archive: its path, size in bytes, and CRC-32."""

    path: str
    size: int
    crc: int


def local_header(entry: Entry) -> bytes:
    """The bytes before a file's content."""
    path = entry.path.encode()
    return (
        _LOCAL.pack(MAGIC, _VERSION, _UTF8, _STORED, _TIME, _DAY, entry.crc, entry.size, entry.size, len(path), 0)
        + path
    )


def crc_in(header: bytes) -> int:
    """The CRC-32 that a header says."""
    return int.from_bytes(header[_CRC_AT : _CRC_AT + 4], "little")


def size_in(header: bytes) -> int:
    """The size that a header says."""
    return int.from_bytes(header[_SIZE_AT : _SIZE_AT + 4], "little")


def directory(entries: Sequence[Entry]) -> bytes:
    """The bytes behind the last file."""
    parts: list[bytes] = []
    at = 0
    for entry in entries:
        path = entry.path.encode()
        fixed = (_MADE_BY, _VERSION, _UTF8, _STORED, _TIME, _DAY, entry.crc, entry.size, entry.size)
        parts.append(_CENTRAL.pack(b"PK\x01\x02", *fixed, len(path), 0, 0, 0, 0, _RIGHTS, at) + path)
        at += LOCAL_BYTES + len(path) + entry.size
    size = sum(map(len, parts))
    return b"".join(parts) + _END.pack(b"PK\x05\x06", 0, 0, len(entries), len(entries), size, at, 0)
