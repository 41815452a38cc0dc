"""`perdure verify`, which does its work in processes of its own, as it always does."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.command_line import ENDLESS, CommandLine, is_plain
from tests.support.waiting import TIMEOUT, eventually

from perdure.cli.verify_children import Finding, finding_of, verify_many
from perdure.cli.verify_command import _moment
from perdure.runtime.proof.ledger import LEDGER_FILE
from perdure.server.verifying.child import VerifyChild, no_steps
from perdure.server.verifying.process import LOG, Order
from perdure.store import LmdbEventStore
from perdure.store import events as ev

NOBODY = "0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12"


@pytest.fixture
def job(perdure: CommandLine) -> str:
    """A counter that has counted to 200."""
    return str(perdure.run_counter()["job_id"])


def differing(perdure: CommandLine) -> str:
    """A job whose guest's only event is none that it leaves: its history cannot be true."""
    (job,) = perdure.done("jobs", "list", "--json").json[-1:]
    identifier = NOBODY
    with LmdbEventStore.open(perdure.data) as store:
        events = [stored.event for stored in store.read(ev.job_stream(job["job_id"]))]
        dispatched, started = events[:2]
        assert isinstance(dispatched, ev.JobDispatched)
        forged = msgspec.structs.replace(dispatched, job_id=UUID(identifier))
        store.append(ev.job_stream(identifier), [forged, started, ev.WarningAdded(1, 7, "forged"), ev.JobCompleted(9)])
    return identifier


# --- one job ---------------------------------------------------------------------------------------------------------


def test_a_job_is_proved(perdure: CommandLine, job: str) -> None:
    answer = perdure.done("verify", job)
    first, *lines = answer.out.splitlines()
    assert first == f"proved: job {job} (counter:counter, completed), from its log"
    labels = [line[2:16].strip() for line in lines]
    assert labels[:5] == ["chain", "run again", "calls", "fuel", "answers"]
    assert "605 events" in lines[0]
    assert "802 host calls, 603 events" in lines[1]
    assert is_plain(answer.out)


def test_a_proof_as_json(perdure: CommandLine, job: str) -> None:
    proof = perdure.done("verify", job, "--json").json
    assert (proof["verdict"], proof["compared"]["calls"], proof["projection"]) == ("proved", 802, "equal")
    assert proof["compared"]["fuel"] > 0
    assert proof["runs"][0]["end"] == "completed"


def test_a_difference_is_shown_and_has_a_code(perdure: CommandLine, job: str) -> None:
    forged = differing(perdure)
    answer = perdure("verify", forged)
    assert answer.code == 12
    assert answer.out.startswith(f"differs: job {forged}")
    assert "host call 1 of run 1, event 3" in answer.out
    assert "forged" in answer.out
    as_json = perdure("verify", forged, "--json")
    assert as_json.code == 12
    assert as_json.json["difference"]["recorded"] == {"function": "add_warning", "message": "forged"}


def test_while_another_process_works_on_the_folder(perdure: CommandLine) -> None:
    with perdure.running(ENDLESS, 300) as writer:
        proof = perdure.done("verify", perdure.job()["job_id"], "--json").json
        assert (proof["verdict"], proof["status"]) == ("proved", "running")
        assert proof["runs"][0]["end"] == "unfinished"
        writer.send_signal(signal.SIGINT)
        writer.wait(TIMEOUT)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        ((NOBODY,), 7),
        (("nothing.perdure",), 2),
        ((NOBODY, "--all"), 2),
        ((NOBODY, "--again"), 2),
        ((NOBODY, "--workers", 2), 2),
        (("--all", "--since", "yesterday"), 2),
        (("--all", "--since", "0001-01-01"), 2),
        (("--all", "--with-keys"), 2),
    ],
)
def test_wrong_use(perdure: CommandLine, job: str, words: tuple[object, ...], code: int) -> None:
    answer = perdure("verify", *words)
    assert answer.code == code, answer
    assert answer.err.startswith("perdure: ")


