"""A process that dies anywhere while it does what a client asked for does it once, or says that nobody knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from tests.crash.requests import PLACES, WISHES

ROOT = Path(__file__).parents[2]
EFFECT: Final = {"dispatch": "jobs", "put": "total", "send": "outside", "ring": "outside", "issue": "tokens"}
ONCE: Final = {"put": 3}
UNSURE: Final = ("ring", "issue")  # nobody can do these again unasked


@pytest.mark.long
def test_a_death_anywhere_in_a_request(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash.requests", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    deaths = list(zip(lines[::2], lines[1::2], strict=True))
    assert {(death["wish"], death["place"]) for death, _ in deaths} == {(w, p) for w in WISHES for p in PLACES}
    for death, again in deaths:
        judge(death, again)


def judge(death: dict[str, Any], again: dict[str, Any]) -> None:
    wish = death["wish"]
    effects, once = again[EFFECT[wish]], ONCE.get(wish, 1)
    (status, answer), (status_again, answer_again) = again["answers"]
    assert (again["problems"], status_again) == ([], status), death
    if status < 300:
        assert (effects, answer_again) == (once, answer), death
        return
    assert (wish in UNSURE, status, answer["code"]) == (True, 409, "KeyConflict"), (death, again)
    if death["place"] == "request.after_answered":
        assert (answer["data"]["reason"], effects) == ("done", once), death  # issued, and the secret is not kept
    else:
        assert answer["data"]["reason"] in ("in_doubt", "done"), death
        assert effects in (0, once), death
