"""What a backup says of itself, and where its parts are.

    backup.json      the manifest: it names the state that counts
    state-…/log/     the log
    state-…/keys/    the keys, where they were asked for
    blobs/ab/abcd…   the blobs, by the SHA-256 of their bytes

A backup that is made where an earlier one is adds the blobs that are not there, writes its state beside the old one,
and then its manifest over the old one's: that is the moment from which it counts. Whoever hands us a backup may have
written anything into it, so nothing here is believed that is not looked at.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from perdure.store.backups.copying import creating, write_all
from perdure.store.backups.errors import NotABackup
from perdure.store.blobs import sync_folders
from perdure.store.errors import refused

MANIFEST: Final = "backup.json"
BLOBS: Final = "blobs"
LOG: Final = "log"
KEYS: Final = "keys"
VERSION: Final = 1
_STATE: Final = re.compile("state-[0-9a-f]{16}")
_LARGEST: Final = 65_536  # bytes of a manifest


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup's manifest.

    ``state`` is the folder that counts, empty where none was finished. ``position`` is the log's last position in it,
    ``saved_at`` when it was made (microseconds since 1970), ``perdure`` who made it.
    """

    backup: int = VERSION
    state: str = ""
    position: int = 0
    saved_at: int = 0
    keys: bool = False
    perdure: str = ""


def state_name() -> str:
    """A new name for the folder of a state."""
    return f"state-{os.urandom(8).hex()}"


def is_state(name: str) -> bool:
    """Whether ``name`` could be a state's folder."""
    return _STATE.fullmatch(name) is not None


def read_manifest(folder: Path) -> Manifest:
    """The manifest in ``folder``.

    Raises:
        NotABackup: there is none, or one that cannot be believed.
    """
    try:
        with (folder / MANIFEST).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise NotABackup(folder, f"there is no {MANIFEST} in it") from None
    except OSError as error:
        raise NotABackup(folder, str(error.strerror or error)) from error
    try:
        manifest = msgspec.json.decode(data[:_LARGEST], type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotABackup(folder, f"its {MANIFEST} cannot be read: {error}") from None
    if manifest.backup != VERSION:
        raise NotABackup(folder, f"its layout is {manifest.backup}, this perdure knows {VERSION}")
    if manifest.state and not is_state(manifest.state):
        raise NotABackup(folder, f"its {MANIFEST} names {manifest.state[:80]!r}, which is no state's folder")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one that is there. Durable; after a crash there is the one or the other.

    Raises:
        DiskFull, StoreFailed: the operating system refused; the old one is there.
    """
    new = folder / f".new-{MANIFEST}"
    try:
        with creating(new) as descriptor:
            write_all(descriptor, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
            os.fsync(descriptor)
            new.replace(folder / MANIFEST)
        sync_folders(folder)
    except OSError as error:
        raise refused(folder, error) from error
