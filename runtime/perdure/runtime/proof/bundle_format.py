"""The layout of a bundle: one job's history in one file, with all that it takes to prove it (docs/proof.md). Pure.

    perdure bundle 1\\n
    record …

A record is its kind (4 ASCII characters), the size of its content (u64 BE), and the content. In this order:

    HEAD  once    JSON, see `BundleHead`
    EVTS  1 or more  a frame of the log (`perdure.store.frame`): stream number 1, events in order and without a gap
    BLOB  any     a module or a large payload; sorted by their SHA-256, each once
    OPEN  any     an opened payload: the SHA-256 of what is sealed (32 bytes), then what it is; sorted, each once
    SEAL  0 or 1  a seal of the job's stream (`perdure.runtime.seals`)
    END.  once    BLAKE2b-256 of every byte before this record; nothing follows

Nothing is compressed: a file has the same bytes wherever it is made, and holds no more than its size.
"""

from __future__ import annotations

import struct
from typing import Final
from uuid import UUID

import msgspec

from perdure.runtime.proof.proof import Versions

FORMAT: Final = 1
MAGIC: Final = b"perdure bundle 1\n"
MAGIC_START: Final = b"perdure bundle "
HEAD: Final = b"HEAD"
EVENTS: Final = b"EVTS"
BLOB: Final = b"BLOB"
OPENED: Final = b"OPEN"
SEAL: Final = b"SEAL"
END: Final = b"END."
ORDER: Final = (HEAD, EVENTS, BLOB, OPENED, SEAL, END)
RECORD: Final = struct.Struct(">4sQ")
DIGEST_BYTES: Final = 32

# What a reader takes into memory at once.
LARGEST: Final[dict[bytes, int]] = {
    HEAD: 16 << 20,
    EVENTS: 64 << 20,
    BLOB: 1 << 30,
    OPENED: 64 << 20,
    SEAL: 16 << 20,
    END: DIGEST_BYTES,
}
FRAME_BYTES: Final = 1 << 20  # of events, after which a writer begins another frame


class AttemptVersions(msgspec.Struct, frozen=True, array_like=True):
    """Which perdure and which wasmtime ran the attempt that began with event ``sequence``, as the exporter says."""

    sequence: int
    perdure: str
    wasmtime: str


class BundleHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the bundle holds: events 1 to ``sequence`` of ``job``, the last of them with ``hash`` (hex).

    ``log_format`` is that of the log it comes from, ``made_with`` the versions that made the file.
    """

    job: UUID
    sequence: int
    hash: str
    log_format: int
    made_with: Versions
    attempts: tuple[AttemptVersions, ...] = ()


def record_head(kind: bytes, size: int) -> bytes:
    """The bytes before a record's content."""
    return RECORD.pack(kind, size)
