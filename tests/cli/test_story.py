"""The command line in processes of its own: killed, stopped and watched."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import COUNTER, ENDLESS, PATIENCE, CommandLine, is_plain
from tests.support.waiting import eventually

# Some four seconds. Whoever is to be caught in the middle has to go on for longer than a busy machine may take to look.
SLOW = {"target": 1_200, "checkpoint_every": 50}
SEEN = '{"target": 500}'  # some two seconds, that its progress is looked at at least once before its end


def test_kill_nine_half_way_and_resume(perdure: CommandLine) -> None:
    with perdure.running(SLOW, 150) as child:
        child.kill()
        child.wait(PATIENCE)
    dead = perdure.job()
    assert dead["status"] == "running"
    assert dead["items"] < 1_200
    assert "died with its process; perdure resume" in perdure.done("jobs", "list").err
    assert "but its process died" in perdure.done("jobs", "show", dead["job_id"]).out
    with perdure.process("resume", "--json") as child:
        out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (0, "")
    (job,) = json.loads(out)
    assert (job["status"], job["items"], job["bytes"], job["attempts"]) == ("completed", 1_200, 1_200 * 64, 2)
    assert job["warnings"] == 2
    assert job["checkpoints"] == 24

    history = perdure.done("log", "history", job["job_id"], "--json").lines
    (recovered,) = [event for event in history if event["type"] == "recovered"]
    assert recovered["data"] == {"origin": 0, "through": recovered["sequence"] - 1, "cause": "recovery"}
    assert not any(event["superseded"] for event in history), "nothing was done again"
    items = [event for event in history if event["type"] == "items"]
    assert sum(event["data"]["count"] for event in items) == 1_200
    assert perdure.done("log", "check", "--json").json["clean"] is True
    report = perdure.done("doctor", "--json").json
    assert (report["opens"], report["crashes"]) == (2, 1)


def test_the_same_life_as_without_the_kill(perdure: CommandLine, tmp_path: Path) -> None:
    def facts(of: CommandLine) -> list[Any]:
        """What the guest did. Its fuel aside: that depends on the digits of the job's id, which it reads."""
        history = of.done("log", "history", of.job()["job_id"], "--json").lines
        return [(event["type"], event["data"] | {"fuel": 0}) for event in history if "call" in event["data"]]

    undisturbed = CommandLine(tmp_path / "undisturbed")
    undisturbed.run_counter({"target": 600})
    with perdure.running({"target": 600}, 110) as child:
        child.kill()
        child.wait(PATIENCE)
    perdure.done("resume")
    assert facts(perdure) == facts(undisturbed)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_orderly_stop(perdure: CommandLine, number: signal.Signals, code: int) -> None:
    with perdure.running(ENDLESS, 20) as child:
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == code
    assert out.startswith("suspended  counter:counter  ")
    assert f"perdure: {number.name}: stopping at the next check, within 5 s\n" in err
    assert err.endswith("perdure: stopped; the job goes on with 'perdure resume'\n")
    assert is_plain(out + err)
    job = perdure.job()
    # It stopped at a check, where it saved its state: nothing needs to be done again.
    assert (job["status"], job["checkpoint"]["items"]) == ("suspended", job["items"])
    assert perdure.done("doctor", "--json").json["crashes"] == 0


def test_a_stop_of_resume(perdure: CommandLine) -> None:
    with perdure.running(ENDLESS, 20) as child:
        child.kill()
        child.wait(PATIENCE)
    with perdure.process("resume") as child:
        eventually(lambda: perdure.job()["attempts"] == 2, PATIENCE, every=0.05)
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 143
    assert "goes on where it was, at " in err
    assert perdure.job()["status"] == "suspended"


def test_a_watcher_leaves_with_the_job(perdure: CommandLine) -> None:
    with (
        perdure.running({"target": 900}, 1) as child,
        perdure.process("jobs", "watch", perdure.job()["job_id"]) as watch,
    ):
        out, err = watch.communicate(timeout=PATIENCE)
        child.communicate(timeout=PATIENCE)
    assert watch.returncode == 0
    assert out.startswith("completed  counter:counter  ")
    assert "running, " in err


def test_a_watcher_leaves_with_the_process(perdure: CommandLine) -> None:
    with perdure.running(ENDLESS, 1) as child, perdure.process("jobs", "watch", perdure.job()["job_id"]) as watch:
        assert watch.stderr is not None
        assert "dispatched" in watch.stderr.readline()
        child.kill()
        child.wait(PATIENCE)
        _, err = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 6
    assert "no process runs job" in err


def test_progress_without_a_terminal(perdure: CommandLine) -> None:
    with perdure.process("run", COUNTER, "counter", "--state", SEEN) as child:
        out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    assert is_plain(out + err)
    assert re.search(r"counter:counter [0-9a-f-]{36}: running, \d+ %, \d+ items?.*: Counted \d+/500\n", err)
    assert "Counted 500/500" in out


def test_progress_on_a_terminal(perdure: CommandLine) -> None:
    master, slave = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        # The terminal's end answers with an error when the last process that had it has ended.
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 65_536):
                chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        code = subprocess.run(
            [sys.executable, "-m", "perdure.cli", "run", COUNTER, "counter", "--state", SEEN],
            env=perdure.environment(TERM="xterm-256color", COLUMNS="100", LINES="24"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            check=False,
        ).returncode
    finally:
        os.close(slave)
        reader.join(PATIENCE)
        os.close(master)
    shown = b"".join(chunks).decode()
    assert code == 0
    assert "━" in shown
    assert re.search(r"\d+ items", shown)
    assert "s left" in shown
    assert "\x1b[2K" in shown  # the bar is wiped out in the end
    assert "completed" in shown[shown.rindex("\x1b[2K") :]
    assert "\x1b[?25h" in shown  # and the cursor is back


def test_a_reader_that_goes_away(perdure: CommandLine) -> None:
    perdure.run_counter({"target": 20_000, "work": 0})
    with perdure.process("log", "export") as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 141
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_a_terminal_that_knows_only_ascii(perdure: CommandLine) -> None:
    with perdure.process(
        "log", "tail", "--no-follow", "--data", str(perdure.data) + "-ü", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    ) as child:
        _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 7
    assert err.startswith("perdure: ")


def test_the_entry_point_is_installed() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="perdure")
    from perdure.cli.app import main

    assert script.load() is main
