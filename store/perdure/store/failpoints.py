"""Named places in the commit path where a test can make the process die or fail.

``hit`` costs one dictionary look-up and does nothing unless a test armed the name (as bbolt's failpoints do); nothing
in the product arms one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

NAMES: Final = (
    "append.before_post",
    "append.after_post",
    "commit.before_drain",
    "commit.after_drain",
    "commit.before_plan",
    "commit.after_plan",
    "commit.before_write",
    "commit.after_write",
    "commit.before_sync",
    "commit.after_sync",
    "answer.before",
    "answer.after",
    "blob.before_write",
    "blob.before_rename",
    "blob.after_rename",
)
# In the files of keys (`perdure.runtime.secrets`), which most workloads never come by.
KEY_NAMES: Final = (
    "keys.before_write",
    "keys.before_rename",
    "keys.after_write",
    "keys.before_overwrite",
    "keys.after_overwrite",
    "keys.after_unlink",
)
# On an action's way, which only some workloads have.
ACTION_NAMES: Final = (
    "action.before_intent",
    "action.after_intent",
    "action.before_handler",
    "action.after_handler",
    "action.before_outcome",
    "action.after_outcome",
)
# Where the fork of a long job is made.
FORK_NAMES: Final = ("fork.between_chunks",)
# Where jobs are folded, and what nothing names any more is swept.
FOLD_NAMES: Final = (
    "fold.before_append",
    "fold.after_append",
    "fold.before_remove",
    "fold.after_remove",
    "fold.after_sync",
    "sweep.before_mark",
    "sweep.after_mark",
    "sweep.before_remove",
    "sweep.after_remove",
)
# Where blobs are removed, which only some workloads do.
REMOVE_NAMES: Final = ("blob.before_remove", "blob.after_remove")
# Where a log in an older format is brought to the present one.
UPGRADE_NAMES: Final = ("upgrade.before_write", "upgrade.after_sync", "upgrade.before_end")
# In sealing the ends of streams, and in erasing keys.
SEAL_NAMES: Final = (
    "seal.before_key",
    "seal.before_introduction",
    "seal.after_introduction",
    "seal.before_append",
    "seal.after_append",
    "erase.before_append",
    "erase.after_append",
    "erase.after_destroy",
)
# Where a log's file is written anew without what it no longer holds.
COMPACT_NAMES: Final = ("compact.before_copy", "compact.after_copy", "compact.before_swap", "compact.after_swap")
# Where a backup is made, and where one becomes a data folder.
BACKUP_NAMES: Final = (
    "backup.after_log",
    "backup.after_blobs",
    "backup.before_manifest",
    "backup.after_manifest",
    "restore.after_copy",
    "restore.before_name",
    "restore.after_name",
)
# Where a server does what a client asked for.
REQUEST_NAMES: Final = ("request.after_accepted", "request.before_answered", "request.after_answered")

_ALL: Final = (
    NAMES,
    KEY_NAMES,
    ACTION_NAMES,
    FORK_NAMES,
    FOLD_NAMES,
    REMOVE_NAMES,
    UPGRADE_NAMES,
    SEAL_NAMES,
    COMPACT_NAMES,
    BACKUP_NAMES,
    REQUEST_NAMES,
)

_armed: dict[str, Callable[[], None]] = {}


def arm(name: str, action: Callable[[], None]) -> None:
    """Run ``action`` each time ``name`` is passed.

    Raises:
        KeyError: there is no such failpoint.
    """
    if not any(name in names for names in _ALL):
        raise KeyError(name)
    _armed[name] = action


def disarm() -> None:
    """Forget every armed action."""
    _armed.clear()


def hit(name: str) -> None:
    """Pass the failpoint ``name``."""
    if _armed and (action := _armed.get(name)) is not None:
        action()
