"""What an extension asks for is shown and asked at the terminal; grants, updates and the use of permissions."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.command_line import Answer, CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat

PING = "query:test.ping"
HELLO = '{"message":"hello"}'
METHODS = ["query:test.", "action:vdfs.", "query:ai.ocr"]
ASKED = {
    "methods": METHODS,
    "network_access": ["api.example.com", "*.example.org"],
    "libraries": [str(UUID(int=0)), str(UUID(int=1))],
    "max_memory_mb": 64,
}


def extension(path: Path, *, version: str = "1.0.0", **permissions: Any) -> Path:
    """An extension whose job ``call`` calls an operation that there is, one that is not granted, and one by mistake."""
    wat = RuntimeWat()
    calls = (
        wat.operation(PING, HELLO),
        wat.operation(PING, HELLO),
        wat.operation("action:vdfs.delete_entry", "{}"),
        wat.operation("query:test.\x1b[2J", "{}"),
    )
    wat.job("call", " ".join(f"(drop {call})" for call in calls) + "(i32.const 0)")
    return write_extension(path / version, wat.module(), version=version, permissions=permissions or ASKED)


def installed(perdure: CommandLine) -> Any:
    return perdure.done("extensions", "inspect", "acme", "--json").json


# --- installing ------------------------------------------------------------------------------------------------------


def test_without_a_terminal_nobody_agrees(perdure: CommandLine, tmp_path: Path) -> None:
    for words in (("extensions", "install"), ("run",)):
        answer = perdure(*words, extension(tmp_path), *(["call"] if words == ("run",) else []))
        assert (answer.code, answer.out) == (11, "")
        *asks, error = answer.err.splitlines()
        assert error == (
            "perdure: acme 1.0.0 asks for permissions, and there is no terminal to ask at; "
            "agree with --yes, and narrow them with --allow, --deny, --host or --library"
        )
        assert [line.split("  (")[-1] for line in asks[1:4]] == ["action:vdfs.)", "*.example.org)", "query:ai.ocr)"]
        assert is_plain(answer.err)
        assert perdure.done("extensions", "list", "--json").json == []


def test_yes_grants_what_is_asked_and_shows_it(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure.done("extensions", "install", extension(tmp_path), "--yes", "--json")
    assert answer.json["grant"]["methods"] == sorted(METHODS)
    assert answer.json["grant"]["hosts"] == ASKED["network_access"]
    assert re.fullmatch(r"cli(:.+)?", answer.json["granted_by"])
    assert "high   create, change and delete files of its libraries  (action:vdfs.)" in answer.err
    assert "not granted" not in answer.err
    assert "granted" in perdure.done("extensions", "inspect", "acme").out


def test_options_take_away(perdure: CommandLine, tmp_path: Path) -> None:
    words = ["--allow", "query:", "--deny", "query:ai.", "--host", "a.example.org", "--library", str(UUID(int=1))]
    words += ["--requests-per-minute", "5", "--concurrent-jobs", "2", "--memory", "16"]
    answer = perdure.done("extensions", "install", extension(tmp_path), "--yes", "--json", *words)
    grant = answer.json["grant"]
    assert (grant["methods"], grant["denied"], grant["hosts"]) == (["query:test."], ["query:ai."], ["a.example.org"])
    assert grant["libraries"] == [str(UUID(int=1))]
    limits = [grant["budgets"][name]["limit"] for name in ("requests_per_minute", "concurrent_jobs", "memory_bytes")]
    assert limits == [5, 2, 16 << 20]
    assert "(action:vdfs.)  not granted" in answer.err
    assert "(*.example.org)  in part" in answer.err
    assert "(api.example.com)  not granted" in answer.err
    assert "denied: query:ai." in answer.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--allow", "query:vdfs."], "--allow query:vdfs.: the extension does not ask for it"),
        (["--allow", "QUERY:"], "--allow QUERY:: it is no operation"),
        (["--deny", "query:test\x1b[31m"], "--deny query:test\ufffd[31m: it is no operation"),
        (["--host", "evil.example.com"], "--host evil.example.com: the extension does not ask for it"),
        (["--host", "https://api.example.com"], "leave https:// out"),
        (["--host", "a.example.org", "--no-network"], "contradict"),
        (["--library", str(UUID(int=2))], "the extension does not ask for it"),
        (["--library", "mine"], "valid UUID"),
        (["--memory", "0"], "memory"),
    ],
)
def test_options_that_make_no_sense(perdure: CommandLine, tmp_path: Path, words: list[str], says: str) -> None:
    answer = perdure("extensions", "install", extension(tmp_path), "--yes", *words)
    assert answer.code == 2
    assert says in answer.err
    assert is_plain(answer.err)
    assert perdure.done("extensions", "list", "--json").json == []


def test_options_for_who_asks_for_nothing_new_are_mentioned(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", extension(tmp_path), "--yes")
    answer = perdure.done("extensions", "install", extension(tmp_path), "--yes", "--no-network")
    assert "perdure extensions grant acme" in answer.err
    assert installed(perdure)["grant"]["hosts"] == ASKED["network_access"]


def test_words_of_a_manifest_cannot_act_on_a_terminal(perdure: CommandLine, tmp_path: Path) -> None:
    folder = extension(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    for field in ("name", "author"):
        (folder / "manifest.json").write_text(json.dumps({**manifest, field: "nice\x1b[1A\u202egrant"}))
        answer = perdure("extensions", "install", folder, "--yes")
        assert answer.code == 3
        assert is_plain(answer.err)


# --- at a terminal ---------------------------------------------------------------------------------------------------


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: what the person's side reads and writes, and what the command has."""
    person, command = pty.openpty()
    try:
        yield person, command
    finally:
        os.close(person)


