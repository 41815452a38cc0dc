"""The page of the API: made from the table, and its commands do what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.servers import serving

from perdure.api.reference import COMMAND, reference
from perdure.api.table import ENDPOINTS
from perdure.runtime import grant_as_asked

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == reference(), f"docs/api.md is stale: run  {COMMAND}"


def test_the_command_on_the_page_makes_it() -> None:
    assert COMMAND in reference()
    done = subprocess.run([sys.executable, "-m", COMMAND.split()[2]], capture_output=True, text=True, check=True)
    assert done.stdout == PAGE.read_text()


def test_each_endpoint_is_there() -> None:
    rows = re.findall(r"^\| `(\w+) (/v1/\S+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((each.verb, each.path) for each in ENDPOINTS)


def test_tables_are_whole() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", reference(), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\) \| ", line)) for line in block.splitlines()}) == 1


def test_its_commands_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    data = tmp_path / "data"
    with serving(data) as served:
        served.runtime.install(ROOT / "examples" / "counter", consent=grant_as_asked)
        script = "\n".join(blocks).replace("http://127.0.0.1:7373", served.address)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        (job,) = served.runtime.jobs().jobs
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    said = done.stdout
    assert "event: end" in said
    assert '"status": "completed"' in said
    assert f'"jobId":"{job.job_id}"' in said
    assert '"completed":1' in said  # counted through the socket: the key was given once
    assert '"code": "UnknownJob"' in said
    assert "event: complete" in said
