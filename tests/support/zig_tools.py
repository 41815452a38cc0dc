"""The compiler of C and Zig as tests use it, and what they build with it: once in a run of the tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.toolchain.building import build, deliver
from perdure.toolchain.project import project_in

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk" / "c"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
CHECKED = (*STRICT, "-g", "-fsanitize=undefined")  # undefined behaviour ends the program
GUEST = (
    "--target=wasm32-freestanding",
    "-Os",
    "-nostdlib",
    "-ffreestanding",
    "-s",
    "-Wl,--no-entry",
    "-Wl,-z,stack-size=65536",
)


def zig(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the compiler, or with ``zig cc`` clang."""
    return subprocess.run(
        [sys.executable, "-m", "ziglang", *(str(word) for word in words)],
        cwd=folder,
        env={**os.environ, "ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def compiled(*words: object, folder: Path) -> None:
    """The same, and it must have nothing to say."""
    done = zig(*words, folder=folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that ``make`` fills, for all the processes of one run of the tests."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with (place.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            stage = place.with_name(f"{name}.stage")
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
            make(stage)
            stage.rename(place)
    return place


def example(factory: pytest.TempPathFactory, name: str) -> Path:
    """The extension's folder that ``perdure build`` makes of an example in C or Zig."""

    def make(stage: Path) -> None:
        # The links to the SDK become files: a project as `perdure new` makes one.
        project = stage / "project"
        shutil.copytree(ROOT / "examples" / name, project, ignore=shutil.ignore_patterns(".*", "dist"))
        deliver(build(project_in(project), lambda _: None), stage / "extension")

    return once(factory, name, make) / "extension"