def at_terminal(perdure: CommandLine, typed: str, *words: object) -> Answer:
    """Run a command at a terminal, where somebody types this when asked."""
    with terminal() as (person, command):
        child = subprocess.Popen(
            [sys.executable, "-m", "perdure.cli", *map(str, words)],
            env=perdure.environment(TERM="dumb"),
            stdin=command,
            stdout=subprocess.PIPE,
            stderr=command,
        )
        os.close(command)
        shown = b""
        asked = False
        while True:
            try:
                data = os.read(person, 65_536)
            except OSError:  # the command has gone, and its end of the terminal with it
                break
            shown += data
            if not asked and b"[y/N]" in shown:
                asked = True
                os.write(person, typed.encode())
        out, _ = child.communicate()
        return Answer(child.returncode, out.decode(), shown.decode().replace("\r\n", "\n"))


def test_a_person_agrees_and_another_does_not(perdure: CommandLine, tmp_path: Path) -> None:
    folder = extension(tmp_path)
    for typed in ("n\n", "\n", "yes, but\n", "\x04"):
        answer = at_terminal(perdure, typed, "extensions", "install", folder)
        assert answer.code == 11
        assert "Install it? [y/N]" in answer.err
        assert "was declined; it is not installed" in answer.err
    answer = at_terminal(perdure, "y\n", "extensions", "install", folder, "--no-network")
    assert answer.code == 0, answer
    assert installed(perdure)["grant"]["hosts"] == []


# --- updates ---------------------------------------------------------------------------------------------------------


