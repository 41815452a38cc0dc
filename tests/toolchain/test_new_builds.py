"""What `perdure new` makes, as its author sees it first: its test passes, and it builds and runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.support.command_line import CommandLine
from tests.support.rust_tools import host_build

from perdure.toolchain import Language
from perdure.toolchain.new import NewProject, create_project

COUNT = ("counter", "--state", '{"target": 3}', "--json")


def run_test(made: NewProject, **environment: str) -> str:
    """Run the line that `perdure new` names, in the new folder; it has to succeed."""
    python = Path(sys.executable).parent
    path = f"{python}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", made.test],
        cwd=made.folder,
        env={**os.environ, "PATH": path, "PYTEST_ADDOPTS": "-p no:cacheprovider", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def runs(made: NewProject, data: Path) -> None:
    perdure = CommandLine(data)
    built = perdure.done("build", made.folder, "--json").json
    assert built["warnings"] == []
    job = perdure.done("run", built["folder"], *COUNT).json
    assert (job["status"], job["message"], job["checkpoints"]) == ("completed", "Counted 3/3", 4)


@pytest.mark.parametrize(
    ("language", "says"),
    [(Language.C, "0 failed"), (Language.ZIG, "All 2 tests passed"), (Language.PYTHON, "2 passed")],
)
def test_its_test_passes(tmp_path: Path, language: Language, says: str) -> None:
    assert says in run_test(create_project("my-thing", language, tmp_path / "made"))


@pytest.mark.parametrize("language", [Language.C, Language.ZIG])
def test_it_builds_and_runs(tmp_path: Path, language: Language) -> None:
    runs(create_project("my-thing", language, tmp_path / "made"), tmp_path / "data")


@pytest.mark.long
@pytest.mark.timeout(600)  # compilers, beside other tests
def test_rust_passes_builds_and_runs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = create_project("my-thing", Language.RUST, tmp_path / "made")
    assert made.test == "cargo test"
    host = host_build(tmp_path_factory)
    # The crates that it needs are built already; only what is the project's own is compiled here.
    target = made.folder / ".perdure-build" / "cargo"
    shutil.copytree(host.folder / "project" / ".perdure-build" / "cargo", target)
    path = f"{host.rust.cargo.parent}{os.pathsep}{os.environ['PATH']}"
    command = msgspec.structs.replace(made, test=f"cargo test --release --target-dir {target}")
    said = run_test(command, PATH=path, CARGO_PROFILE_RELEASE_OPT_LEVEL="0", **host.rust.environment)
    assert "2 passed" in said
    runs(made, tmp_path / "data")
