"""`perdure dev` in a process of its own, with a real compiler: edited, broken, killed."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from tests.support.c_project import ENDLESS, LOOP, MARK, CProject
from tests.support.command_line import is_plain
from tests.support.dev_process import DevProcess, at_terminal, piped

STATE = ("--state", json.dumps(ENDLESS))
QUICK = ("--state", '{"target": 50, "work": 0}')
ENDS_SOON = "while (state.current < state.target && state.current < 10) {"
NEW = "came from the new code"


@pytest.fixture
def project(tmp_path: Path) -> CProject:
    return CProject(tmp_path / "counter")


def job_id(dev: DevProcess, word: str) -> str:
    """The id of the job of which it is said that it does ``word``."""
    dev.until(f"{word} ")
    return dev.until(" ") if word == "taking up job" else dev.until(" begins")


def test_a_day_at_the_desk(project: CProject) -> None:
    with piped(project.folder, *STATE) as dev:
        dev.until("built counter 0.1.0")
        job = job_id(dev, "perdure: job")
        dev.until(MARK)
        # What cannot be built changes nothing: the job goes on.
        project.edit("struct state {", "struct state {{")
        dev.until("changed: counter.c")
        dev.until("counter.c:")
        dev.until("the version before goes on")
        dev.until(MARK)
        # What can be is where the job goes on.
        project.edit("struct state {{", "struct state {")
        dev.until("the module is the same as before")
        project.edit(MARK, NEW)
        dev.until("moved    the job goes on in the new code, from its checkpoint at")
        dev.until(NEW)
        dev.kill()
    with piped(project.folder, *STATE) as dev:
        assert job_id(dev, "taking up job") == job
        dev.until(NEW)
        # Of its end too.
        project.edit(LOOP, ENDS_SOON)
        dev.until(f"completed  counter:counter  {job}")
        dev.until("waiting for a change")
        # And it runs again, of course.
        project.edit('"Counted "', '"Tallied "')
        dev.until(" begins: counter:counter 0.1.0")
        dev.until("Tallied 10/")
        assert dev.end(signal.SIGINT) == 130
        assert is_plain(dev.text)
    assert (project.folder / ".perdure" / ".gitignore").read_text() == "*\n"


def test_keys_at_a_terminal(project: CProject) -> None:
    with at_terminal(project.folder, *STATE) as dev:
        first = job_id(dev, "perdure: job")
        dev.until("Counted")
        dev.until("checkpoints")
        dev.until("on disk:")
        dev.until("r restart · p pause · c cancel · q quit · ? help")
        dev.press("?")
        dev.until("begin the job anew, with its first state")
        dev.press("p")
        dev.until("pausing; p lets it go on")
        dev.until("counter:counter  paused")
        dev.press("p")
        dev.until("goes on")
        dev.until("Counted")
        dev.press("r")
        dev.until(f"job {first} is cancelled: a new one is dispatched")
        second = job_id(dev, "perdure: job")
        dev.until("Counted")
        assert b"\x1b[?25l" not in dev.raw.split(b"\x1b[?25h")[-1], "a kill would leave no cursor"
        dev.press("q")
        assert dev.end() == 0
    with at_terminal(project.folder, *STATE) as dev:
        assert job_id(dev, "taking up job") == second
        dev.until("Counted")
        dev.press("\x03")  # Ctrl-C
        dev.until("the next 'perdure dev' takes the job up")
        assert dev.end() == 130


def test_once(project: CProject) -> None:
    with piped(project.folder, "--once", *QUICK) as dev:
        assert dev.end() == 0
        assert "completed  counter:counter" in dev.text
        assert "50 items" in dev.text
    with piped(project.folder, "--once", "--json", *QUICK) as dev:
        assert dev.end() == 0
        assert json.loads(dev.text.splitlines()[-1])["items"] == 50


def test_once_leaves_with_the_code_of_what_went_wrong(project: CProject) -> None:
    with piped(project.folder, "--once", "--state", '{"target": "many"}') as dev:
        assert dev.end() == 1
        assert "failed" in dev.text
    with piped(project.folder, "--once", "--job", "unheard") as dev:
        assert dev.end() == 7
    project.edit("struct state {", "struct state {{")
    with piped(project.folder, "--once") as dev:
        code = dev.end()
        assert code not in (0, 1, 9), dev.text
        assert "counter.c:" in dev.text
        assert "waiting" not in dev.text


def test_restart_cancels_and_dispatches(project: CProject) -> None:
    with piped(project.folder, "--on-change", "restart", *STATE) as dev:
        first = job_id(dev, "perdure: job")
        dev.until(MARK)
        project.edit(MARK, NEW)
        dev.until(f"job {first} is cancelled")
        assert job_id(dev, "perdure: job") != first
        dev.until(NEW)
        assert dev.end(signal.SIGTERM) == 143


def test_a_job_that_failed_goes_on_in_the_mended_code(project: CProject) -> None:
    fails = f"{LOOP} if (state.current == 350) return JOB_FAILED;"
    project.edit(LOOP, fails)
    with piped(project.folder, *STATE) as dev:
        job = job_id(dev, "perdure: job")
        dev.until(f"failed  counter:counter  {job}")
        dev.until("with the next change it goes on from its last checkpoint")
        project.edit(fails, LOOP)
        dev.until("it failed: it goes on from its last checkpoint, in the new code")
        dev.until("moved")
        dev.until(MARK)
        assert dev.end(signal.SIGINT) == 130


def test_another_state_begins_anew(project: CProject) -> None:
    with piped(project.folder, *STATE) as dev:
        first = job_id(dev, "perdure: job")
        dev.until(MARK)
        dev.kill()
    with piped(project.folder, "--once", *QUICK) as dev:
        dev.until(f"job {first} has another state than the one asked for")
        assert dev.end() == 0


def test_fresh_forgets_what_was(project: CProject, tmp_path: Path) -> None:
    with piped(project.folder, *STATE) as dev:
        first = job_id(dev, "perdure: job")
        with piped(project.folder, "--fresh") as second:
            assert second.end() == 4
        dev.until(MARK)
        dev.kill()
    with piped(project.folder, "--fresh", "--once", *QUICK) as dev:
        assert dev.end() == 0
        assert first not in dev.text
    (tmp_path / "precious").mkdir()
    with piped(project.folder, "--fresh", "--data", tmp_path / "precious") as dev:
        assert dev.end() == 2
    assert (tmp_path / "precious").is_dir()


def test_a_second_one_in_the_same_project(project: CProject) -> None:
    with piped(project.folder, *STATE) as dev:
        dev.until(MARK)
        with piped(project.folder) as second:
            assert second.end() == 4
            assert f"process {dev.child.pid} works on" in second.text


def test_the_events_as_json(project: CProject) -> None:
    with piped(project.folder, "--json", *QUICK) as dev:
        dev.until('"type":"completed"')
        dev.until("waiting for a change")
        assert dev.end(signal.SIGINT) == 130
        events = [json.loads(line)["type"] for line in dev.text.splitlines() if line.startswith("{")]
        assert events[0] == "dispatched"
        assert events.count("progress") == 50


def test_no_project(tmp_path: Path) -> None:
    with piped(tmp_path) as dev:
        assert dev.end() not in (0, 9)
        assert "perdure new" in dev.text
    assert list(tmp_path.iterdir()) == []


def test_what_it_asks_for_is_allowed_and_said(tmp_path: Path) -> None:
    project = CProject(tmp_path / "counter", {"methods": ["query:vdfs.read_sidecar"]})
    with piped(project.folder, "--once", *QUICK) as dev:
        dev.until("allowed, because you are its author: query:vdfs.read_sidecar")
        assert dev.end() == 0


def test_git_does_not_see_the_data(project: CProject) -> None:
    subprocess.run(["git", "init", "-q", project.folder], check=True)
    with piped(project.folder, "--once", *QUICK) as dev:
        assert dev.end() == 0
    seen = subprocess.run(
        ["git", "-C", project.folder, "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True
    ).stdout
    assert ".perdure/" not in seen
