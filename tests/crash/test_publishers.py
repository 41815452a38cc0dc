"""A process that dies anywhere in an install leaves a version with its publisher, or neither of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.crash.publishers import FAILPOINTS
from tests.support.packages import ACME

ROOT = Path(__file__).parents[2]


def test_a_death_anywhere_in_an_install(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash.publishers", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    assert {end["failpoint"] for end in ends if end["died"]} == set(FAILPOINTS)
    for end in ends:
        for state in (end["left"], end["again"]):
            signer = {"": "", "1.0.0": ACME.public.hex(), "2.0.0": end["new"]}[state["version"]]
            assert (state["publisher"], state["signer"], state["problems"]) == (signer, signer, []), end
        assert (end["again"]["version"], end["other"]) == ("2.0.0", ""), end
    assert {end["left"]["version"] for end in ends if end["died"]} == {"", "1.0.0", "2.0.0"}
