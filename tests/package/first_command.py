"""The README's first command, as a newcomer runs it: a step of ``.ci/run``, ``python3 -m pytest`` with this file.

It installs everything anew, which takes a minute that the suite has not got.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.package.test_readme import FIRST, ROOT


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
