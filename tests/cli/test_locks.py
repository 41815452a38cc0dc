"""Locked credentials at the command line: each command is a process of its own, and asks for the passphrase itself."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.command_line import ROOT, CommandLine
from tests.support.job_history import events_of
from tests.support.locked_process import MOMENTS, PASSPHRASE, QUICK
from tests.support.secret_calls import install_calls, run_calls

from perdure.cli import passphrases
from perdure.runtime import Runtime
from perdure.store.events import ActionAnswered

OTHER, WRONG = "staple of the battery", "wrong horse battery"
STORE = ("action:credentials.store", b'{"name": "two", "credential": {"type": "api_key", "key": "k-123"}}')
GET = ("query:credentials.get", b'{"name": "two"}')


@pytest.fixture
def job(perdure: CommandLine, tmp_path: Path) -> UUID:
    """A job of ``notes`` that stored a credential and got it."""
    with Runtime.open(perdure.data, settings=QUICK) as runtime:
        install_calls(runtime, tmp_path, STORE, GET)
        return run_calls(runtime).job_id


@pytest.fixture
def locked(perdure: CommandLine, job: UUID) -> UUID:
    """The same, locked since."""
    with Runtime.open(perdure.data, settings=QUICK) as runtime:
        runtime.call("action:credentials.set_passphrase", {"extension": "notes", "passphrase": PASSPHRASE})
    return job


@pytest.fixture
def word(tmp_path: Path) -> Callable[[str], Path]:
    """A file with a passphrase."""

    def write(text: str) -> Path:
        path = tmp_path / text.replace(" ", "-")
        path.write_text(f"{text}\nand a line that is none\n")
        return path

    return write


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, *typed: str) -> list[str]:
    """Somebody is there and types this; returns what they were asked."""
    asked: list[str] = []
    answers = iter(typed)

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr(getpass, "getpass", answer)
    monkeypatch.setattr(passphrases, "is_interactive", lambda invocation: True)
    return asked


def test_setting_changing_and_removing_by_files(perdure: CommandLine, job: UUID, word: Callable[[str], Path]) -> None:
    command = ("credentials", "passphrase", "notes")
    assert perdure(*command).code == 11  # nobody to ask
    assert "is set" in perdure.done(*command, "--passphrase-file", word(PASSPHRASE)).err
    assert perdure(*command, "--passphrase-file", word(PASSPHRASE)).code == 2  # to change it takes two
    wrong = perdure(*command, "--passphrase-file", word(WRONG), "--new-passphrase-file", word(OTHER))
    assert wrong.code == 20
    done = perdure.done(*command, "--passphrase-file", word(PASSPHRASE), "--new-passphrase-file", word(OTHER), "--json")
    assert done.json == {"extension": "notes", "passphrase": "changed"}
    assert perdure(*command, "--remove", "--passphrase-file", word(PASSPHRASE)).code == 20
    assert "removed" in perdure.done(*command, "--remove", "--passphrase-file", word(OTHER)).err
    assert perdure(*command, "--remove", "--passphrase-file", word(OTHER)).code == 25
    assert perdure("credentials", "passphrase", "nots", "--passphrase-file", word(OTHER)).code == 25


def test_at_a_terminal(perdure: CommandLine, job: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = at_a_terminal(monkeypatch, PASSPHRASE, WRONG)
    assert perdure("credentials", "passphrase", "notes").code == 2  # the two differ
    assert len(asked) == 2
    at_a_terminal(monkeypatch, PASSPHRASE, PASSPHRASE)
    perdure.done("credentials", "passphrase", "notes")
    asked = at_a_terminal(monkeypatch, WRONG, PASSPHRASE)
    said = perdure.done("credentials", "unlock", "notes")
    assert len(asked) == 2
    assert "this is not it; 2 more" in said.err
    assert "no job of notes waits" in said.err
    asked = at_a_terminal(monkeypatch, WRONG, WRONG, WRONG, PASSPHRASE)
    assert perdure("credentials", "unlock", "notes").code == 20
    assert len(asked) == 3
    asked = at_a_terminal(monkeypatch, PASSPHRASE)
    assert str(perdure.done("verify", job).code) == "0"
    assert asked == ["Passphrase of the credentials of notes: "]
    everything = perdure.done("log", "export").out + said.err + said.out
    assert not any(text in everything for text in (PASSPHRASE, WRONG))


def test_files_that_hold_none(perdure: CommandLine, locked: UUID, tmp_path: Path) -> None:
    for content in (b"", b"\nsecond line", b"\xff\xfe\xff"):
        (tmp_path / "bad").write_bytes(content)
        answer = perdure("credentials", "unlock", "notes", "--passphrase-file", tmp_path / "bad")
        assert (answer.code, "second" in answer.err) == (2, False)
    assert perdure("credentials", "unlock", "notes", "--passphrase-file", tmp_path / "not there").code == 2
    assert perdure("credentials", "unlock", "other", "--passphrase-file", tmp_path / "bad").code == 10


def test_calling(
    perdure: CommandLine, locked: UUID, word: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("call", "query:credentials.get", '{"name": "two"}', "--as", "notes", "--json")
    refused = perdure(*command)
    assert refused.code == 27
    assert "perdure credentials unlock notes" in refused.err
    assert perdure.done(*command, "--passphrase-file", word(PASSPHRASE)).json["credential"]["key"] == "k-123"
    monkeypatch.setenv("PERDURE_PASSPHRASE_FILE", str(word(PASSPHRASE)))
    assert perdure.done(*command).json["credential"]["key"] == "k-123"
    by_host = ("call", "query:credentials.get", '{"name": "two", "extension": "notes"}', "--json")
    assert perdure.done(*by_host).json["credential"]["key"] == "k-123"


def test_verifying(perdure: CommandLine, locked: UUID, word: Callable[[str], Path]) -> None:
    answer = perdure("verify", locked)
    assert answer.code == 13
    assert "--passphrase-file" in answer.err
    assert "perdure credentials unlock notes" in answer.out
    perdure.done("verify", locked, "--passphrase-file", word(PASSPHRASE))
    assert perdure("verify", locked, "--passphrase-file", word(WRONG)).code == 20
    assert perdure("verify", "--all").code == 13
    perdure.done("verify", "--all", "--passphrase-file", word(PASSPHRASE))


def test_exporting_and_stepping(
    perdure: CommandLine, locked: UUID, word: Callable[[str], Path], tmp_path: Path
) -> None:
    bundle = tmp_path / "job.perdure"
    perdure.done("log", "export", locked, "-o", bundle)  # what is sealed stays so, and needs no passphrase
    assert perdure("verify", bundle, "--with-keys").code == 13
    perdure.done("verify", bundle, "--with-keys", "--passphrase-file", word(PASSPHRASE))
    refused = perdure("log", "export", locked, "-o", bundle, "--with-secrets")
    assert refused.code == 10
    assert "locked" in refused.err
    perdure.done("log", "export", locked, "-o", bundle, "--with-secrets", "--passphrase-file", word(PASSPHRASE))
    assert perdure("verify", bundle).code == 13  # its copies are taken on trust, as ever
    last = ("jobs", "step", locked, "--script", "n 9", "--passphrase-file")
    assert "locked" not in perdure.done(*last, word(PASSPHRASE)).out
    assert "locked" in perdure.done(*last[:-1]).out


def test_erasing_takes_no_passphrase(perdure: CommandLine, locked: UUID) -> None:
    perdure.done("keys", "rotate")
    perdure.done("log", "check")
    perdure.done("keys", "erase", "--extension", "notes", "--yes")
    assert not [path for path in (perdure.data / "keys").iterdir() if path.name.startswith("lock")]
    perdure.done("log", "check")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_is_killed_and_the_next_ones_have_no_passphrase_at_first(
    moment: str, perdure: CommandLine, tmp_path: Path, word: Callable[[str], Path]
) -> None:
    command = [sys.executable, "-m", "tests.support.locked_process", str(tmp_path), moment]
    assert subprocess.run(command, cwd=ROOT, env=os.environ, check=False).returncode == -signal.SIGKILL
    (state,) = perdure.done("jobs", "list", "--json").json
    job = state["job_id"]
    if moment != "action.before_outcome":  # there the log may not have the credential yet
        for _ in range(2):
            waits = perdure("resume")
            assert waits.code == 6
            assert "is suspended: the credentials of notes are locked" in waits.err
        assert "locked; unlock them" in perdure.done("jobs", "show", job).out
    done = perdure.done("credentials", "unlock", "notes", "--passphrase-file", word(PASSPHRASE), "--json").json
    assert [one["status"] for one in done] == ["completed"]
    perdure.done("verify", job, "--passphrase-file", word(PASSPHRASE))
    perdure.done("log", "check")
    with Runtime.open(perdure.data) as runtime:
        stored = events_of(runtime.job(UUID(job)), ActionAnswered)
        assert [(event.method, event.code) for event in stored] == [("action:credentials.store", "")]
