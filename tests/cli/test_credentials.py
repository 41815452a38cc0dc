"""``perdure credentials list`` and ``audit``, also while another process works on the folder."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import CommandLine, is_plain
from tests.support.secret_calls import install_calls
from tests.support.waiting import TIMEOUT

from perdure.runtime import OperationError, Runtime

LOGIN = {"type": "login", "username": "ann-the-user", "password": "p-456"}


@pytest.fixture
def filled(perdure: CommandLine, tmp_path: Path) -> CommandLine:
    with Runtime.open(perdure.data) as runtime:
        for extension in ("notes", "photos"):
            install_calls(runtime, tmp_path, extension=extension)

        def call(method: str, by: str | None = "notes", **request: Any) -> None:
            runtime.call(method, request, extension=by, caller="cli")

        call("action:credentials.store", name="mail", credential=LOGIN)
        call("action:credentials.generate", name="31mbell", recipe={"type": "words"})
        call("action:credentials.share", name="mail", **{"with": "photos"})
        call("query:credentials.get", "photos", name="mail", owner="notes")
        with pytest.raises(OperationError):
            call("query:credentials.get", "photos", name="31mbell", owner="notes")
        call("query:credentials.get", None, name="mail", extension="notes")
    return perdure


def test_nothing_has_run_yet(perdure: CommandLine) -> None:
    assert perdure.done("credentials", "list").out == "no credentials\n"
    assert perdure.done("credentials", "audit").out == "no such calls\n"
    assert perdure.done("credentials", "audit", "--json").json == []


def test_the_list(filled: CommandLine) -> None:
    listed = filled.done("credentials", "list", "--json").json
    assert [(one["extension"], one["name"], one["type"], one["shared_with"]) for one in listed] == [
        ("notes", "31mbell", "login", []),
        ("notes", "mail", "login", ["photos"]),
    ]
    assert filled.done("credentials", "list", "photos").out == "no credentials\n"
    assert filled.done("credentials", "list", "x" * 500).out == "no credentials\n"
    shown = filled.done("credentials", "list").out
    assert is_plain(shown)
    assert "photos" in shown


def test_the_audit(filled: CommandLine) -> None:
    found = filled.done("credentials", "audit", "--json").json
    assert [(one["operation"].partition(".")[2], one["name"], one["extension"], one["outcome"]) for one in found] == [
        ("store", "mail", "notes", "ok"),
        ("generate", "31mbell", "notes", "ok"),
        ("share", "mail", "notes", "ok"),
        ("get", "mail", "photos", "ok"),
        ("get", "31mbell", "photos", "permission_denied"),
        ("get", "mail", None, "ok"),
    ]
    assert {one["owner"] for one in found} == {"notes"}
    assert len(filled.done("credentials", "audit", "notes", "--name", "mail", "--json").json) == 4
    assert filled.done("credentials", "audit", "photos", "--json").json == []
    last = filled.done("credentials", "audit", "--limit", "2", "--json")
    assert last.json == found[-2:]
    assert "the last 2 calls of 6" in last.err
    shown = filled.done("credentials", "audit").out
    assert is_plain(shown)
    assert "mail → photos" in shown
    assert "host (cli)" in shown
    for text in (shown, json.dumps(found)):
        assert "p-456" not in text
        assert "ann-the-user" not in text


def test_since(filled: CommandLine) -> None:
    now = datetime.now()  # local time, as a person writes it
    assert (
        len(filled.done("credentials", "audit", "--since", (now - timedelta(days=1)).isoformat(), "--json").json) == 6
    )
    assert filled.done("credentials", "audit", "--since", (now + timedelta(days=1)).date(), "--json").json == []
    refused = filled("credentials", "audit", "--since", "yesterday")
    assert refused.code == 2
    assert "no time like 2026-11-01" in refused.err


def test_while_another_works_on_the_folder(filled: CommandLine) -> None:
    with Runtime.open(filled.data):
        for words, count in ((("audit",), 6), (("list",), 2)):
            with filled.process("credentials", *words, "--json") as other:
                out, err = other.communicate(timeout=TIMEOUT)
                assert len(json.loads(out)) == count, err
