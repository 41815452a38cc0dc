"""Running componentize-py: a staged folder becomes a component."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from perdure.toolchain.builder import Say
from perdure.toolchain.errors import BuildFailed
from perdure.toolchain.python.fixed_world import FixedWorld
from perdure.toolchain.python.staging import APP, ENTRY, FAILURE, PACKAGES
from perdure.toolchain.sdk import sdk_folder
from perdure.toolchain.tools import Tool, package_tool

TOOL: Final = "componentize-py"
_WORLD: Final = "extension"
_LIBRARY: Final = "fixed_world.so"
_PROCESS: Final = Path(__file__).with_name("componentize_process.py")
_TIMEOUT: Final = 900  # seconds; it takes 7 to 30
_SAID: Final = 4000  # characters
_NOT_FIXED: Final = re.compile(r"^perdure: the world was not fixed: (.*)\n?", re.MULTILINE)
_KEPT: Final = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def componentize_tool() -> Tool:
    """The tool."""
    return package_tool(TOOL, "python-guest")


def componentize(folder: Path, output: Path, world: FixedWorld, say: Say) -> None:
    """Make the component ``output`` of a folder that `perdure.toolchain.python.staging.stage` made.

    Raises:
        BuildFailed: the author's code could not be imported in the sandbox, or the tool failed.
    """
    temporary = folder / "tmp"
    temporary.mkdir()
    made = folder / "made.wasm"
    # What is preloaded is named from the working folder: the loader takes a space in a path for the end of it.
    library = f"./{shutil.copyfile(world.library, folder / _LIBRARY).name}" if world.library is not None else None
    order = {
        "library": library,
        "root": str(folder.resolve()),
        "wit": str(_wit(folder)),
        "world": _WORLD,
        "python_path": [str(folder / APP), str(folder / PACKAGES)],
        "app": ENTRY,
        "output": str(made),
    }
    # A clean environment: what is in this one is not the component's business.
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"TMPDIR": str(temporary), "RUST_BACKTRACE": "0"}
    if library is not None:
        environment["LD_PRELOAD"] = library
    try:
        done = subprocess.run(  # noqa: S603  # this interpreter, a file beside this one
            [sys.executable, "-I", "-B", str(_PROCESS), json.dumps(order)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise BuildFailed(
            TOOL, "", f"did not end within {_TIMEOUT} seconds: does the module wait for something when it is imported?"
        ) from None
    said = done.stderr.decode(errors="replace")
    if (not_fixed := _NOT_FIXED.search(said)) is not None:
        say(f"warning: another build of the same sources will have other bytes: {not_fixed[1]}")
        said = _NOT_FIXED.sub("", said)
    failure = folder / APP / FAILURE
    if failure.is_file():
        text = failure.read_text(encoding="utf-8", errors="replace")
        reason = "could not import the extension's code in the sandbox: Python's own words are above"
        raise BuildFailed(TOOL, text[-_SAID:], reason + _hint(text))
    if done.returncode < 0:
        raise BuildFailed(TOOL, said[-_SAID:], f"was killed by signal {-done.returncode}")
    if done.returncode != 0 or not made.is_file():
        raise BuildFailed(TOOL, said[-_SAID:], "failed; what it said is above")
    made.replace(output)


def wit_text() -> bytes:
    """The contract that components are built against."""
    return b"".join(path.read_bytes() for path in sorted(sdk_folder("wit").glob("*.wit")))


def _wit(folder: Path) -> Path:
    target = folder / "wit"
    target.mkdir()
    (target / "extension.wit").write_bytes(wit_text())
    return target


_HINTS: Final = (
    (
        re.compile(r"No module named '(_\w+|fcntl|mmap|termios|grp|pwd|resource|syslog|msvcrt|nt|winreg|winsound)'"),
        "; {0} is a part of Python that the sandbox does not have",
    ),
    (
        re.compile(r"No module named '(\w+)"),
        "; if {0} is a package, list it under [project] dependencies in pyproject.toml",
    ),
)


def _hint(text: str) -> str:
    for pattern, hint in _HINTS:
        if (match := pattern.search(text)) is not None:
            return hint.format(match[1])
    return ""
