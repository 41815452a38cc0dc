"""Two commits beside each other: of a project as small as can be, whose cost is a constant, and once of this one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from bench.comparison.judged import Comparison, judged, table, words
from bench.comparison.measuring import ChildFailed, measure, subjects
from bench.comparison.paired import Verdict
from bench.comparison.tree import NotComparable, commit, working_tree

ROOT = Path(__file__).parents[2]
PROJECT = '[tool.hatch.build.targets.wheel]\ndev-mode-dirs = ["lib"]\n'
FIGURE = """
from enum import Enum
from typing import NamedTuple
class Better(Enum):
    MORE = "more"
    LESS = "less"
class Figure(NamedTuple):
    key: str
    title: str
    unit: str
    better: Better
    floor: str = ""
class Group(NamedTuple):
    figures: tuple
    work: object
"""
SUBJECTS = """
import importlib
SUBJECTS = ("steps",)
def groups_of(subject, sizes):
    return importlib.import_module(f"bench.{subject}").groups(sizes)
"""
STEPS = """
from bench.figure import Better, Figure, Group
from perdure.cost import COST
def groups(sizes):
    yield Group((Figure("floor", "a floor", "1/s", Better.MORE),), lambda folder: {"floor": 1.0})
    yield Group((Figure("time", "a time", "s", Better.LESS, "floor"),), lambda folder: {"time": COST})
    yield Group((Figure("rate", "a rate", "1/s", Better.MORE, "floor"),), lambda folder: {"rate": 1 / COST})
"""


class Project:
    """A repository with a commit, whose files are then changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("pyproject.toml", PROJECT)
        self.write("lib/perdure/cost.py", "COST = 1.0\n")
        self.write("bench/__init__.py", "")
        self.write("bench/sizes.py", "FULL, QUICK = 1, 0\n")
        self.write("bench/figure.py", FIGURE)
        self.write("bench/subjects.py", SUBJECTS)
        self.write("bench/steps.py", STEPS)
        self.write(".gitignore", "*.pyc\nignored\n")
        self.git("init", "-q")
        self.commit()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *words: str) -> str:
        person = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(self.folder), *person, *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "A change")

    def compared(self, place: Path, pairs: int = 8, only: str = "") -> Comparison:
        """HEAD beside what is there now."""
        first, second = commit(self.folder, "HEAD", place / "a"), working_tree(self.folder, place / "b")
        found = subjects(first, second, only, False, place)
        measure(found, pairs, False, place, lambda line: None)
        return judged(found, first.name, second.name, pairs)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def by_key(comparison: Comparison) -> dict[str, Verdict]:
    return {row.key: row.verdict for row in comparison.rows if not row.key.endswith(":cpu")}


def test_what_costs_more_is_slower(project: Project, place: Path) -> None:
    project.write("lib/perdure/cost.py", "COST = 1.1\n")
    comparison = project.compared(place)
    assert by_key(comparison) == {"time": Verdict.SLOWER, "rate": Verdict.SLOWER}
    assert [key for key in comparison.slower if not key.endswith(":cpu")] == ["time", "rate"]
    assert [row.paired.ratio for row in comparison.rows if row.paired and row.key in ("time", "rate")] == [
        pytest.approx(1.1)
    ] * 2
    assert [row.key for row in comparison.rows] == ["time", "time:cpu", "rate", "rate:cpu"]
    shown = table(comparison)
    assert "1.100" in shown
    assert len({len(line) for line in shown.splitlines()}) == 1
    assert "Slower: time, rate" in "\n".join(words(comparison))
    assert sorted(place.iterdir()) == [place / "a", place / "b"], "data was left behind"


def test_a_commit_beside_itself_is_no_different(project: Project, place: Path) -> None:
    comparison = project.compared(place, pairs=2)
    assert by_key(comparison) == {"time": Verdict.NONE, "rate": Verdict.NONE}
    assert "--runs 8 or more" in "\n".join(words(comparison))


def test_each_tree_has_its_own_modules_only(project: Project, place: Path) -> None:
    # The first commit has no such module, and must not find that of another tree, or of the installed packages.
    project.write("lib/perdure/more.py", "MORE = 2.0\n")
    project.write("lib/perdure/cost.py", "from perdure.more import MORE as COST\n")
    assert by_key(project.compared(place, pairs=7, only="time")) == {"time": Verdict.SLOWER}


