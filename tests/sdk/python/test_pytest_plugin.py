"""The plugin is loaded by every pytest beside which perdure is installed: it must cost and change nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perdure_sdk import Extension, JobContext, pytest_plugin, testing
from perdure_sdk.testing import Result, Trial, run_job

STRICT = """\
[tool.pytest.ini_options]
addopts = "--strict-markers --strict-config -p no:cacheprovider"
filterwarnings = ["error"]
"""
TEST = """\
import sys

def test_nothing_is_there_that_was_not_asked_for():
    ours = [name for name in sys.modules if name.startswith(("perdure_sdk.", "perdure."))]
    assert ours == ["perdure_sdk.pytest_plugin"]
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options], cwd=folder, capture_output=True, text=True, check=False
    )


def test_nobody_notices_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(STRICT)
    (tmp_path / "test_it.py").write_text(TEST)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--perdure-sandbox" in run_pytest(tmp_path, "--help").stdout


def test_with_the_flag_jobs_are_run_by_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(STRICT)
    (tmp_path / "test_it.py").write_text(
        "from perdure_sdk import testing\nfrom perdure_sdk.sandbox import Sandbox\n\n"
        "def test_who_runs():\n    assert isinstance(testing._runner[-1], Sandbox)\n"
    )
    done = run_pytest(tmp_path, "--perdure-sandbox")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_project_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(STRICT)
    (tmp_path / "test_it.py").write_text(
        "from perdure_sdk import Extension, JobContext\nfrom perdure_sdk.testing import run_job\n\n"
        "ext = Extension('acme', name='Acme', version='1')\n\n"
        "@ext.job\ndef work(ctx: JobContext) -> None: ...\n\n"
        "def test_it():\n    run_job(work)\n"
    )
    done = run_pytest(tmp_path, "--perdure-sandbox")
    assert done.returncode == 1
    assert "NoProject" in done.stdout


def test_runners_come_and_go() -> None:
    ext = Extension("acme", name="Acme", version="1")

    @ext.job
    def work(ctx: JobContext) -> None: ...

    seen: list[Trial] = []

    def runner(trial: Trial) -> Result:
        seen.append(trial)
        return Result("completed", 5, None, ())

    with testing.running_by(runner):
        assert run_job(work, {"a": 1}).state == 5
    assert run_job(work).state is None
    assert [trial.state for trial in seen] == ['{"a":1}']


def test_the_entry_point_is_this_module() -> None:
    from importlib.metadata import entry_points

    (point,) = (point for point in entry_points(group="pytest11") if point.name == "perdure")
    assert point.load() is pytest_plugin
    assert hasattr(pytest_plugin, "pytest_addoption")
    assert pytest.__version__
