"""The commands and the code of docs/toolchain.md, as an author runs them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.command_line import ROOT, CommandLine

from perdure.toolchain.rust_toolchain import DEBIAN_PACKAGES

PAGE = (ROOT / "docs" / "toolchain.md").read_text()


def test_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    perdure = CommandLine(tmp_path / "data")
    commands = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        perdure.done(*shlex.split(command)[1:])
    assert perdure.job()["message"] == "Counted 3/3"


def test_its_code(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("hello ")


def test_debians_packages_are_those_that_doctor_names() -> None:
    (named,) = re.findall(r"apt-get install ([^`]*?)\n```", PAGE)
    assert named.replace("\\", "").split() == DEBIAN_PACKAGES.split()
