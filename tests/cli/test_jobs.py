"""`perdure jobs` and `perdure resume`, within this process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.command_line import COUNTER, QUICK, CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.job_events import (
    Ticks,
    checkpoint,
    completed,
    dispatched,
    failure,
    items,
    job_id,
    put_module,
    started,
)
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import RETURN_COMPLETED, RETURN_FAILED, RETURN_INTERRUPTED

from perdure.store import AppendRequest, LmdbEventStore
from perdure.store import events as ev
from perdure.store.family import child_key

STATE = json.dumps(QUICK)
NOBODY = UUID(int=1)


def append(perdure: CommandLine, *events: ev.Event, number: int = 1) -> str:
    """A job that has these events after its dispatch, in a log that no process works on; its id."""
    job = job_id(number)
    with LmdbEventStore.open(perdure.data, clock=Ticks()) as store:
        put_module(store)
        store.append(ev.job_stream(job), [dispatched(job), *events])
    return str(job)


def crashed_counter(perdure: CommandLine, *events: ev.Event) -> str:
    """A job of the example whose process died after these events; its id."""
    extension = perdure.done("extensions", "install", COUNTER, "--json").json
    job = job_id(1)
    asked = ev.JobDispatched(
        job_id=job,
        job_type="counter:counter",
        extension="counter",
        version=extension["version"],
        module=extension["module"],
        export="execute_counter",
        library_id=UUID(int=0),
        resumable=True,
        state=ev.Inline(STATE.encode()),
        limits=ev.JobLimits(memory_bytes=16 << 20),
        retry=ev.RetryPolicy(),
    )
    with LmdbEventStore.open(perdure.data, clock=Ticks()) as store:
        store.append(ev.job_stream(job), [asked, *events])
    return str(job)


HALF_WAY = b'{"current": 100, "target": 200, "work": 0}'


def died_half_way() -> list[ev.Event]:
    return [started(), items(1, 100), checkpoint(2, HALF_WAY), items(3, 7)]


def died_after_a_pause() -> list[ev.Event]:
    """It was paused behind a checkpoint, and had done nothing since it went on from there."""
    paused = [started(), items(1, 100), checkpoint(2, HALF_WAY), items(3, 7), ev.JobPaused(forced=False, fuel=35)]
    return [*paused, ev.JobResumed(checkpoint=4, cause="resume"), started(2)]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_nothing_has_run_yet(perdure: CommandLine) -> None:
    assert perdure.done("jobs", "list").out == f"no jobs in {perdure.data}\n"
    assert perdure.done("jobs", "list", "--json").json == []
    assert perdure.done("resume").out == f"nothing to resume: no unfinished jobs in {perdure.data}\n"
    assert perdure.done("resume", "--json").json == []
    assert not perdure.data.exists()


@pytest.mark.parametrize("command", ["show", "watch", "pause", "resume", "cancel", "retry"])
def test_an_unknown_job(perdure: CommandLine, command: str) -> None:
    answer = perdure("jobs", command, NOBODY)
    assert answer.code == 7
    assert answer.err == f"perdure: there is no job {NOBODY}: nothing has run in {perdure.data} yet\n"
    assert not perdure.data.exists()
    perdure.run_counter()
    answer = perdure("jobs", command, NOBODY)
    assert (answer.code, answer.err) == (7, f"perdure: there is no job {NOBODY}\n")
    assert perdure("resume", NOBODY).code == 7


def test_what_is_no_id(perdure: CommandLine) -> None:
    answer = perdure("jobs", "show", "counter")
    assert answer.code == 2
    assert "JOB" in answer.err


def test_list(perdure: CommandLine) -> None:
    append(perdure, started(), items(1, 2_000), completed())
    failed = append(perdure, started(), ev.JobFailed(failure(), 3), number=2)
    table = perdure.done("jobs", "list")
    header, first, second = table.out.splitlines()
    assert header.split() == ["job", "type", "status", "done", "items", "warnings", "age", "message"]
    assert first.startswith(failed)
    assert first.endswith("guest_failed: the guest returned 2")
    assert re.search(r"completed +100 % +2,000 +0 ", second)
    assert is_plain(table.out)


def test_filters_and_pages(perdure: CommandLine) -> None:
    ids = [append(perdure, number=number) for number in range(1, 6)]
    done = append(perdure, started(), completed(), number=6)

    def listed(*words: object) -> list[str]:
        return [job["job_id"] for job in perdure.done("jobs", "list", "--json", *words).json]

    assert listed() == [done, *reversed(ids)]
    assert listed("--status", "completed") == [done]
    assert listed("--status", "completed", "--status", "queued") == [done, *reversed(ids)]
    assert listed("--status", "failed") == []
    assert listed("--extension", "test-extension", "--type", "counter", "--status", "completed") == [done]
    assert listed("--type", "test-extension:counter", "--limit", 1) == [done]
    assert listed("--extension", "other") == []
    page = perdure.done("jobs", "list", "--limit", 2)
    assert page.err == f"perdure: there are more: --before {ids[4]}\n"
    assert listed("--limit", 2, "--before", ids[4]) == [ids[3], ids[2]]
    assert perdure.done("jobs", "list", "--status", "failed").out == "no such jobs\n"
    assert perdure("jobs", "list", "--status", "lost").code == 2


def test_show(perdure: CommandLine) -> None:
    job = append(perdure, *died_half_way())
    shown = perdure.done("jobs", "show", job)
    assert "running  but its process died; 'perdure resume' goes on from 0 %" in shown.out
    assert '"current": 100' in shown.out
    details = perdure.done("jobs", "show", job, "--json").json
    assert (details["items"], details["checkpoints"]) == (107, 1)
    assert details["checkpoint"]["items"] == 100
    assert details["checkpoint"]["state"] == json.loads(HALF_WAY)
    assert details["state"] == {"target": 3}
    assert details["limits"]["fuel"] is None
    assert details["export"] == "execute_counter"


def test_parents_and_children(perdure: CommandLine) -> None:
    parent = append(perdure, *died_half_way())
    children = [job_id(number) for number in range(2, 14)]
    with LmdbEventStore.open(perdure.data, clock=Ticks()) as store:
        for child in children:
            events = dispatched(child), ev.JobLinked(UUID(parent), 1)
            request = AppendRequest(ev.job_stream(child), [ev.encode(event) for event in events], [1, 1], 0)
            store.append_batch([request], [ev.RowWrite(child_key(UUID(parent), child), b"")])
        store.append(ev.job_stream(children[0]), [ev.JobCancelled(forced=False, fuel=0)])
    newest_first = [str(child) for child in reversed(children)]
    details = perdure.done("jobs", "show", parent, "--json").json
    assert details["parent"] is None
    assert [child["job_id"] for child in details["children"]] == newest_first[::-1]
    shown = perdure.done("jobs", "show", parent).out
    assert "1 cancelled, 11 queued" in shown
    assert f"{newest_first[0]}  test-extension:counter  queued" in shown
    assert "… and 2 more jobs" in shown
    listed = perdure.done("jobs", "list", "--parent", parent, "--json").json
    assert [job["job_id"] for job in listed] == newest_first
    assert {job["parent"] for job in listed} == {parent}
    assert parent in perdure.done("jobs", "show", newest_first[0]).out
    assert perdure.done("jobs", "list", "--parent", newest_first[0]).out == "no such jobs\n"


def test_show_as_it_was(perdure: CommandLine) -> None:
    job = append(perdure, *died_half_way())
    was = perdure.done("jobs", "show", job, "--at", 3, "--json").json
    assert (was["sequence"], was["items"], was["checkpoint"]) == (3, 100, None)
    assert "as of event 3" in perdure.done("jobs", "show", job, "--at", 3).out
    answer = perdure("jobs", "show", job, "--at", 99)
    assert (answer.code, answer.err) == (7, f"perdure: job {job} has events 1 to 5, not 99\n")


def test_show_a_failed_job(perdure: CommandLine) -> None:
    error = ev.JobError(
        "trap",
        "unreachable",
        limit=ev.LimitUse("fuel", 1_000, 1_001, "fuel"),
        backtrace=tuple(ev.WasmFrame(f"f{number}", number) for number in range(30)),
        data={"memory_bytes": 7},
    )
    job = append(perdure, started(), ev.JobFailed(error, 5))
    shown = perdure.done("jobs", "show", job).out
    for text in (
        "trap: unreachable",
        "fuel: 1,000 fuel, used 1,001",
        "at f0 +0x0",
        "… and 10 more frames",
        "memory_bytes: 7",
    ):
        assert text in shown
    shown_error = perdure.done("jobs", "show", job, "--json").json["error"]
    assert shown_error["limit"] == {"limit": "fuel", "value": 1_000, "used": 1_001, "unit": "fuel"}
    assert len(shown_error["backtrace"]) == 30


def test_a_large_state_is_named_by_its_digest(perdure: CommandLine) -> None:
    state = json.dumps({"target": 1, "work": 0, "padding": "x" * 100_000})
    perdure.done("run", COUNTER, "counter", "--state", "-", stdin=state)
    details = perdure.done("jobs", "show", perdure.job()["job_id"], "--json").json
    assert details["state"]["size"] == len(state)
    assert len(details["state"]["blob"]) == 64


def test_watch_a_job_that_has_ended(perdure: CommandLine) -> None:
    job = perdure.run_counter()
    events = perdure.done("jobs", "watch", job["job_id"], "--json").lines
    assert [event["sequence"] for event in events] == list(range(1, job["sequence"] + 1))
    assert events[-1]["type"] == "completed"
    later = perdure.done("jobs", "watch", job["job_id"], "--json", "--from", job["sequence"]).lines
    assert later == events[-1:]
    shown = perdure.done("jobs", "watch", job["job_id"])
    assert [line.split()[3] for line in shown.err.splitlines()] == ["dispatched", "started", "completed"]
    assert shown.out.startswith("completed  counter:counter  ")


def test_watch_a_job_that_nobody_runs(perdure: CommandLine) -> None:
    job = append(perdure, started())
    answer = perdure("jobs", "watch", job)
    assert answer.code == 6
    assert answer.err.endswith(f"perdure: no process runs job {job}; 'perdure resume' lets it go on\n")


def test_watch_leaves_with_the_code_of_the_job(perdure: CommandLine) -> None:
    failed = append(perdure, started(), ev.JobFailed(failure(), 3))
    assert perdure("jobs", "watch", failed).code == 1
    cancelled = append(perdure, started(), ev.JobCancelled(forced=False, fuel=3), number=2)
    assert perdure("jobs", "watch", cancelled).code == 5


# --- acting ----------------------------------------------------------------------------------------------------------


def test_pause_and_resume_a_crashed_job(perdure: CommandLine) -> None:
    job = crashed_counter(perdure, *died_after_a_pause())
    assert perdure.done("jobs", "pause", job, "--json").json["status"] == "paused"
    assert "lets it go on" in perdure.done("jobs", "show", job).out
    resumed = perdure.done("jobs", "resume", job)
    assert resumed.err.startswith(f"counter:counter {job} goes on where it was, at 0 %, 100 items\n")
    state = perdure.job()
    assert (state["status"], state["items"], state["attempts"]) == ("completed", 200, 3)


def test_cancel_a_crashed_job_and_retry_it(perdure: CommandLine) -> None:
    job = crashed_counter(perdure, *died_after_a_pause())
    assert perdure.done("jobs", "cancel", job).out.startswith(f"cancelled  counter:counter  {job}\n")
    retried = perdure.done("jobs", "retry", job, "--json").json
    assert (retried["status"], retried["items"], retried["attempts"]) == ("completed", 200, 3)


def test_resume_one_of_many(perdure: CommandLine) -> None:
    job = crashed_counter(perdure, *died_after_a_pause())
    other = append(perdure, started(), number=2)
    (resumed,) = perdure.done("resume", job, "--json").json
    assert (resumed["job_id"], resumed["status"]) == (job, "completed")
    assert perdure.done("jobs", "show", other, "--json").json["status"] == "running"


def test_resume_all(perdure: CommandLine) -> None:
    job = crashed_counter(perdure, *died_after_a_pause())
    perdure.done("jobs", "pause", job)
    answer = perdure.done("resume", "--json")
    (resumed,) = answer.json
    assert (resumed["status"], resumed["items"], resumed["attempts"]) == ("completed", 200, 3)
    assert answer.err == ""


def test_resume_a_job_that_never_began(perdure: CommandLine) -> None:
    job = crashed_counter(perdure)
    (resumed,) = perdure.done("resume", job, "--json").json
    assert (resumed["status"], resumed["items"], resumed["attempts"]) == ("completed", 200, 1)


def test_resume_all_includes_jobs_that_never_began(perdure: CommandLine) -> None:
    job = crashed_counter(perdure)
    answer = perdure.done("resume")
    assert f"{job} goes on from the start" in answer.err
    assert perdure.job()["status"] == "completed"


def test_resume_a_job_that_waits_for_its_next_try(perdure: CommandLine) -> None:
    waiting = ev.RetryScheduled(failure(), 10**9, 5)
    job = crashed_counter(perdure, *died_after_a_pause(), waiting)
    (resumed,) = perdure.done("resume", job, "--json").json
    assert (resumed["status"], resumed["items"]) == ("completed", 200)


def test_a_job_that_cannot_be_led_to_where_it_was_says_where_it_differs(perdure: CommandLine) -> None:
    job = crashed_counter(perdure, *died_half_way())  # the example counts one at a time
    answer = perdure("resume", job)
    assert answer.code == 1
    assert "failed: diverged: led by the log, the guest did something else; call 1: recorded was " in answer.err
    error = perdure.done("jobs", "show", job, "--json").json["error"]
    assert (error["kind"], error["blame"]) == ("diverged", "host")
    assert error["data"] == {
        "call": 1,
        "sequence": 3,
        "recorded": {"function": "increment_items", "count": 100},
        "came": {"function": "check_interrupt"},
    }
    shown = perdure.done("jobs", "show", job).out
    assert "diverged" in shown
    assert "increment_items" in shown
    assert "check_interrupt" in shown
    assert perdure.done("log", "check").code == 0


def test_a_cancel_that_the_dead_process_did_not_carry_out(perdure: CommandLine) -> None:
    crashed_counter(perdure, *died_after_a_pause(), ev.JobCancelRequested())
    answer = perdure("resume", "--json")
    assert (answer.code, answer.json[0]["status"]) == (5, "cancelled")


def test_resume_without_the_extension(perdure: CommandLine) -> None:
    job = append(perdure, started())
    paused = append(perdure, started(), ev.JobPaused(forced=False, fuel=3), number=2)
    answer = perdure("resume")
    assert answer.code == 3
    assert "test-extension" in answer.err
    assert f"job {paused} stays paused" in answer.err
    assert perdure.done("jobs", "show", job, "--json").json["status"] == "queued"


def test_resume_several(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("rests", RETURN_INTERRUPTED)
    folder = write_extension(tmp_path / "acme", wat.module())
    for _ in range(2):
        assert perdure("run", folder, "rests").code == 6
    answer = perdure("resume")
    assert answer.code == 6  # they rest again
    assert len(answer.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("command", "events", "says"),
    [
        ("resume", (started(), completed()), "there is nothing left to do"),
        ("retry", (started(), completed()), "there is nothing left to do"),
        ("resume", (started(), ev.JobFailed(failure(), 3)), "jobs retry"),
        ("retry", (started(),), "jobs resume"),
        ("pause", (started(), completed()), "is completed"),
        ("cancel", (started(), completed()), "is completed"),
        ("pause", (started(), ev.JobPaused(forced=False, fuel=3)), "is paused"),
    ],
)
def test_what_the_status_does_not_allow(
    perdure: CommandLine, command: str, events: tuple[ev.Event, ...], says: str
) -> None:
    job = append(perdure, *events)
    answer = perdure("jobs", command, job)
    assert answer.code == 10
    assert says in answer.err
    assert re.fullmatch(r"perdure: [^\n]*\n", answer.err)


def test_retry_a_failed_job_that_fails_again(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("fails", RETURN_FAILED)
    assert perdure("run", write_extension(tmp_path / "acme", wat.module()), "fails").code == 1
    answer = perdure("jobs", "retry", perdure.job()["job_id"], "--json")
    assert (answer.code, answer.json["attempts"]) == (1, 2)


def test_a_job_that_is_not_resumable_says_so(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("once", RETURN_COMPLETED)
    wat.init(wat.register("once", "execute_once", resumable=0))
    perdure.done("run", write_extension(tmp_path / "acme", wat.module()), "once")
    shown = perdure.done("jobs", "show", perdure.job()["job_id"]).out
    assert "resumable    no: after a pause or a failure it starts again from its first state" in shown
