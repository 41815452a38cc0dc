"""`perdure log`, within this process; the check runs in a process of its own, as it always does."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.command_line import QUICK, CommandLine, is_plain
from tests.support.job_events import Ticks, checkpoint, dispatched, items, job_id, put_module, started
from tests.support.log_file import data_file, flip

from perdure.store import LmdbEventStore
from perdure.store import events as ev

JOB = job_id(1)


@pytest.fixture
def resumed(perdure: CommandLine) -> str:
    """A log with a job that fell back to a checkpoint: events 5 and 6 were done again."""
    with LmdbEventStore.open(perdure.data, clock=Ticks()) as store:
        put_module(store)
        store.append(
            ev.job_stream(JOB),
            [
                dispatched(JOB),
                started(),
                items(1),
                checkpoint(2),
                items(3),
                items(4),
                ev.JobResumed(checkpoint=4, cause="recovery"),
                started(2),
                items(1),
                ev.JobCompleted(9),
            ],
        )
    return str(JOB)


# --- history ---------------------------------------------------------------------------------------------------------


def test_history(perdure: CommandLine, resumed: str) -> None:
    answer = perdure.done("log", "history", resumed)
    header, *lines = answer.out.splitlines()
    assert header.split() == ["sequence", "time", "event", "superseded", "summary"]
    assert [line.split()[0] for line in lines] == [str(number) for number in range(1, 11)]
    marked = [line.split()[0] for line in lines if re.search(r"items +yes +\+1$", line)]
    assert marked == ["5", "6"]
    assert "resumed                       from the checkpoint at 4 (recovery)" in lines[6]
    assert is_plain(answer.out)


def test_history_as_json(perdure: CommandLine, resumed: str) -> None:
    entries = perdure.done("log", "history", resumed, "--json").lines
    assert [entry["sequence"] for entry in entries if entry["superseded"]] == [5, 6]
    part = perdure.done("log", "history", resumed, "--from", 4, "--to", 5, "--json").lines
    assert part == entries[3:5]


def test_history_of_nothing(perdure: CommandLine) -> None:
    assert perdure("log", "history", JOB).code == 7


# --- tail ------------------------------------------------------------------------------------------------------------


def test_tail_shows_the_last_events(perdure: CommandLine) -> None:
    perdure.run_counter()
    answer = perdure.done("log", "tail", "--no-follow")
    lines = answer.out.splitlines()
    assert len(lines) == 20
    assert re.search(r"runtime  closed +process \d+$", lines[-1])
    assert is_plain(answer.out)
    everything = perdure.done("log", "tail", "--no-follow", "--json", "--from", 1).lines
    assert [event["position"] for event in everything] == list(range(1, len(everything) + 1))
    part = perdure.done("log", "tail", "--no-follow", "--json", "--from", 5).lines
    assert part == everything[4:]


@pytest.mark.parametrize("stream", [str(JOB), f"job:{JOB}", str(JOB).upper()])
def test_tail_of_a_job(perdure: CommandLine, resumed: str, stream: str) -> None:
    events = perdure.done("log", "tail", "--no-follow", "--json", "--stream", stream).lines
    assert [event["sequence"] for event in events] == list(range(1, 11))
    later = perdure.done("log", "tail", "--no-follow", "--json", "--stream", stream, "--from", 8).lines
    assert [event["sequence"] for event in later] == [8, 9, 10]


def test_tail_of_other_streams(perdure: CommandLine) -> None:
    perdure.run_counter()
    types = [
        event["type"] for event in perdure.done("log", "tail", "--no-follow", "--json", "--stream", "runtime").lines
    ]
    assert types == ["opened", "compiled", "closed"]
    lines = perdure.done("log", "tail", "--no-follow", "--stream", "extension:counter").out.splitlines()
    assert [line.split()[3] for line in lines] == ["installed", "loaded"]


def test_tail_of_an_unknown_stream(perdure: CommandLine, resumed: str) -> None:
    answer = perdure("log", "tail", "--stream", "nothing")
    assert answer.code == 7
    assert answer.err == "perdure: there is no stream nothing; streams are job:ID, extension:ID and runtime\n"


@pytest.mark.parametrize("words", [("tail",), ("export",), ("check",)])
def test_a_folder_without_a_log(perdure: CommandLine, words: tuple[str, ...]) -> None:
    answer = perdure("log", *words)
    assert (answer.code, answer.out) == (7, "")
    assert answer.err == f"perdure: {perdure.data} holds no perdure log; nothing has run there yet\n"
    assert not perdure.data.exists()


# --- export ----------------------------------------------------------------------------------------------------------


def test_export(perdure: CommandLine, resumed: str, tmp_path: Path) -> None:
    events = perdure.done("log", "export").lines
    assert [event["position"] for event in events] == list(range(1, 11))
    assert all({"hash", "previous", "body", "data", "type"} <= set(event) for event in events)
    file = tmp_path / "events.jsonl"
    answer = perdure.done("log", "export", resumed, "-o", file)
    assert (answer.out, answer.err) == ("", f"perdure: 10 events written to {file}\n")
    assert [json.loads(line) for line in file.read_text().splitlines()] == events
    assert perdure("log", "export", UUID(int=1)).code == 7


def test_export_to_where_nothing_can_be_written(perdure: CommandLine, resumed: str, tmp_path: Path) -> None:
    answer = perdure("log", "export", "-o", tmp_path)
    assert (answer.code, answer.err) == (2, f"perdure: {tmp_path} cannot be written: Is a directory\n")


# --- check -----------------------------------------------------------------------------------------------------------


def test_a_clean_log(perdure: CommandLine) -> None:
    perdure.run_counter(QUICK)
    answer = perdure.done("log", "check")
    found = rf"clean: \d+ events, \d+ frames, 3 streams, 1 blob, 0 seals in {perdure.data}"
    assert re.fullmatch(found + r"\n  note: nothing is sealed yet: perdure log seal\n", answer.out)
    report = perdure.done("log", "check", "--json").json
    assert report["clean"] is True
    assert report["problems"] == []


def test_a_log_whose_bytes_were_altered(perdure: CommandLine, resumed: str) -> None:
    flip(perdure.data, b'{"target": 3}')
    answer = perdure("log", "check")
    assert answer.code == 8
    assert answer.out.startswith("damaged: ")
    assert re.search(r"perdure: \d+ problems? in .*; restore from a backup\n", answer.err)
    report = perdure("log", "check", "--json").json
    assert report["clean"] is False
    assert report["problems"]


def test_a_log_that_was_cut_off(perdure: CommandLine, resumed: str) -> None:
    file = data_file(perdure.data)
    file.write_bytes(file.read_bytes()[:9_000])
    answer = perdure("log", "check")
    assert answer.code == 8
    assert re.fullmatch(r"perdure: [^\n]*damaged[^\n]*\n", answer.err)
    assert perdure("jobs", "list").code == 8


def child_that(monkeypatch: pytest.MonkeyPatch, **ends: Any) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, **ends)

    monkeypatch.setattr(subprocess, "run", run)


def test_a_page_whose_reading_is_fatal(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    child_that(monkeypatch, returncode=-signal.SIGSEGV, stdout=b"", stderr=b"")
    answer = perdure("log", "check")
    assert answer.code == 8
    assert "damaged: reading it ended the checking process with SIGSEGV; restore from a backup" in answer.err


def test_a_check_that_goes_wrong_itself(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    child_that(monkeypatch, returncode=1, stdout=b"", stderr=b"Traceback\nValueError: odd\n")
    answer = perdure("log", "check")
    assert answer.code == 9
    assert "the checking process ended with 1: ValueError: odd" in answer.err
