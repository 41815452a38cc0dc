"""What holds for every command: the global options, help, one line an error, exit codes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import typer
from tests.support.command_line import CommandLine
from tests.support.job_events import dispatched, failure, job_id, started

from perdure.cli import doctor, jobs_commands
from perdure.cli.app import app
from perdure.cli.data_folder import data_folder
from perdure.cli.error_codes import CODES, exit_code
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import MEANINGS, ExitCode
from perdure.cli.foreground import code_for
from perdure.runtime import errors as runtime_errors
from perdure.runtime.wasm.errors import UnsafeCacheFolder
from perdure.store import DiskFull, StoreLocked, fold
from perdure.store import events as ev


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = command or typer.main.get_command(app)
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = [path for path, _ in commands()]


def test_the_commands() -> None:
    assert {" ".join(path) for path, command in commands() if not hasattr(command, "commands")} == {
        *("new", "build", "dev", "pack", "serve"),
        "run",
        "resume",
        *(f"extensions {name}" for name in ("list", "install", "inspect", "update", "grant", "permissions")),
        *(f"extensions {name}" for name in ("config", "budgets", "rehearse", "remove")),
        *(f"operations {name}" for name in ("client", "list", "show")),
        "call",
        *(f"keys {name}" for name in ("rotate", "public", "erase")),
        *(f"keys publisher {name}" for name in ("new", "show", "export", "rotate")),
        *(f"jobs {name}" for name in ("list", "show", "watch", "pause", "resume", "cancel", "retry", "resolve")),
        *(f"jobs {name}" for name in ("fork", "step", "fold")),
        *(f"log {name}" for name in ("tail", "history", "diff", "export", "check", "seal")),
        *(f"log {name}" for name in ("backup", "restore", "compact", "upgrade")),
        *(f"folders {name}" for name in ("share", "list", "unshare")),
        *(f"library {name}" for name in ("list", "get")),
        *(f"credentials {name}" for name in ("list", "audit", "passphrase", "unlock")),
        *(f"tokens {name}" for name in ("create", "list", "revoke")),
        "verify",
        "doctor",
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help(perdure: CommandLine, path: tuple[str, ...]) -> None:
    answer = perdure.done(*path, "--help")
    assert "Usage: perdure" in answer.out
    for option in ("--data", "--json", "--debug"):
        assert option in answer.out
    assert not perdure.data.exists()


def test_everything_is_explained() -> None:
    for path, command in commands():
        assert command.help, path
        for param in command.params:
            assert getattr(param, "help", None), (path, param.name)


@pytest.mark.parametrize("path", [(), ("jobs",), ("extensions",), ("log",)])
def test_a_group_alone_prints_its_help(perdure: CommandLine, path: tuple[str, ...]) -> None:
    answer = perdure(*path)
    assert (answer.code, answer.err) == (2, "")
    assert "Usage: perdure" in answer.out


def test_version(perdure: CommandLine) -> None:
    assert re.fullmatch(r"perdure \d+\.\d+\.\d+\n", perdure.done("--version").out)


# --- the global options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("--data", "{}", "--json", "jobs", "list"),
        ("jobs", "--data", "{}", "--json", "list"),
        ("jobs", "list", "--data", "{}", "--json"),
        ("--json", "jobs", "--data", "{}", "list"),
        ("--data", "/nowhere", "jobs", "list", "--json", "--data={}"),
    ],
)
def test_global_options_stand_anywhere(perdure: CommandLine, tmp_path: Path, words: tuple[str, ...]) -> None:
    job = perdure.run_counter()
    elsewhere = CommandLine(tmp_path / "elsewhere")
    answer = elsewhere.done(*(word.format(perdure.data) for word in words))
    assert [one["job_id"] for one in answer.json] == [job["job_id"]]
    assert not elsewhere.data.exists()


def test_where_the_data_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder(str(tmp_path), {"PERDURE_DATA": "/other"}) == tmp_path
    assert data_folder(None, {"PERDURE_DATA": str(tmp_path)}) == tmp_path
    assert data_folder(None, {}) == platformdirs.user_data_path("perdure", appauthor=False)
    assert data_folder(None, {"PERDURE_DATA": ""}) == platformdirs.user_data_path("perdure", appauthor=False)
    monkeypatch.chdir(tmp_path)
    assert data_folder("here", {}) == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder("~/there", {}) == tmp_path / "there"


@pytest.mark.parametrize("words", [("jobs", "list"), ("doctor",), ("run", "x", "y"), ("log", "check")])
def test_a_data_folder_that_is_a_file(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.touch()
    answer = CommandLine(file)(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"perdure: {file} is not a folder; name one with --data or PERDURE_DATA\n"


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nope",), "No such command 'nope'"),
        (("jobs", "nope"), "No such command 'nope'"),
        (("jobs", "list", "--nope"), "No such option"),
        (("jobs", "show"), "Missing argument 'JOB'"),
        (("jobs", "list", "--limit", "many"), "--limit"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_help(perdure: CommandLine, words: tuple[str, ...], says: str) -> None:
    answer = perdure(*words)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert re.fullmatch(r"perdure: [^\n]*; see 'perdure[^\n]* --help'\n", answer.err)


def fails_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(doctor, "diagnose", fail)


def test_a_defect_is_one_line_too(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(monkeypatch, ZeroDivisionError("a\nb \x1b[31m"))
    answer = perdure("doctor")
    assert (answer.code, answer.out) == (9, "")
    assert re.fullmatch(r"perdure: unexpected ZeroDivisionError: a b [^\x1b\n]*; please report it[^\n]*\n", answer.err)


@pytest.mark.parametrize("words", [("--debug", "doctor"), ("doctor", "--debug")])
def test_debug_shows_where(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    fails_with(monkeypatch, ZeroDivisionError("odd"))
    answer = perdure(*words)
    assert answer.code == 9
    assert answer.err.startswith("Traceback (most recent call last):\n")
    assert answer.err.splitlines()[-1].startswith("perdure: unexpected ZeroDivisionError: odd")


def test_debug_shows_the_cause_of_errors_that_were_foreseen(perdure: CommandLine) -> None:
    answer = perdure("jobs", "show", job_id(1), "--debug")
    assert answer.code == 7
    assert "CommandError" in answer.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DiskFull(Path("data")), 8),
        (StoreLocked(Path("data"), 7), 4),
        (runtime_errors.ExtensionDisabled("x"), 10),
        (runtime_errors.InvalidLimits("fuel", 0, "more"), 2),
        (UnsafeCacheFolder(Path("cache"), "is odd"), 8),
        (runtime_errors.RuntimeClosedError(), 9),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 9),
    ],
)
def test_exit_codes_of_errors(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    fails_with(monkeypatch, error)
    answer = perdure("doctor")
    assert answer.code == code
    assert len(answer.err.splitlines()) <= 1


def test_every_error_of_the_packages_has_a_code_on_purpose() -> None:
    kinds = [kind for kind, _ in CODES]
    for number, kind in enumerate(kinds):
        # A base class before its own would hide it.
        assert not any(issubclass(kind, earlier) for earlier in kinds[:number]), kind
    assert exit_code(CommandError("x", ExitCode.UNKNOWN)) is ExitCode.UNKNOWN


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)


def test_the_worst_end_counts() -> None:
    def state(number: int, *events: ev.Event) -> Any:
        job = dispatched(job_id(number))
        return fold(None, [(event, at, at) for at, event in enumerate((job, started(), *events), 1)])

    done = state(1, ev.JobCompleted(1))
    failed = state(2, ev.JobFailed(failure(), 1))
    cancelled = state(3, ev.JobCancelled(forced=False, fuel=1))
    paused = state(4, ev.JobPaused(forced=False, fuel=1))
    assert code_for([done, done]) == 0
    assert code_for([done, paused]) == 6
    assert code_for([done, paused, cancelled]) == 5
    assert code_for([done, failed, paused, cancelled]) == 1


def test_what_is_logged_is_a_line_without_its_traceback(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def log(*_: object) -> Any:
        try:
            raise ValueError("inner")
        except ValueError:
            logging.getLogger("perdure.test").exception("it went %s", "wrong")
        logging.getLogger("perdure.test").info("unimportant")
        return []

    monkeypatch.setattr(jobs_commands, "job_json", log)
    perdure.run_counter()
    answer = perdure.done("jobs", "list", "--json")
    assert answer.err == "perdure: error: it went wrong\n"
    assert "ValueError: inner" in perdure.done("jobs", "list", "--json", "--debug").err
    handlers = [type(handler).__name__ for handler in logging.getLogger().handlers]
    assert "_NotesHandler" not in handlers
