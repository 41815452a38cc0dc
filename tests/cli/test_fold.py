"""`perdure jobs fold`, what other commands say of a folded job, and `perdure run --idempotency-key`."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from typing import Any

import pytest
from tests.support.command_line import COUNTER, ENDLESS, QUICK, CommandLine
from tests.support.waiting import TIMEOUT, eventually

from perdure.cli.errors import CommandError
from perdure.cli.fold_command import parse_age
from perdure.store import JobQuery, LmdbEventStore, StoreError

NOW = "0m"


def keyed(perdure: CommandLine, key: str, state: dict[str, Any] | None = None, *words: object) -> Any:
    return perdure("run", COUNTER, "counter", "--state", json.dumps(state or QUICK), "--idempotency-key", key, *words)


def test_jobs_are_counted_then_folded(perdure: CommandLine) -> None:
    jobs = [perdure.run_counter()["job_id"] for _ in range(2)]
    events = sum(perdure.done("jobs", "show", job, "--json").json["sequence"] for job in jobs)
    assert perdure.done("jobs", "fold", "--older-than", "1d").out == "nothing to fold\n"
    dry = perdure.done("jobs", "fold", "--older-than", NOW, "--dry-run")
    assert dry.out == f"2 jobs with {events:,} events would be folded\n"
    assert perdure.done("jobs", "fold", "--older-than", NOW, "--type", "other").out == "nothing to fold\n"
    report = perdure.done("jobs", "fold", "--older-than", NOW, "--type", "counter", "--json").json
    assert (report["jobs"], report["events"], report["damaged"], report["dry_run"]) == (2, events, 0, False)
    assert report["bytes"] > 0
    assert perdure.done("jobs", "fold", "--older-than", NOW).out == "nothing to fold\n"
    assert perdure.done("log", "check", "--json").json["problems"] == []


def test_a_folded_job_is_listed_and_shown_and_says_so(perdure: CommandLine) -> None:
    before = perdure.run_counter()
    job = before["job_id"]
    perdure.done("jobs", "fold", "--older-than", NOW)
    assert "completed, folded" in perdure.done("jobs", "list").out
    shown = perdure.done("jobs", "show", job).out
    assert f"{before['sequence']:,} events were removed" in shown
    details = perdure.done("jobs", "show", job, "--json").json
    assert details["folded"] is not None
    assert details["folded_events"]["events"] == before["sequence"]
    assert details["folded_events"]["hash"] in shown
    changed = {"folded", "sequence", "timings"}
    assert {name: value for name, value in details.items() if name in before and name not in changed} == {
        name: value for name, value in before.items() if name not in changed
    }
    assert "folded" in perdure.done("log", "tail", "--no-follow").out


@pytest.mark.parametrize(
    "words",
    [
        ("log", "history"),
        ("log", "export"),
        ("verify",),
        ("jobs", "watch"),
        ("jobs", "fork", "--at", "3"),
        ("jobs", "step", "--script", "n"),
        ("jobs", "show", "--at", "3"),
    ],
    ids=" ".join,
)
def test_what_needs_its_events_says_when_they_went(perdure: CommandLine, words: tuple[str, ...]) -> None:
    job = perdure.run_counter()["job_id"]
    perdure.done("jobs", "fold", "--older-than", NOW)
    group = words[: 2 if words[0] in ("log", "jobs") else 1]
    answer = perdure(*group, job, *words[len(group) :])
    assert answer.code == 10, answer
    assert f"job {job} was folded at " in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("30d", timedelta(days=30)),
        ("1.5h", timedelta(minutes=90)),
        (" 2w ", timedelta(weeks=2)),
        ("0m", timedelta(0)),
    ],
)
def test_ages(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "1d2h", "1e3d", "٣d", "99999999999d"])
def test_an_age_that_is_none_is_refused(perdure: CommandLine, text: str) -> None:
    with pytest.raises(CommandError):
        parse_age(text)
    answer = perdure("jobs", "fold", f"--older-than={text}")
    assert answer.code == 2
    assert not perdure.data.exists()


def test_an_age_of_centuries_is_refused(perdure: CommandLine) -> None:
    perdure.run_counter()
    for text in ("999999999w", "900000d"):
        assert perdure("jobs", "fold", "--older-than", text).code == 2


def test_nothing_is_folded_where_nothing_has_run(perdure: CommandLine) -> None:
    assert perdure("jobs", "fold", "--older-than", "1d").code == 7
    assert not perdure.data.exists()


def test_the_same_key_gives_the_same_job(perdure: CommandLine) -> None:
    first = keyed(perdure, "order 1", None, "--json").json
    again = keyed(perdure, "order 1")
    assert again.code == 0
    assert f"dispatched before with this key: job {first['job_id']} is completed" in again.err
    assert first["idempotency_key"] == "order 1"
    perdure.done("jobs", "fold", "--older-than", NOW)
    assert keyed(perdure, "order 1", None, "--json").json["job_id"] == first["job_id"]
    assert perdure.job()["job_id"] == first["job_id"]
    assert "order 1" in perdure.done("jobs", "show", first["job_id"]).out


def test_the_same_key_with_another_input_says_what_differs(perdure: CommandLine) -> None:
    keyed(perdure, "k")
    answer = keyed(perdure, "k", {**QUICK, "target": 3}, "--retries", 2)
    assert answer.code == 10
    assert "the state and the retry policy are not the same as then" in answer.err
    assert perdure.job() is not None
    assert keyed(perdure, "").code == 2


def test_a_command_that_was_killed_goes_on_with_its_job(perdure: CommandLine) -> None:
    """What a script does that runs the same command until it says that all is well."""
    state = json.dumps(ENDLESS)
    command = ("run", COUNTER, "counter", "--state", state, "--idempotency-key", "k", "--yes")
    with perdure.process(*command) as process:
        eventually(lambda: _items(perdure) > 50)
        process.kill()
        process.wait(TIMEOUT)
    before = perdure.job()
    with perdure.process(*command) as process:
        eventually(lambda: _items(perdure) > before["items"] + 50)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert f"dispatched before with this key: job {before['job_id']} is running" in errors
    assert perdure.job()["job_id"] == before["job_id"]


def _items(perdure: CommandLine) -> int:
    try:
        store = LmdbEventStore.open_readonly(perdure.data)
    except StoreError:
        return 0  # it is not there yet
    with store:
        return sum(state.items for state in store.jobs(JobQuery()).jobs)