def test_nothing_has_run_yet(perdure: CommandLine) -> None:
    assert perdure("verify", NOBODY).code == 7
    assert perdure("verify", "--all").code == 7


# --- bundles ---------------------------------------------------------------------------------------------------------


def test_a_bundle_is_proved_without_the_data(perdure: CommandLine, job: str, tmp_path: Path) -> None:
    path = tmp_path / "job.perdure"
    exported = perdure.done("log", "export", job, "-o", path)
    assert "605 events, 1 blob" in exported.err
    elsewhere = CommandLine(tmp_path / "elsewhere")
    answer = elsewhere.done("verify", path)
    assert answer.out.startswith(f"proved: job {job} (counter:counter, completed), from its bundle")
    assert not elsewhere.data.exists(), "verifying a bundle wrote something"


def test_a_damaged_bundle(perdure: CommandLine, job: str, tmp_path: Path) -> None:
    path = tmp_path / "job.perdure"
    perdure.done("log", "export", job, "-o", path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    answer = perdure("verify", path)
    assert answer.code == 8
    assert "cannot be used: at byte" in answer.err


def test_a_bundle_is_one_jobs(perdure: CommandLine, job: str, tmp_path: Path) -> None:
    assert perdure("log", "export", "-o", tmp_path / "all.perdure").code == 2
    assert perdure("log", "export", job, "-o", tmp_path / "job.jsonl", "--with-secrets").code == 2
    perdure.done("log", "export", job, "-o", tmp_path / "job.jsonl")
    assert len((tmp_path / "job.jsonl").read_text().splitlines()) == 605


# --- all of them -----------------------------------------------------------------------------------------------------


def test_all_jobs(perdure: CommandLine, job: str) -> None:
    perdure.run_counter()
    answer = perdure.done("verify", "--all", "--workers", 2)
    assert answer.out.startswith("2 jobs verified (2 proved), 1,210 events")


def test_it_goes_on_where_it_was(perdure: CommandLine, job: str) -> None:
    perdure.done("verify", "--all")
    other = perdure.run_counter()["job_id"]
    summary = perdure.done("verify", "--all", "--json").json
    assert (summary["verified"], summary["proved_before"]) == (1, 1)
    assert perdure.done("verify", "--all", "--json").json["proved_before"] == 2
    assert perdure.done("verify", "--all", "--again", "--json").json["verified"] == 2
    ledger = perdure.data / LEDGER_FILE
    assert str(other) in ledger.read_text()
    # A crash may leave a part of a line, and anybody may write rubbish.
    lines = [line for line in ledger.read_bytes().splitlines() if line]
    ledger.write_bytes(lines[0] + b"\n" + lines[1][:40] + b"\n\xff\xff{}\n[]\n")
    summary = perdure.done("verify", "--all", "--json").json
    assert (summary["verified"], summary["proved_before"]) == (1, 1)


def test_a_job_that_went_on_is_verified_again(perdure: CommandLine, job: str) -> None:
    perdure.done("verify", "--all")
    with LmdbEventStore.open(perdure.data) as store:
        events = [stored.event for stored in store.read(ev.job_stream(job))]
        assert isinstance(events[-1], ev.JobCompleted)
    ledger = perdure.data / LEDGER_FILE
    ledger.write_text(ledger.read_text().replace('"hash":"', '"hash":"0'))
    assert perdure.done("verify", "--all", "--json").json["verified"] == 1


def test_those_that_are_not_proved_are_named_and_looked_at_again(perdure: CommandLine, job: str) -> None:
    forged = differing(perdure)
    for _ in range(2):
        answer = perdure("verify", "--all")
        assert answer.code == 12
        assert "1 differs" in answer.out
        assert f"job {forged}: differs: run 1, call 1, event 3" in answer.err
    (not_proved,) = perdure("verify", "--all", "--json").json["not_proved"]
    assert not_proved["job_id"] == forged


def test_only_recent_ones(perdure: CommandLine, job: str) -> None:
    assert perdure.done("verify", "--all", "--since", "2100-01-01", "--json").json["verified"] == 0
    assert perdure.done("verify", "--all", "--since", "1h", "--json").json["verified"] == 1


def test_moments() -> None:
    assert _moment("30m", 10_000.0) == (10_000 - 1_800) * 1_000_000
    assert _moment("1970-01-02T00:00:00+00:00", 0.0) == 86_400 * 1_000_000


def test_folded_ones_are_counted_and_a_single_one_is_refused(perdure: CommandLine, job: str) -> None:
    perdure.done("jobs", "fold", "--older-than", "0d")
    summary = perdure.done("verify", "--all", "--json").json
    assert (summary["verified"], summary["folded"]) == (0, 1)
    answer = perdure("verify", job)
    assert answer.code == 10
    assert "folded" in answer.err


# --- the children ----------------------------------------------------------------------------------------------------


def _order(perdure: CommandLine) -> Order:
    return Order(kind=LOG, folder=str(perdure.data))


def test_a_child_that_dies_is_an_answer_and_the_next_one_goes_on(perdure: CommandLine, job: str) -> None:
    with VerifyChild(_order(perdure)) as child:
        assert child.verify(job).proof is not None
        process = child._process
        assert process is not None
        os.kill(process.pid, signal.SIGABRT)
        process.wait(TIMEOUT)
        died = finding_of(child.verify(job))
        assert (died.proof, died.code) == (None, 8)
        assert "SIGABRT" in died.error
        again = child.verify(job)
        assert again.proof is not None


def test_a_child_ends_with_whoever_asked_it(perdure: CommandLine, job: str) -> None:
    with VerifyChild(_order(perdure)) as child:
        assert child.verify(job).proof is not None
        process = child._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()  # as the kernel does for one that was killed
        assert process.wait(TIMEOUT) == 0


def test_a_job_that_takes_too_long_is_given_up(perdure: CommandLine, job: str) -> None:
    with VerifyChild(_order(perdure), timeout=0.001) as child:
        outcome = finding_of(child.verify(job))
    assert (outcome.proof, outcome.code) == (None, 13)
    assert "--timeout" in outcome.error


def test_a_timer_that_is_late_ends_no_other_job(
    perdure: CommandLine, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VerifyChild(_order(perdure), timeout=TIMEOUT) as child:
        answered = child._answered

        def with_a_late_timer(*arguments: Any) -> Any:
            outcome = answered(*arguments)
            child._too_late()
            return outcome

        with monkeypatch.context() as patch:
            patch.setattr(child, "_answered", with_a_late_timer)
            assert child.verify(job).proof is not None
        assert child.verify(job).proof is not None


def test_a_child_that_dies_in_the_middle_of_an_answer_has_died(perdure: CommandLine) -> None:
    told = io.BytesIO(b'{"type":"step","done":1,"events":9}\n{"type":"outc')
    process: Any = SimpleNamespace(stdin=io.BytesIO(), stdout=told)
    with VerifyChild(_order(perdure)) as child:
        assert child._answered(process, NOBODY, no_steps) is None


def test_closing_ends_the_children(perdure: CommandLine, job: str) -> None:
    found = verify_many(_order(perdure), [UUID(job)] * 50, 2, None)
    first = next(found)
    found.close()
    assert isinstance(first[1], Finding)


def test_ctrl_c_ends_it_and_it_goes_on(perdure: CommandLine) -> None:
    for _ in range(3):
        perdure.run_counter({"target": 2000, "work": 0})
    with perdure.process("verify", "--all", "--workers", 1) as child:
        ledger = perdure.data / LEDGER_FILE
        eventually(lambda: ledger.exists() and "proved" in ledger.read_text())
        child.send_signal(signal.SIGINT)
        assert child.wait(TIMEOUT) in (0, 130)
    before = perdure.done("verify", "--all", "--json").json
    assert before["proved_before"] >= 1
    assert before["verified"] + before["proved_before"] == 3