def test_an_update_that_asks_for_more_waits(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", extension(tmp_path, methods=["query:test."]), "--yes")
    new = extension(tmp_path, version="2.0.0", methods=["query:test.", "action:vdfs."])
    answer = perdure("extensions", "install", new, "--json")
    assert answer.code == 11
    assert "2.0.0 asks for more than was granted, and waits; 1.0.0 goes on" in answer.err
    assert (answer.json["version"], answer.json["update"]["version"]) == ("1.0.0", "2.0.0")
    assert answer.json["update"]["permissions"]["methods"] == ["query:test.", "action:vdfs."]
    assert "1.0.0 (2.0.0 waits)" in perdure.done("extensions", "list").out
    assert "2.0.0, since" in perdure.done("extensions", "inspect", "acme").out
    ran = perdure.done("run", new, "call", "--json")
    assert ran.json["version"] == "1.0.0"
    assert "2.0.0 asks for more than was granted, and waits; this is 1.0.0" in ran.err
    assert perdure("extensions", "update", "acme").code == 11  # nobody to ask
    assert installed(perdure)["update"] is not None
    answer = perdure.done("extensions", "update", "acme", "--yes", "--json")
    assert (answer.json["version"], answer.json["update"]) == ("2.0.0", None)
    assert answer.json["grant"]["methods"] == ["action:vdfs.", "query:test."]
    assert "(action:vdfs.)  new" in answer.err
    again = perdure("extensions", "update", "acme", "--yes")
    assert again.code == 10
    assert "no new version of extension acme waits for consent" in again.err


def test_an_update_is_declined(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", extension(tmp_path, methods=["query:test."]), "--yes")
    perdure("extensions", "install", extension(tmp_path, version="2.0.0"))
    answer = perdure.done("extensions", "update", "acme", "--decline", "--json")
    assert (answer.json["version"], answer.json["update"]) == ("1.0.0", None)
    summaries = [line["type"] for line in perdure.done("log", "export").lines if "type" in line]
    assert "declined" in summaries


# --- grants ----------------------------------------------------------------------------------------------------------


def test_a_grant_takes_the_place_of_the_one_before(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", extension(tmp_path), "--yes")
    assert perdure("extensions", "grant", "acme", "--deny", "action:").code == 11
    answer = perdure.done("extensions", "grant", "acme", "--deny", "action:", "--yes", "--json")
    assert (answer.json["grant"]["methods"], answer.json["grant"]["denied"]) == (
        ["query:ai.ocr", "query:test."],
        ["action:"],
    )
    assert perdure.done("extensions", "grant", "acme", "--nothing", "--json").json["grant"]["methods"] == []
    assert "no operation; hosts: none" in perdure.done("extensions", "inspect", "acme").out
    assert perdure("extensions", "grant", "acme", "--nothing", "--no-network").code == 2
    everything = perdure.done("extensions", "grant", "acme", "--yes", "--json").json["grant"]
    assert (everything["methods"], everything["denied"]) == (sorted(METHODS), [])
    for command in ("grant", "update", "permissions"):
        assert perdure("extensions", command, "nobody").code == 7


# --- what was used ---------------------------------------------------------------------------------------------------


def test_what_was_used_and_never_used_and_refused(perdure: CommandLine, tmp_path: Path) -> None:
    assert perdure("extensions", "permissions", "acme").code == 7
    perdure.done("extensions", "install", extension(tmp_path), "--yes", "--deny", "action:vdfs.")
    assert perdure("run", "acme", "call").code == 0
    report = perdure.done("extensions", "permissions", "acme", "--json").json
    used = {(one["kind"], one["entry"]): (one["granted"], one["count"]) for one in report["entries"]}
    assert used[("method", "query:test.")] == (True, 2)
    assert used[("method", "query:ai.ocr")] == (True, 0)
    assert used[("method", "action:vdfs.")] == (False, 0)
    assert used[("host", "api.example.com")] == (True, 0)
    assert [(one["method"], one["count"]) for one in report["operations"]] == [(PING, 2)]
    refused = {one["method"]: one["code"] for one in report["refused"]}
    assert refused == {"action:vdfs.delete_entry": "permission_denied", "query:test.\x1b[2J": "unknown_method"}
    shown = perdure.done("extensions", "permissions", "acme").out
    assert is_plain(shown)
    assert re.search(r"method +query:test\. +yes +2 +\d{4}-", shown)
    assert re.search(r"method +query:ai\.ocr +yes +never", shown)
    assert re.search(r"action:vdfs\.delete_entry +permission_denied +1", shown)


def codes(perdure: CommandLine) -> list[str]:
    """What the calls of one job were answered."""
    job = perdure.done("run", "acme", "call", "--json").json["job_id"]
    return [
        line["data"]["code"] for line in perdure.done("log", "history", job, "--json").lines if "code" in line["data"]
    ]


def test_the_least_that_was_needed_is_enough(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", extension(tmp_path), "--yes", "--deny", "action:vdfs.")
    before = codes(perdure)
    suggested = json.loads(perdure.done("extensions", "permissions", "acme", "--suggest").out)
    assert suggested == {
        "methods": [PING],
        "libraries": [str(UUID(int=0))],
        "rate_limits": {"requests_per_minute": 2, "concurrent_jobs": 1},
        "network_access": [],
        "max_memory_mb": 64,
    }
    other = CommandLine(tmp_path / "other")
    other.done("extensions", "install", extension(tmp_path, version="1.0.1", **suggested), "--yes")
    assert codes(other) == before
