"""Restate: a server in Rust that keeps the journals, and a service in Python that it calls.

Its server comes from npm. The one that the search path has is taken; else npm is asked for the version below, into a
folder of the user's cache, without running anything that the package brings for its installation.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import platformdirs

from bench.peers.peer import Peer, not_installed, versions
from bench.peers.rows import Subject

PACKAGE: Final = "@restatedev/restate-server"
VERSION: Final = "1.7.12"


def _cache() -> Path:
    return Path(platformdirs.user_cache_dir("perdure")) / "bench" / f"restate-{VERSION}"


def _program() -> Path | None:
    found = shutil.which("restate-server")
    # The package for this machine has the program; what npm puts into .bin is a script that looks for it.
    kept = sorted(_cache().glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    return Path(found) if found else kept[0] if kept else None


def _missing() -> str:
    if absent := not_installed("restate-sdk", "hypercorn"):
        return absent
    if _program() is not None:
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return f"its server is not installed, nor is npm, which would bring it: npm install {PACKAGE}"
    _cache().mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(_cache())]
    done = subprocess.run([*command, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, check=False)
    if _program() is None:
        last = " ".join(done.stderr.split())[-200:]
        return f"npm install {PACKAGE}@{VERSION} brought no server for this machine: {last}"
    return ""


def _version() -> str:
    program = _program()
    if program is None:
        return versions("restate-sdk")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{said}, {versions('restate-sdk', 'hypercorn')}"


RESTATE: Final = Peer(
    key="restate",
    name="Restate",
    durability="its server's defaults: the log server's RocksDB flushes its write-ahead log for each batch of records",
    child="bench.peers.restate_child",
    subjects={Subject.STEPS: 8.0, Subject.BUSY: 8.0, Subject.RECOVERY: 12.0},
    version=_version,
    missing=_missing,
    words=lambda: {"program": str(_program())},
)
