"""`perdure run`, within this process."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
from tests.support.command_line import COUNTER, QUICK, CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.job_events import LIBRARY
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import RETURN_COMPLETED, RETURN_FAILED, RETURN_INTERRUPTED, forever

STATE = json.dumps(QUICK)


def test_a_job_runs_to_its_end(perdure: CommandLine) -> None:
    answer = perdure.done("run", COUNTER, "counter", "--state", STATE)
    assert answer.out.startswith("completed  counter:counter  ")
    assert "Counted 200/200" in answer.out
    assert "200 items, 12.5 KiB, 0 warnings, 2 checkpoints, 1 attempt" in answer.out
    assert is_plain(answer.out)
    assert is_plain(answer.err)


def test_a_job_as_json(perdure: CommandLine) -> None:
    job = perdure.run_counter()
    assert job["status"] == "completed"
    assert (job["items"], job["bytes"], job["warnings"], job["checkpoints"]) == (200, 12_800, 0, 2)
    assert (job["attempts"], job["error"], job["progress"], job["message"]) == (1, None, 1.0, "Counted 200/200")
    assert (job["job_type"], job["extension"]) == ("counter:counter", "counter")
    assert job["fuel"] > 0
    assert job["timings"]["ended"] >= job["timings"]["started"] >= job["timings"]["dispatched"]


def test_json_stands_alone_on_standard_output(perdure: CommandLine) -> None:
    answer = perdure.done("run", COUNTER, "counter", "--state", STATE, "--json")
    assert answer.err == ""
    assert len(answer.out.splitlines()) == 1


def test_the_state_from_a_file_and_from_standard_input(perdure: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"target": 30, "work": 0}')
    assert perdure.done("run", COUNTER, "counter", "--state", f"@{file}", "--json").json["items"] == 30
    answer = perdure.done("run", "counter", "counter", "--state", "-", "--json", stdin='{"target": 20, "work": 0}')
    assert answer.json["items"] == 20


@pytest.mark.parametrize("state", ["{", "", "{'target': 1}", "nope", "\udcff"])
def test_a_state_that_is_no_json(perdure: CommandLine, state: str) -> None:
    answer = perdure("run", COUNTER, "counter", "--state", state)
    assert answer.code == 2
    assert re.fullmatch(r"perdure: the state is not valid JSON: .*\n", answer.err)
    assert perdure.job() is None


def test_a_state_file_that_is_not_there(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure("run", COUNTER, "counter", "--state", f"@{tmp_path}/none")
    assert (answer.code, answer.err) == (2, f"perdure: --state @{tmp_path}/none: No such file or directory\n")


def test_a_state_that_the_guest_refuses(perdure: CommandLine) -> None:
    answer = perdure("run", COUNTER, "counter", "--state", '{"target": "many"}', "--json")
    assert (answer.code, answer.json["status"], answer.json["error"]["kind"]) == (1, "failed", "guest_failed")
    job = answer.json["job_id"]
    assert f"see 'perdure jobs show {job}', try again with 'perdure jobs retry {job}'" in answer.err


def test_fuel(perdure: CommandLine) -> None:
    answer = perdure("run", COUNTER, "counter", "--fuel", 100_000, "--json")
    error = answer.json["error"]
    assert (answer.code, error["kind"], error["limit"]["value"]) == (1, "out_of_fuel", 100_000)


def test_timeout(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("loop", forever() + RETURN_COMPLETED)
    folder = write_extension(tmp_path / "acme", wat.module())
    answer = perdure("run", folder, "loop", "--timeout", 0.05, "--json")
    error = answer.json["error"]
    assert (answer.code, error["kind"], error["limit"]["value"]) == (1, "timeout", 50)


def test_memory_is_what_was_asked_for_within_the_manifest(perdure: CommandLine) -> None:
    asked = perdure.run_counter(QUICK, "--memory", 2)["job_id"]
    assert perdure.done("jobs", "show", asked, "--json").json["limits"]["memory_bytes"] == 2 << 20
    most = perdure.run_counter(QUICK, "--memory", 4096)["job_id"]
    assert perdure.done("jobs", "show", most, "--json").json["limits"]["memory_bytes"] == 16 << 20
    default = perdure.run_counter(QUICK, "--fuel", 10**12)["job_id"]
    assert perdure.done("jobs", "show", default, "--json").json["limits"]["memory_bytes"] == 16 << 20


def test_library(perdure: CommandLine) -> None:
    assert perdure.run_counter(QUICK, "--library", LIBRARY)["library_id"] == str(LIBRARY)


def test_a_library_that_the_manifest_does_not_allow(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("nothing", RETURN_COMPLETED)
    folder = write_extension(tmp_path / "acme", wat.module(), permissions={"libraries": [str(LIBRARY)]})
    assert perdure("run", folder, "nothing").code == 2
    assert perdure("run", folder, "nothing", "--library", LIBRARY).code == 0


def test_retries(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("fails", RETURN_FAILED)
    folder = write_extension(tmp_path / "acme", wat.module())
    answer = perdure("run", folder, "fails", "--retries", 1, "--json")
    assert (answer.code, answer.json["attempts"], answer.json["failures"]) == (1, 2, 2)


def test_a_guest_that_stops_by_itself_leaves_a_paused_job(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("rests", RETURN_INTERRUPTED)
    answer = perdure("run", write_extension(tmp_path / "acme", wat.module()), "rests")
    assert answer.code == 6
    assert answer.out.startswith("paused  acme:rests  ")
    assert "lets it go on" in answer.err


def test_an_installed_id_wins_over_a_folder_of_that_name(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perdure.run_counter()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counter").mkdir()
    assert perdure("run", "counter", "counter", "--state", STATE).code == 0
    assert perdure("run", "./counter", "counter", "--state", STATE).code == 3


def test_a_folder_in_the_working_directory(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wat = RuntimeWat()
    wat.job("nothing", RETURN_COMPLETED)
    write_extension(tmp_path / "acme", wat.module())
    monkeypatch.chdir(tmp_path)
    assert perdure("run", "acme", "nothing").code == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "nothing", "job"), 7, "extension 'nothing' is not installed (none is installed)"),
        (("run", "./nothing", "job"), 3, "is not a folder"),
        (("run", COUNTER, "nope"), 7, "there is no job type 'counter:nope'"),
        (("run", COUNTER), 2, "Missing argument 'JOB'"),
        (("run", COUNTER, "counter", "--fuel", "0"), 2, "--fuel"),
        (("run", COUNTER, "counter", "--fuel", str(2**70)), 2, "fuel"),
        (("run", COUNTER, "counter", "--timeout", "-1"), 2, "--timeout"),
        (("run", COUNTER, "counter", "--timeout", "nan"), 2, "--timeout"),
        (("run", COUNTER, "counter", "--timeout", "inf"), 2, "--timeout"),
        (("run", COUNTER, "counter", "--retries", "-1"), 2, "--retries"),
        (("run", COUNTER, "counter", "--library", "here"), 2, "--library"),
        (("run", COUNTER, "counter", "--metrics-port", "70000"), 2, "--metrics-port"),
    ],
)
def test_wrong_use(perdure: CommandLine, words: tuple[str, ...], code: int, says: str) -> None:
    answer = perdure(*words)
    assert answer.code == code
    assert says in answer.err
    assert re.fullmatch(r"perdure: [^\n]*\n", answer.err)
    assert answer.out == ""


@pytest.mark.parametrize("module", [b"", b"not wasm", b"\0asm\x01\0\0", b"\0asm\x0d\0\x01\0"])
def test_a_module_that_is_none(perdure: CommandLine, tmp_path: Path, module: bytes) -> None:
    answer = perdure("run", write_extension(tmp_path / "acme", module), "job")
    assert answer.code == 3
    assert re.fullmatch(r"perdure: [^\n]*\n", answer.err)


def test_other_unfinished_jobs_are_mentioned(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("rests", RETURN_INTERRUPTED)
    perdure("run", write_extension(tmp_path / "acme", wat.module()), "rests")
    answer = perdure.done("run", COUNTER, "counter", "--state", STATE)
    assert answer.err.startswith("perdure: 1 unfinished job in this folder: perdure resume\n")


def test_what_a_guest_says_cannot_reach_the_terminal_as_it_is(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    evil = "\x1b[2J\x1b]0;owned\x07[bold]red[/bold]\nsecond\u202e line"
    wat.job(
        "evil", wat.progress(message=evil) + wat.call("job_add_warning", wat.job_id, wat.text(evil)) + RETURN_COMPLETED
    )
    answer = perdure.done("run", write_extension(tmp_path / "acme", wat.module()), "evil")
    assert is_plain(answer.out + answer.err)
    assert "[bold]red[/bold] second" in answer.out
    job = perdure.job()["job_id"]
    for words in (("jobs", "list"), ("jobs", "show", job), ("log", "history", job), ("log", "tail", "--no-follow")):
        shown = perdure.done(*words)
        assert is_plain(shown.out + shown.err), words
    assert perdure.job()["message"] == evil  # programs get what was said


def test_manifest_warnings_are_shown(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("nothing", RETURN_COMPLETED)
    folder = write_extension(tmp_path / "acme", wat.module(), permissions={"metods": []})
    answer = perdure.done("run", folder, "nothing")
    assert "perdure: warning: manifest.json: the field permissions.metods is unknown and has no effect" in answer.err


def test_a_metrics_port_that_is_taken(perdure: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = perdure("run", COUNTER, "counter", "--state", STATE, "--metrics-port", port)
    assert answer.code == 2
    assert f"port {port}" in answer.err
    assert perdure.job() is None
