"""Extism: extensions in WebAssembly for programs in many languages, here its Python SDK."""

from __future__ import annotations

from typing import Final

from bench.peers.peer import Peer, not_installed, versions
from bench.peers.rows import Subject

EXTISM: Final = Peer(
    key="extism",
    name="Extism",
    durability="none: it keeps nothing",
    child="bench.peers.extism_child",
    subjects={Subject.SANDBOX: 2.0},
    version=lambda: versions("extism", "extism-sys"),
    missing=lambda: not_installed("extism", "extism-sys"),
)
