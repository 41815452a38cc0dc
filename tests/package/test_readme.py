"""The README's two commands, as a newcomer runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST = (
    "python3 -m pip install '.[python-guest]' && perdure run examples/twelve-lines counter "
    """--state '{"target": 5000}'"""
)
SECOND = """python3 -m pip install -e '.[dev]' && python3 -m pytest"""


def commands() -> list[str]:
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_readme_has_the_two_commands() -> None:
    assert FIRST in commands()
    assert SECOND in commands()


def test_the_program_in_the_readme_is_the_example() -> None:
    (program,) = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert program == (ROOT / "examples" / "twelve-lines" / "counter.py").read_text()


def test_ci_runs_the_second_command_as_it_stands_in_the_readme() -> None:
    assert SECOND in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_first_command_in_a_fresh_clone_and_a_fresh_environment(tmp_path: Path) -> None:
    clone, venv = tmp_path / "perdure", tmp_path / "venv"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in files.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "PERDURE"))}
    env |= {"PATH": f"{venv}/bin:{env['PATH']}", "HOME": str(tmp_path), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # pip's own settings stay where they are: HOME is only so that the data goes to a folder of this test.
    env.setdefault("PIP_CONFIG_FILE", str(Path.home() / ".config/pip/pip.conf"))
    done = subprocess.run(["bash", "-c", FIRST], cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5000/5000" in done.stdout + done.stderr
    listed = subprocess.run(
        ["perdure", "jobs", "list", "--json"], cwd=clone, env=env, capture_output=True, text=True, check=True
    )
    (job,) = json.loads(listed.stdout)
    assert (job["status"], job["checkpoints"], job["attempts"]) == ("completed", 5001, 1)
