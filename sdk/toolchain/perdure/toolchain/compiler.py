"""Running a compiler: in a folder, with an environment, until it ends; what it said is kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from perdure.toolchain.errors import BuildFailed

_SAID_BYTES: Final = 1024 * 1024  # of what a compiler wrote, its end


def run_compiler(
    tool: str,
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    *,
    without: Collection[str] = (),
) -> str:
    """Run ``command`` in ``folder``; returns what it wrote.

    ``environment`` is added to this process's, of which the variables ``without`` are left out.

    Raises:
        BuildFailed: it refused what it was given, or was killed.
    """
    done = subprocess.run(  # noqa: S603  # without a shell, and the tool was looked for
        [str(word) for word in command],
        cwd=folder,
        env={**{name: value for name, value in os.environ.items() if name not in without}, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout[-_SAID_BYTES:].decode(errors="replace")
    if done.returncode < 0:
        raise BuildFailed(tool, said, f"was killed by signal {-done.returncode}")
    if done.returncode > 0:
        raise BuildFailed(tool, said)
    return said
