"""The unit of systemd: one that systemd takes, and that keeps the server in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.waiting import TIMEOUT

UNIT = Path(__file__).parents[2] / "deploy" / "perdure.service"


def analyze(*words: object) -> str:
    """What ``systemd-analyze`` says; it needs no systemd that runs."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.fail("this test runs the real systemd-analyze: apt-get install systemd")
    done = subprocess.run(
        [found, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
        env={"LC_ALL": "C.UTF-8"},
    )
    return done.stdout + done.stderr


def unit_with(folder: Path, text: str) -> Path:
    """The unit, with a program that is there."""
    path = folder / UNIT.name
    path.write_text(text.replace("/opt/perdure/bin/perdure", sys.executable))
    return path


def test_systemd_takes_it(tmp_path: Path) -> None:
    assert "perdure.service" not in analyze("verify", unit_with(tmp_path, UNIT.read_text()))


def test_this_test_finds_a_mistake(tmp_path: Path) -> None:
    broken = UNIT.read_text().replace("ProtectSystem=strict", "ProtectSytem=strict")

    assert "ProtectSytem" in analyze("verify", unit_with(tmp_path, broken))


def test_it_may_do_little(tmp_path: Path) -> None:
    said = analyze("security", "--offline=true", unit_with(tmp_path, UNIT.read_text()))
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", said)

    assert exposure is not None, said
    assert float(exposure[1]) < 2


def test_it_lets_the_server_do_what_it_must() -> None:
    settings = [line for line in UNIT.read_text().splitlines() if line and not line.startswith("#")]

    assert "Type=notify" in settings
    assert any(line.startswith("WatchdogSec=") for line in settings)
    assert not any(line.startswith("MemoryDenyWriteExecute") for line in settings)  # wasmtime makes machine code
    allowed = " ".join(line for line in settings if line.startswith("SystemCallFilter="))
    for call in ("landlock_restrict_self", "seccomp", "setpriority", "prlimit64"):
        assert call in allowed
