"""A disk of a few megabytes that can be filled to the last byte."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted tmpfs; ``path`` is where."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Use up all of the disk but ``leave`` bytes, which are rounded down to blocks."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(_Full), _full():
                    while True:
                        file.write(b"\0" * size)
        if leave:
            with self._ballast.open("r+b") as file:
                file.truncate(max(0, self._ballast.stat().st_size - leave))

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink(missing_ok=True)


class _Full(Exception):
    pass


@contextlib.contextmanager
def _full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _Full from None


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int = 8) -> Iterator[SmallDisk]:
    """Mount one at ``path``, which is made; the test fails, and says what it needs, where that is not allowed."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "perdure-test", str(path)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        problem = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        pytest.fail(
            f"this test needs a disk that it can fill, and may not mount one: {problem}. Run it as root, or in a "
            "container with CAP_SYS_ADMIN, on Linux."
        )
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a test that failed may have left a file open there, and the next run has to remove the folder.
        subprocess.run(["umount", "--lazy", str(path)], check=True, capture_output=True)
