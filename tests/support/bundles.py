"""Bundles, taken apart and put together again by somebody who knows the format."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from perdure.runtime.proof.bundle_format import DIGEST_BYTES, END, MAGIC, RECORD, record_head

Part = tuple[bytes, bytes]  # its kind, and its content


def parts_of(data: bytes) -> list[Part]:
    """A sound bundle's records, but the last one."""
    at = len(MAGIC)
    found: list[Part] = []
    while True:
        kind, size = RECORD.unpack_from(data, at)
        at += RECORD.size
        if kind == END:
            return found
        found.append((kind, data[at : at + size]))
        at += size


def bundle_of(parts: Sequence[Part], magic: bytes = MAGIC) -> bytes:
    """A bundle of these records, with a digest that fits."""
    data = magic + b"".join(record_head(kind, len(content)) + content for kind, content in parts)
    digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
    return data + record_head(END, len(digest)) + digest


def write(folder: Path, data: bytes) -> Path:
    """The bytes as a file."""
    path = folder / "altered.perdure"
    path.write_bytes(data)
    return path
