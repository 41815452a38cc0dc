"""A publisher's packages installed by processes that die at each place where an install writes.

``python -m tests.crash.publishers FOLDER`` prints a line of JSON for each death: what it left, and what became of the
same installs when they were done again. Each process is a fork of this one, which has no threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from tests.crash.upgrades import in_fork
from tests.support.packages import ACME, OTHER, package

from perdure.runtime import PublisherChanged, Runtime
from perdure.runtime.packages.publisher_key import rotated
from perdure.store import check, failpoints
from perdure.store.event_store import EventStore
from perdure.store.events import extension_stream
from perdure.store.extension_state import ExtensionState
from perdure.store.lmdb_store import LmdbEventStore

_DIED: Final = 17
FAILPOINTS: Final = ("blob.after_rename", "append.after_post", "commit.before_sync", "commit.after_sync")


def die_at(name: str, count: int) -> None:
    """Let the process die when it passes the failpoint for the ``count``-th time from now."""
    left = count

    def hit() -> None:
        nonlocal left
        left -= 1
        if not left:
            os._exit(_DIED)

    failpoints.arm(name, hit)


def install(folder: Path, name: str = "", count: int = 0) -> None:
    """Install a version, then one of the publisher's next key."""
    with Runtime.open(folder / "data") as runtime:
        if name:
            die_at(name, count)
        if not [info for info in runtime.extensions() if info.version == "2.0.0"]:
            runtime.install(folder / "first.perdure-ext")
        runtime.install(folder / "second.perdure-ext")


def found(store: EventStore) -> dict[str, Any]:
    """What the log says of the extension."""
    state = store.state(extension_stream("acme"))
    known = state if isinstance(state, ExtensionState) else None
    return {
        "version": known.version if known is not None else "",
        "publisher": known.publisher.key.hex() if known is not None and known.publisher is not None else "",
        "signer": known.provenance.key.hex() if known is not None and known.provenance is not None else "",
    }


def report(folder: Path, line: dict[str, Any]) -> None:
    """Print what the death left, do the installs again, and print what became of them."""
    with LmdbEventStore.open_readonly(folder / "data") as store:
        left = {**found(store), "problems": [str(problem) for problem in check(store).problems]}
    install(folder)
    with Runtime.open(folder / "data") as runtime:
        other = ""
        with contextlib.suppress(PublisherChanged):
            other = runtime.install(folder / "other.perdure-ext").version
        again = {**found(runtime.store), "problems": [str(problem) for problem in check(runtime.store).problems]}
    print(json.dumps({**line, "left": left, "again": again, "other": other}), flush=True)


def main(folder: Path) -> None:
    """See the module's text."""
    new = rotated(ACME)
    for name, key, version in (("first", ACME, "1.0.0"), ("second", new, "2.0.0"), ("other", OTHER, "3.0.0")):
        package(folder, key, version).rename(folder / f"{name}.perdure-ext")
    for name in FAILPOINTS:
        count, died = 0, _DIED
        while died == _DIED:
            count += 1
            shutil.rmtree(folder / "data", ignore_errors=True)
            died = in_fork(lambda name=name, count=count: install(folder, name, count))  # type: ignore[misc]  # defaults
            line = {"failpoint": name, "died": died == _DIED, "new": new.public.hex()}
            assert in_fork(lambda line=line: report(folder, line)) == 0, line  # type: ignore[misc]  # its defaults


if __name__ == "__main__":
    main(Path(sys.argv[1]))
