"""The watcher on real files: however they are saved, it says once what has changed."""

from __future__ import annotations

import queue
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.waiting import TIMEOUT

from perdure.cli.dev.watching import Watcher
from perdure.cli.errors import CommandError


class Watched:
    """A folder, and what the watcher says of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()

    def until(self, *names: str) -> set[str]:
        """Wait until all of these were said to have changed; returns all that were."""
        seen: set[str] = set()
        while not seen >= set(names):
            seen.update(self.said.get(timeout=TIMEOUT))
        return seen


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    (tmp_path / ".perdure").mkdir()
    made = Watched(tmp_path)
    with Watcher(tmp_path, tmp_path / ".perdure", made.said.put):
        yield made


def test_a_file_that_is_written(watched: Watched) -> None:
    (watched.root / "src" / "a.py").write_text("2")
    assert watched.until("src/a.py") == {"src/a.py"}


def test_a_file_that_takes_the_place_of_another(watched: Watched) -> None:
    beside = watched.root / "src" / ".a.py.swp"
    beside.write_text("2")
    beside.replace(watched.root / "src" / "a.py")
    assert watched.until("src/a.py") == {"src/a.py"}


def test_a_file_that_goes_and_comes_back(watched: Watched) -> None:
    file = watched.root / "src" / "a.py"
    file.unlink()
    watched.until("src/a.py")
    file.write_text("1")
    assert watched.until("src/a.py") == {"src/a.py"}


def test_a_folder_that_is_new_and_what_is_in_it(watched: Watched) -> None:
    deep = watched.root / "src" / "new" / "deep"
    deep.mkdir(parents=True)
    (deep / "b.py").write_text("1")
    watched.until("src/new/deep/b.py")
    (deep / "b.py").write_text("2")
    assert watched.until("src/new/deep/b.py") == {"src/new/deep/b.py"}


def test_a_folder_that_goes_and_comes_back(watched: Watched) -> None:
    source = watched.root / "src"
    shutil.rmtree(source)
    watched.until("src/a.py")
    source.mkdir()
    (source / "a.py").write_text("1")
    watched.until("src/a.py")
    (source / "a.py").write_text("2")
    watched.until("src/a.py")


def test_a_burst(watched: Watched) -> None:
    names = [f"src/b{number}.py" for number in range(200)]
    for name in names:
        (watched.root / name).write_text("1")
    assert watched.until(*names) == set(names)


def test_outputs_and_the_same_text_again_are_no_change(watched: Watched) -> None:
    for name in ("target", "dist", ".git", "src/__pycache__", ".perdure/log"):
        (watched.root / name).mkdir(parents=True)
        (watched.root / name / "out.py").write_text("1")
    (watched.root / "src" / "a.py").write_text("1")
    (watched.root / "src" / "a.py~").write_text("0")
    (watched.root / "src" / "last.py").write_text("1")
    assert watched.until("src/last.py") == {"src/last.py"}


def test_without_watchfiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(CommandError, match=r"pip install 'perdure\[authoring\]'"):
        Watcher(tmp_path, tmp_path, lambda _: None)
