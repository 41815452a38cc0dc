"""`perdure jobs fork`, `jobs step`, `jobs show --at` and `log diff`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.command_line import COUNTER, QUICK, CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.cli.exit_codes import ExitCode
from perdure.cli.step_words import COMMANDS, Misunderstood, Said, understood
from perdure.store import LmdbEventStore, check
from perdure.store.events import ForkBegun, JobDispatched, job_stream

NOBODY = UUID(int=1)


@pytest.fixture
def job(perdure: CommandLine) -> str:
    """A job of the example that has completed: 200 items, checkpoints at 100 and 200."""
    return str(perdure.run_counter()["job_id"])


def sequences(perdure: CommandLine, job: str, kind: str) -> list[int]:
    return [line["sequence"] for line in perdure.done("log", "history", job, "--json").lines if line["type"] == kind]


# --- jobs show --at --------------------------------------------------------------------------------------------------


def test_a_job_as_it_was(perdure: CommandLine, job: str) -> None:
    first = sequences(perdure, job, "checkpoint")[0]
    shown = perdure.done("jobs", "show", job, "--at", first, "--json").json
    assert (shown["status"], shown["items"], shown["checkpoints"]) == ("running", 100, 1)
    assert shown["checkpoint"]["state"]["current"] == 100
    assert shown["last_event"]["type"] == "checkpoint"
    assert shown["last_event"]["sequence"] == first
    text = perdure.done("jobs", "show", job, "--at", first).out
    assert f"as of event {first}" in text
    assert f"last event   {first:,}, " in text
    assert ": checkpoint, call 401" in text
    assert perdure("jobs", "show", job, "--at", 10**6).code == ExitCode.UNKNOWN


# --- jobs fork -------------------------------------------------------------------------------------------------------


def test_a_fork_runs_to_its_end(perdure: CommandLine, job: str) -> None:
    answer = perdure.done("jobs", "fork", job, "--at", 60)
    assert answer.out.startswith("completed  counter:counter  ")
    assert f"goes on from job {job}" in answer.err
    (fork,) = perdure.done("jobs", "list", "--forked-from", job, "--json").json
    assert (fork["forked_from"], fork["items"]) == (job, 200)
    assert f"forked from  {job}" in perdure.done("jobs", "show", fork["job_id"]).out
    assert f"from job {job} at 60" in perdure.done("log", "history", fork["job_id"]).out
    with LmdbEventStore.open_readonly(perdure.data) as log:
        assert check(log).problems == []


def test_a_fork_with_another_state(perdure: CommandLine, job: str, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({**QUICK, "current": 190}))
    for state in (f"@{file}", file.read_text()):
        fork = perdure.done("jobs", "fork", job, "--at", 500, "--state", state, "--json").json
        assert (fork["status"], fork["items"]) == ("completed", 110)


def test_a_fork_that_is_only_made(perdure: CommandLine, job: str) -> None:
    answer = perdure.done("jobs", "fork", job, "--at", 50, "--paused")
    assert answer.out.startswith("paused")
    (fork,) = perdure.done("jobs", "list", "--status", "paused", "--json").json
    assert f"perdure jobs resume {fork['job_id']}" in answer.err
    assert perdure.done("jobs", "resume", fork["job_id"], "--json").json["items"] == 200


def test_a_fork_with_another_module_that_does_something_else(perdure: CommandLine, job: str, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("counter", f"{wat.call('job_add_warning', wat.job_id, wat.text('new'))} (i32.const 0)")
    folder = write_extension(tmp_path / "new", wat.module(), extension="counter", version="9.0.0")
    answer = perdure("jobs", "fork", job, "--at", 60, "--module", folder)
    assert answer.code == ExitCode.JOB_FAILED
    assert "diverged" in answer.err
    assert "add_warning" in answer.err
    at = sequences(perdure, job, "checkpoint")[0]
    fork = perdure.done("jobs", "fork", job, "--at", at, "--module", folder / "module.wasm", "--json").json
    assert (fork["status"], fork["warnings"]) == ("completed", 1)


def test_a_fork_that_was_never_completed(perdure: CommandLine, job: str) -> None:
    with LmdbEventStore.open(perdure.data) as log:
        (first,) = log.read(job_stream(UUID(job)), until=1)
        assert isinstance(first.event, JobDispatched)
        fields = {name: getattr(first.event, name) for name in JobDispatched.__struct_fields__}
        log.append(job_stream(NOBODY), [ForkBegun(**{**fields, "job_id": NOBODY}, parent=UUID(job))])
    assert "nobody will complete it" in perdure.done("jobs", "show", NOBODY).out
    assert perdure.done("resume").out.startswith("nothing to resume")
    assert perdure.done("jobs", "show", NOBODY, "--json").json["status"] == "cancelled"
    for command in (("jobs", "retry"), ("jobs", "fork"), ("jobs", "resume")):
        assert perdure(*command, NOBODY).code == ExitCode.NOT_NOW


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], ExitCode.NOT_NOW),  # it has completed
        (["--at", 0], ExitCode.USAGE),
        (["--at", 10**6], ExitCode.UNKNOWN),
        (["--answer", "2={}"], ExitCode.UNKNOWN),
        (["--answer", "{}"], ExitCode.USAGE),
        (["--answer", "x={}"], ExitCode.USAGE),
        (["--answer", "-1={}"], ExitCode.USAGE),
        (["--answer", "²={}"], ExitCode.USAGE),
        (["--answer", "1=@/nowhere"], ExitCode.USAGE),
        (["--at", 9, "--state", "{"], ExitCode.USAGE),
        (["--at", 9, "--state", "@/nowhere"], ExitCode.USAGE),
        (["--at", 9, "--module", "7.7.7"], ExitCode.NOT_NOW),
        (["--at", 9, "--module", __file__], ExitCode.BAD_EXTENSION),
        (["--at", 9, "--module", str(Path(__file__).parent)], ExitCode.BAD_EXTENSION),
    ],
)
def test_forks_that_cannot_be_made(perdure: CommandLine, job: str, words: list[Any], code: ExitCode) -> None:
    answer = perdure("jobs", "fork", job, *words)
    assert answer.code == code, answer
    assert answer.err.startswith("perdure: ")
    assert answer.err.count("\n") == 1
    assert len(perdure.done("jobs", "list", "--json").json) == 1


def test_nothing_to_fork(perdure: CommandLine) -> None:
    for command in (("jobs", "fork"), ("jobs", "step")):
        assert perdure(*command, NOBODY).code == ExitCode.UNKNOWN
    assert perdure("log", "diff", NOBODY, NOBODY).code == ExitCode.UNKNOWN


# --- log diff --------------------------------------------------------------------------------------------------------


def test_the_difference_of_two_jobs(perdure: CommandLine, job: str) -> None:
    other = perdure.run_counter({**QUICK, "warn_every": 150})["job_id"]
    text = perdure.done("log", "diff", job, other).out
    lines = text.splitlines()
    assert lines[0] == f"-  {job}  counter:counter 1.0.0  completed"
    assert lines[2].startswith("first difference: run 1, ")
    assert any(line.startswith("+") and "add_warning" in line for line in lines)
    assert any(line.startswith("=  ") and line.endswith(" calls the same") for line in lines)
    assert len(lines) < 60
    assert is_plain(text)
    assert len(perdure.done("log", "diff", job, other, "--all").out.splitlines()) > 600
    found = perdure.done("log", "diff", job, other, "--json").json
    assert not found["same"]
    assert found["first_difference"]["run"] == 1
    assert [one["job_id"] for one in found["jobs"]] == [job, other]
    warned = [
        row for run in found["runs"] for row in run["rows"] if (row["right"] or {}).get("function") == "add_warning"
    ]
    assert len(warned) == 1
    assert not warned[0]["same"]


def test_a_job_and_its_fork(perdure: CommandLine, job: str) -> None:
    fork = perdure.done("jobs", "fork", job, "--at", 60, "--json").json["job_id"]
    assert "both did the same\n" in perdure.done("log", "diff", job, fork).out
    found = perdure.done("log", "diff", job, fork, "--json", "--all").json
    assert found["same"]
    assert found["same_fuel"]
    assert found["first_difference"] is None
    assert len(found["runs"][0]["rows"]) == found["runs"][0]["same_calls"] == 602


# --- jobs step -------------------------------------------------------------------------------------------------------


def test_stepping_by_a_script(perdure: CommandLine, job: str) -> None:
    lines = perdure.done("jobs", "step", job, "--script", "n n g 12 s").out.splitlines()
    assert lines[0].startswith("run 1 from the start, 802 calls")
    assert lines[1].endswith("[no event, fuel 8,734]") or "check_interrupt → go on" in lines[1]
    assert "report_progress" in lines[2]
    assert "     12  " in lines[3]
    assert any("state      it began with:" in line for line in lines)


def test_stepping_through_a_pipe(perdure: CommandLine, job: str) -> None:
    typed = "n\n\nc\n/200/200\nC\ng $\np\ne 50\nl 1\nr\na\n.\nh\nq\nn\n"
    lines = perdure.done("jobs", "step", job, stdin=typed).out.splitlines()
    calls = [line.split()[0] for line in lines if line[:7].strip().isdigit() or line.startswith("    end")]
    assert calls[:7] == ["1", "2", "401", "799", "401", "end", "802"]
    assert calls[7] == "64"  # event 50
    assert lines[-1].startswith("q")  # what h shows; nothing was done after q
    assert len([line for line in lines if line.startswith(">")]) == 2


def test_stepping_for_programs(perdure: CommandLine, job: str) -> None:
    lines = perdure.done("jobs", "step", job, "--json", "--script", "n 2 g $ s r l 1 w").lines
    assert [line["at"] for line in lines[:3]] == ["begin", "call", "end"]
    assert lines[1]["recorded"]["function"] == "report_progress"
    assert (lines[2]["exit"], lines[2]["recorded"]) == ("completed", "completed")
    assert lines[3]["guest_state"]["current"] == 200
    assert lines[4][0]["run"] == 1
    assert lines[5][-1]["function"] == "checkpoint"


def test_stepping_changes_nothing(perdure: CommandLine, job: str) -> None:
    before = perdure.done("log", "export").out
    perdure.done("jobs", "step", job, "--script", "g $ g 1 s a l")
    assert perdure.done("log", "export").out == before


def test_a_mistake_ends_a_script_with_its_code(perdure: CommandLine, job: str) -> None:
    for script in ("zzz", "g", "g x", "n -1", "/", "'", "e 1", "r 7", "g 99999999999999999999"):
        answer = perdure("jobs", "step", job, "--script", script)
        assert answer.code == ExitCode.USAGE, (script, answer)
        assert answer.err.count("\n") == 1
    assert perdure("jobs", "step", job, "--run", 2).code == ExitCode.UNKNOWN
    assert perdure("jobs", "step", job, "--run", 0).code == ExitCode.USAGE


def test_stepping_while_another_process_works_on_the_folder(perdure: CommandLine, job: str) -> None:
    words = ("jobs", "step", job, "--script", "g 12")
    with LmdbEventStore.open(perdure.data), perdure.process(*words) as child:
        out, _ = child.communicate(timeout=TIMEOUT)
    assert child.returncode == 0
    assert "     12  " in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", [Said("n")]),
        ("   ", [Said("n")]),
        ("n n g 12 s", [Said("n"), Said("n"), Said("g", 12), Said("s")]),
        ("n 5 p3", [Said("n", 5), Said("p", 3)]),
        ("g $", [Said("g", -1)]),
        ("g$ e7", [Said("g", -1), Said("e", 7)]),
        ("/text '?two words' /n", [Said("/", text="text"), Said("?", text="two words"), Said("/", text="n")]),
        ("r l 3 r 2", [Said("r"), Said("l", 3), Said("r", 2)]),
    ],
)
def test_what_may_be_said(line: str, said: list[Said]) -> None:
    assert understood(line) == said


@pytest.mark.parametrize("line", ["x", "nn", "g", "e", "g n", "cc", "/", "?", "n 1 x", '"', "e $", "g ٣", "s1"])
def test_what_is_not_understood(line: str) -> None:
    with pytest.raises(Misunderstood):
        understood(line)


def test_each_command_does_something(perdure: CommandLine, job: str) -> None:
    for name in COMMANDS:
        word = {"g": "g 3", "e": "e 5", "/TEXT": "/items", "?TEXT": "?items"}.get(name, name)
        perdure.done("jobs", "step", job, "--script", f"g 20 {word}")


def test_the_example_can_be_forked_by_a_folder_of_its_own_version(perdure: CommandLine, job: str) -> None:
    assert perdure.done("jobs", "fork", job, "--at", 9, "--module", COUNTER, "--json").json["items"] == 200
