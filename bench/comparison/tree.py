"""The two trees: a commit as git has it, and the working tree as it is at this moment, both in folders of their own.

Both are copies, so that they differ in nothing but what they hold, and so that what is edited while the measurement
runs is not measured. A commit comes from ``git archive``, which leaves nothing in the repository whatever happens here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Final

import msgspec

_GUARD: Final = Path(__file__).with_name("guard")


class NotComparable(Exception):
    """There is nothing to compare with; says why."""


class Tree(msgspec.Struct, frozen=True):
    """A tree of this project in ``folder``; ``name`` is what the table calls it."""

    name: str
    folder: Path

    def roots(self) -> list[Path]:
        """Its import roots, as its own pyproject.toml names them.

        Raises:
            NotComparable: it names none.
        """
        try:
            project = tomllib.loads((self.folder / "pyproject.toml").read_text())
            names = project["tool"]["hatch"]["build"]["targets"]["wheel"]["dev-mode-dirs"]
        except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
            raise NotComparable(f"{self.name} is no tree of this project: {error!r} in its pyproject.toml") from None
        return [self.folder / name for name in names]

    def environment(self, bench: Path) -> dict[str, str]:
        """The environment of a process that runs this tree's packages, and ``bench`` out of the folder given."""
        path = [_GUARD, *self.roots(), bench]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PERDURE_BENCH_TREE": str(self.folder.resolve()),
        }


def commit(repository: Path, ref: str, into: Path) -> Tree:
    """The commit that ``ref`` names, in the new folder ``into``.

    Raises:
        NotComparable: git does not know it, or there is no git.
    """
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found is None:
        raise NotComparable(f"git knows no commit {ref!r} in {repository}")
    digest = found.decode().strip()
    packed = into.with_suffix(".tar")
    if _git(repository, "archive", "--format=tar", f"--output={packed}", digest) is None:
        raise NotComparable(f"git could not give the files of {ref!r}")
    with tarfile.open(packed) as archive:
        archive.extractall(into, filter="data")
    packed.unlink()
    return Tree(f"{ref} ({digest[:10]})" if not digest.startswith(ref) else digest[:10], into)


def working_tree(repository: Path, into: Path) -> Tree:
    """What is in ``repository`` now, committed or not, in the new folder ``into``; ignored files stay behind.

    Raises:
        NotComparable: there is no git, or no repository of it.
    """
    listed = _git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        raise NotComparable(f"{repository} is no repository of git")
    for name in sorted({part.decode() for part in listed.split(b"\0") if part}):
        source, target = repository / name, into / name
        if source.is_symlink() or source.is_file():  # else it was deleted, and git does not know yet
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return Tree("the working tree", into)


def _git(repository: Path, *words: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise NotComparable("git is not installed") from None
    return done.stdout if done.returncode == 0 else None
