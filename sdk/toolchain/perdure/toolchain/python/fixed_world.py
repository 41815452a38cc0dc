"""The library that makes componentize-py's output the same each time: compiled where it is needed, for this machine."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from perdure.toolchain.tools import package_tool

_SOURCE: Final = Path(__file__).with_name("fixed_world.c")
_MACHINES: Final = frozenset({"x86_64", "aarch64"})
_FLAGS: Final = ("-O2", "-shared", "-fPIC", "-pthread")


class FixedWorld(msgspec.Struct, frozen=True, kw_only=True):
    """The library, or why there is none: then two builds of the same sources differ in their bytes."""

    library: Path | None
    problem: str = ""


def fixed_world(folder: Path) -> FixedWorld:
    """Compile it into ``folder``, if it is not there yet. It never raises: a build works without it."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        here = f"{platform.system()} on {platform.machine()}"
        return FixedWorld(library=None, problem=f"that needs Linux on x86-64 or AArch64; this is {here}")
    source = _SOURCE.read_bytes()
    library = folder / f"fixed_world-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if library.is_file():
        return FixedWorld(library=library)
    compiler = _compiler()
    if compiler is None:
        return FixedWorld(
            library=None, problem="that needs a C compiler; pip install 'perdure[python-guest]' brings one"
        )
    unfinished = library.with_suffix(f".{os.getpid()}")  # another build may be at it
    command = [*compiler, *_FLAGS, "-o", str(unfinished), str(_SOURCE), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=120)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return FixedWorld(library=None, problem=f"{compiler[0]} failed: {error}")
    if done.returncode != 0 or not unfinished.is_file():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return FixedWorld(library=None, problem=f"the C compiler failed: {said[0] if said else done.returncode}")
    unfinished.replace(library)
    return FixedWorld(library=library)


def _compiler() -> list[str] | None:
    if package_tool("ziglang", "python-guest").usable:
        return [sys.executable, "-m", "ziglang", "cc"]
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    return [found] if found else None