def test_an_old_commit_that_cannot_run_the_new_benchmark_runs_its_own(project: Project, place: Path) -> None:
    project.write("lib/perdure/cost.py", "COST = 1.0\nNEW = 3.0\n")
    project.write("bench/steps.py", STEPS.replace("import COST", "import NEW as COST"))
    comparison = project.compared(place, pairs=7, only="time")
    assert all(row.own_bench for row in comparison.rows)
    assert by_key(comparison) == {"time": Verdict.SLOWER}
    assert "a time *" in table(comparison)
    assert any(line.startswith("* A cannot run") for line in words(comparison))


def test_what_the_old_commit_has_nothing_of_is_left_out(project: Project, place: Path) -> None:
    project.write("lib/perdure/cost.py", "COST = 1.0\nNEW = 3.0\n")
    project.write("bench/subjects.py", SUBJECTS.replace('"steps",', '"steps", "news",'))
    project.write("bench/news.py", STEPS.replace("import COST", "import NEW as COST").replace('"time"', '"news"'))
    comparison = project.compared(place, pairs=1, only="e")
    assert "time" in by_key(comparison)
    assert comparison.left_out.keys() == {"news"}
    assert "has nothing of the kind" in "\n".join(words(comparison))


def test_a_failure_of_the_new_tree_is_told(project: Project, place: Path) -> None:
    project.write("lib/perdure/cost.py", "COST = 1.0\nraise ValueError('broken')\n")
    with pytest.raises(ChildFailed, match="the working tree: ValueError: broken"):
        project.compared(place)


def test_the_working_tree_is_as_it_is_now(project: Project, place: Path) -> None:
    project.write("lib/perdure/cost.py", "COST = 5.0\n")
    project.write("untracked.txt", "x")
    project.write("ignored", "x")
    (project.folder / "bench" / "sizes.py").unlink()
    tree = working_tree(project.folder, place / "b")
    assert (tree.folder / "lib" / "perdure" / "cost.py").read_text() == "COST = 5.0\n"
    assert (tree.folder / "untracked.txt").exists()
    assert not (tree.folder / "ignored").exists()
    assert not (tree.folder / "bench" / "sizes.py").exists()
    old = commit(project.folder, "HEAD", place / "a")
    assert (old.folder / "lib" / "perdure" / "cost.py").read_text() == "COST = 1.0\n"
    assert (old.folder / "bench" / "sizes.py").exists()
    assert old.roots() == [old.folder / "lib"]


@pytest.mark.parametrize("ref", ["nonsense", "--output=x", "HEAD~9", ""])
def test_what_names_no_commit_is_refused(project: Project, place: Path, ref: str) -> None:
    with pytest.raises(NotComparable, match="git knows no commit"):
        commit(project.folder, ref, place / "a")


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotComparable):
        commit(tmp_path, "HEAD", tmp_path / "a")
    with pytest.raises(NotComparable, match="is no repository"):
        working_tree(tmp_path, tmp_path / "b")


def test_another_project_is_refused(project: Project, place: Path) -> None:
    project.write("pyproject.toml", "[project]\n")
    tree = working_tree(project.folder, place / "b")
    with pytest.raises(NotComparable, match="is no tree of this project"):
        tree.roots()


def test_unknown_figures_are_refused(project: Project, place: Path) -> None:
    tree = working_tree(project.folder, place / "b")
    with pytest.raises(NotComparable, match="'nonsense'"):
        subjects(tree, tree, "nonsense", False, place)


def documented() -> list[str]:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    return re.findall(r"^python3 -m bench --compare .*$", page, re.MULTILINE)


@pytest.mark.timeout(600)
def test_the_documented_command_compares_this_project(tmp_path: Path) -> None:
    program, *rest = shlex.split(documented()[0])
    assert program == "python3"
    given = ["HEAD" if before == "--compare" else word for before, word in zip(["", *rest], rest, strict=False)]
    file = tmp_path / "results" / "compared.json"
    more = ["--quick", "--runs", "1", "--only", "budget_decision_typed", "--dir", str(tmp_path), "--allow-tmpfs"]
    done = subprocess.run(
        [sys.executable, *given, *more, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(file.read_text())["comparison"]["rows"]
    assert "budget_decision_typed" in [row["key"] for row in rows]
    assert all(len(row["first"]) == len(row["second"]) == 1 and min(row["first"]) > 0 for row in rows)
    assert "B is the working tree; 1 pairs" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--compare", "no-such-commit"], "git knows no commit 'no-such-commit'"),
        (["--with", "HEAD"], "--with names the second commit of --compare"),
    ],
)
def test_wrong_words_are_refused(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--allow-tmpfs", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
