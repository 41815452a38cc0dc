"""What the author's code says of itself: its manifest, got by importing it in a Python process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from perdure.toolchain.errors import BuildFailed
from perdure.toolchain.python.staging import APP, PACKAGES

_PROCESS: Final = Path(__file__).with_name("manifest_process.py")
_TIMEOUT: Final = 60  # seconds
_SAID: Final = 8000  # characters


def stated_by(module: str, folder: Path) -> dict[str, Any]:
    """The manifest of the one Extension in a staged folder's module.

    It is the author's machine and the author's code; the code runs as it would under a test.

    Raises:
        BuildFailed: it cannot be imported, or has no Extension, or more than one, or one that cannot work.
    """
    try:
        done = subprocess.run(  # noqa: S603  # this interpreter, a file beside this one
            [sys.executable, "-I", "-S", "-B", str(_PROCESS), str(folder / APP), str(folder / PACKAGES), module],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise BuildFailed("Python", "", f"did not end the import of {module} within {_TIMEOUT} seconds") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode(errors="replace")[-_SAID:]
        raise BuildFailed("Python", said, f"ended while it imported {module} (exit code {done.returncode})") from None
    if "manifest" in answer:
        return dict(answer["manifest"])
    failure, message = str(answer["failure"]), str(answer["message"])
    if answer["kind"] == "ExtensionError":
        raise BuildFailed("perdure_sdk", failure[-_SAID:], f"cannot take {module} for an extension: {message}")
    raise BuildFailed(
        "Python", failure[-_SAID:], f"could not import {module}: {answer['kind']}: {message}{_hint(answer)}"
    )


def _hint(answer: dict[str, Any]) -> str:
    if answer["kind"] != "ModuleNotFoundError":
        return ""
    match = re.search(r"No module named '([^'.]+)", str(answer["message"]))
    if match is None:
        return ""
    if match[1] == "perdure":
        return "; an extension cannot see its host: it imports perdure_sdk"
    return f"; if {match[1]} is a package, list it under [project] dependencies in pyproject.toml"
