"""The vault example on a real runtime: killed while it imports, proved, with no more permissions than it uses."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.examples.vault.conftest import EXAMPLE
from tests.support.command_line import PATIENCE, CommandLine
from tests.support.waiting import TIMEOUT, eventually

pytestmark = [pytest.mark.timeout(600)]


def test_its_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 passed" in done.stdout


def test_it_is_less_than_400_lines() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in (EXAMPLE / "vault").glob("*.py"))
    assert lines < 400


def write_export(folder: Path, rows: int) -> Path:
    """An export of ``rows`` logins, two of each title, in a folder of its own."""
    folder.mkdir()
    with (folder / "export.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["name", "url", "username", "password"])
        for number in range(rows):
            table.writerow([f"Login {number // 2}", "https://example.com", f"user{number}", f"password {number}"])
    return folder


def stored(perdure: CommandLine) -> list[str]:
    return [one["name"] for one in perdure.done("credentials", "list", "vault", "--json").json]


def is_over_or_has(perdure: CommandLine, process: subprocess.Popen[str], least: int) -> bool:
    """Whether the process has ended, or stored so many logins."""
    return process.poll() is not None or len(stored(perdure)) >= least


@pytest.mark.long
def test_killed_at_several_moments_it_stores_each_login_once(perdure: CommandLine, tmp_path: Path) -> None:
    rows = 240
    shared = write_export(tmp_path / "exports", rows)
    state = json.dumps({"file": "exports/export.csv"})
    words: tuple[object, ...] = ("run", "vault", "import_file", "--state", state, "--folder", f"exports={shared}")
    kills = 0
    for least in (1, 40, 90):
        with perdure.process(*words) as victim:
            reached = partial(is_over_or_has, perdure, victim, least)
            eventually(reached, PATIENCE, every=0.02)
            kills += victim.poll() is None  # a fast machine may be through
            victim.kill()
            victim.wait(TIMEOUT)
        words = ("resume",)
    assert kills
    perdure.done("resume")
    job = perdure.job()
    assert job["status"] == "completed"
    assert 2 <= job["attempts"] <= kills + 1
    expected = [f"Login {number}{suffix}" for number in range(rows // 2) for suffix in ("", " (2)")]
    assert sorted(stored(perdure)) == sorted(expected)
    audit = perdure.done("credentials", "audit", "--limit", 5000, "--json").json
    effects = Counter(one["name"] for one in audit if one["operation"] == "action:credentials.store")
    assert effects == Counter(expected)
    for number in (0, 1, rows - 1):
        name = f"Login {number // 2}{' (2)' if number % 2 else ''}"
        request = json.dumps({"name": name, "extension": "vault"})
        credential = perdure.done("call", "query:credentials.get", request, "--json").json["credential"]
        assert (credential["username"], credential["password"]) == (f"user{number}", f"password {number}")
    proof = perdure.done("verify", "--all", "--json").json
    assert proof["not_proved"] == []
    perdure.done("log", "check")


def run(perdure: CommandLine, job: str, state: dict[str, Any], *words: object) -> dict[str, Any]:
    """Run a job to its end; returns its last state."""
    done = perdure.done("run", "vault", job, "--state", json.dumps(state), "--json", *words).json
    found: dict[str, Any] = perdure.done("jobs", "show", done["job_id"], "--json").json["checkpoint"]["state"]
    return found


def test_hostile_exports_end_in_the_sandbox(perdure: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 100}">' for n in range(1, 12))
    (folder / "laughs.xml").write_text(
        f'<!DOCTYPE x [<!ENTITY e0 "{"ha" * 50}">{entities}]><KeePassFile>&e11;</KeePassFile>'
    )
    (folder / "quadratic.xml").write_text(
        f'<!DOCTYPE x [<!ENTITY e "{"s3cret" * 20_000}">]><KeePassFile>{"&e;" * 20_000}</KeePassFile>'
    )
    (folder / "deep.xml").write_text("<a>" * 200_000)
    for name in ("laughs.xml", "quadratic.xml", "deep.xml"):
        state = json.dumps({"file": f"exports/{name}"})
        answer = perdure("run", "vault", "import_file", "--state", state, "--folder", f"exports={folder}", "--json")
        assert answer.json["status"] == "failed"
        assert "s3cret" not in answer.out + answer.err
    assert stored(perdure) == []


def test_it_uses_what_it_asks_for(perdure: CommandLine, tmp_path: Path) -> None:
    """All jobs but the one that needs the network, which `test_secrets` runs."""
    shared = write_export(tmp_path / "exports", 4)
    export = {"file": "exports/export.csv"}
    assert run(perdure, "import_file", export, "--folder", f"exports={shared}")["stored"] == 4
    assert run(perdure, "import_file", export)["there_already"] == 4
    assert run(perdure, "generate", {"name": "router", "words": 6})["entropy_bits"] == 66
    assert run(perdure, "rotate", {"older_than_days": -1, "only": ["router"]})["rotated"] == ["router"]
    refused = perdure("run", "vault", "share", "--state", '{"name": "router", "extension": "nobody"}', "--json")
    assert refused.json["status"] == "failed"
    audited = run(perdure, "audit", {"days": 1})
    assert audited["refused"] == 1
    entry = json.dumps({"entry_id": audited["report"], "text": True})
    report = perdure.done("call", "query:vdfs.read_content", entry, "--json").json["text"]
    assert "| action:credentials.rotate | router | vault | ok |" in report
    assert "| action:credentials.share | router → nobody | vault | not\\_found |" in report
    suggested = json.loads(perdure.done("extensions", "permissions", "vault", "--suggest").out)
    asked = perdure.done("extensions", "inspect", "vault", "--json").json["permissions"]["methods"]
    assert set(suggested["methods"]) == set(asked) - {"query:config.get", "query:http.request"}
    assert suggested["network_access"] == []


def test_what_the_readme_says(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, with the installed extension in the place of the one that the first of them builds."""
    monkeypatch.chdir(EXAMPLE.parents[1])
    blocks = re.findall(r"```sh\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("perdure ")]
    assert len(commands) == 6
    assert commands[0][:2] == ["run", "examples/vault"]
    perdure.done("run", "vault", *commands[0][2:])
    assert run(perdure, "import_file", {"file": "sample/keepass.xml"})["stored"] == 1
    for words in commands[1:]:
        perdure.done(*words)
    names = ["Bank", "Bank (2)", "Cloud", "Forum", "Mail", "Router", "shop.example.net"]
    assert stored(perdure) == names


def test_the_picture_is_of_these_commands() -> None:
    picture = "".join(re.findall(r"<text[^>]*>(.*?)</text>", (EXAMPLE / "audit.svg").read_text())).replace(
        "&#160;", " "
    )
    for text in ("perdure credentials audit vault", "query:credentials.totp", "host (cli)", "permission_denied"):
        assert text in picture
    assert "hunter2" not in picture
