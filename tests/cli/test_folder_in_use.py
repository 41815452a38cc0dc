"""A folder on which another process works: it can be read, and followed; nobody else works on it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.command_line import COUNTER, ENDLESS, PATIENCE, CommandLine
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CommandLine, subprocess.Popen[str]]]:
    """A folder on which another process works, for as long as these tests run."""
    perdure = CommandLine(tmp_path_factory.mktemp("busy") / "data")
    with perdure.running(ENDLESS, 10, "--metrics-port", "0") as child:
        yield perdure, child


def test_reading_while_another_process_runs(busy: tuple[CommandLine, subprocess.Popen[str]]) -> None:
    perdure, child = busy
    job = perdure.job()
    before = job["items"]
    eventually(lambda: perdure.job()["items"] > before, PATIENCE, every=0.05)
    assert f"in process {child.pid}" in perdure.done("jobs", "show", job["job_id"]).out
    assert perdure.done("jobs", "show", job["job_id"], "--at", 2, "--json").json["status"] == "running"
    assert [one["extension"] for one in perdure.done("extensions", "list", "--json").json] == ["counter"]
    assert perdure.done("extensions", "inspect", "counter", "--json").json["version"] == "1.0.0"
    assert len(perdure.done("log", "tail", "--no-follow", "--json").lines) >= 20
    assert perdure.done("log", "history", job["job_id"], "--to", 5).out
    assert len(perdure.done("log", "export").lines) > 20
    assert perdure.done("log", "check", "--json").json["clean"] is True
    assert perdure.done("doctor", "--json").json["held_by"] == child.pid


@pytest.mark.parametrize(
    "words",
    [("jobs", "pause"), ("jobs", "resume"), ("jobs", "cancel"), ("jobs", "retry"), ("resume",)],
)
def test_acting_on_a_job_of_another_process(
    busy: tuple[CommandLine, subprocess.Popen[str]], words: tuple[str, ...]
) -> None:
    perdure, child = busy
    answer = perdure(*words, perdure.job()["job_id"])
    assert answer.code == 4
    assert answer.err == (
        f"perdure: jobs of this folder run in process {child.pid}, which takes no commands; stop it there (Ctrl-C): "
        "'perdure serve' would take them\n"
    )
    assert perdure.job()["status"] == "running"


@pytest.mark.parametrize("words", [("run", COUNTER, "counter"), ("extensions", "install", COUNTER)])
def test_new_work_on_a_folder_of_another_process(
    busy: tuple[CommandLine, subprocess.Popen[str]], words: tuple[str, ...]
) -> None:
    perdure, child = busy
    answer = perdure(*words)
    assert answer.code == 4
    assert answer.err.startswith(f"perdure: process {child.pid} works on {perdure.data}; ")


def test_metrics_of_a_running_job(busy: tuple[CommandLine, subprocess.Popen[str]]) -> None:
    _, child = busy
    assert child.stderr is not None
    match = re.search(r"metrics at (http://127\.0\.0\.1:\d+/metrics)", child.stderr.readline())
    assert match is not None
    with urllib.request.urlopen(match[1], timeout=PATIENCE) as response:
        text = response.read().decode()
    assert "# HELP perdure_" in text
    assert re.search(
        r'^perdure_\w+\{[^}]*extension="counter"[^}]*job_type="[a-z:]*counter"[^}]*\} [1-9]', text, re.MULTILINE
    )


def lines_of(child: subprocess.Popen[str], count: int) -> list[Any]:
    """So many lines of JSON that the process prints, as they come."""
    assert child.stdout is not None
    return [json.loads(child.stdout.readline()) for _ in range(count)]


@pytest.mark.parametrize(
    "words", [("log", "tail", "--json"), ("log", "tail", "--json", "--stream"), ("jobs", "watch", "--json")]
)
def test_live_events_of_another_process(
    busy: tuple[CommandLine, subprocess.Popen[str]], words: tuple[str, ...]
) -> None:
    perdure, _ = busy
    job = perdure.job()
    more = () if words == ("log", "tail", "--json") else (job["job_id"],)
    start = () if words[0] == "log" else ("--from", str(job["sequence"]))
    with perdure.process(*words, *more, *start) as child:
        sequences = [event["sequence"] for event in lines_of(child, 60)]
        assert sequences == list(range(sequences[0], sequences[0] + 60))
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE)  # it says what it has to say before it leaves: somebody must read it
        assert child.returncode == 130
