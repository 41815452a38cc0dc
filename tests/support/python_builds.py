"""Python extensions built once for all tests: a build costs 10 seconds of a processor, and a compile 10 more.

What was built lies in a folder of this machine's temporary folder, named by a digest of all that it is made of: the
project's files, perdure_sdk, the toolchain, the versions of the tools. Processes of pytest-xdist, and one run after
another, share it; a lock lets one of them build while the others wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from perdure.toolchain import build, deliver, project_in, sdk_folder

ROOT = Path(__file__).parents[2]
_MADE_OF = (ROOT / "sdk" / "python" / "perdure_sdk", ROOT / "sdk" / "toolchain", ROOT / "sdk" / "wit")
_LEFT_OUT = {"__pycache__", ".perdure-build", "dist", ".pytest_cache"}
_KEPT = 12  # builds; the oldest go


def built_python(project: Path) -> Path:
    """The extension's folder of a project in Python, made by the builder; it is shared, so it must not be changed."""
    place = builds_folder() / _digest(project)
    with locked(place):
        if not (place / "done").is_file():
            shutil.rmtree(place, ignore_errors=True)
            copy = place / "project"
            shutil.copytree(project, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            deliver(build(project_in(copy), lambda line: None), place / "extension")
            shutil.rmtree(copy)
            (place / "done").touch()
            _forget_old()
        os.utime(place)
    return place / "extension"


def builds_folder() -> Path:
    """Where builds are shared, of this user alone."""
    folder = Path(tempfile.gettempdir()) / f"perdure-tests-{getpass.getuser()}" / "python-builds"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


@contextlib.contextmanager
def locked(place: Path) -> Iterator[None]:
    """One process after another; a process that dies lets the next one in."""
    with place.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(project: Path) -> str:
    found = hashlib.sha256()
    for name in ("componentize-py", "ziglang"):
        found.update(importlib.metadata.version(name).encode())
    for folder in (project, *_MADE_OF, sdk_folder("wit")):
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder)
            if path.is_file() and not _LEFT_OUT.intersection(inner.parts):
                found.update(f"{inner} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:32]


def _forget_old() -> None:
    places = sorted(
        (path for path in builds_folder().iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
    )
    for path in places[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)
