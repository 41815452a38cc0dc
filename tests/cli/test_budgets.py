"""`perdure extensions budgets`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command_line import COUNTER, QUICK, CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import RETURN_COMPLETED, repeat

HELLO = '{"message": "hello"}'


def pinging(folder: Path, times: int) -> Path:
    """An extension that may ping twice a minute, and tries so often."""
    wat = RuntimeWat()
    wat.job("ping", repeat(times, f"(drop {wat.operation('query:test.ping', HELLO, 0)})") + RETURN_COMPLETED)
    permissions = {"methods": ["query:test.ping"], "rate_limits": {"requests_per_minute": 2}}
    return write_extension(folder / "acme", wat.module(), permissions=permissions)


def test_what_is_used_is_shown_after_the_process_that_used_it(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", pinging(tmp_path, 5), "--yes")
    perdure.done("run", "acme", "ping")

    states = perdure.done("extensions", "budgets", "acme", "--json").json

    (requests,) = [state for state in states if state["budget"] == "requests_per_minute"]
    next_free = requests.pop("next_free_ms")
    assert requests == {
        "budget": "requests_per_minute",
        "job_type": "",
        "limit": 2,
        "at_edge": "refuse",
        "used": 2,
        "remaining": 0,
    }
    assert 0 < next_free <= 60_000
    shown = perdure.done("extensions", "budgets", "acme").out
    assert is_plain(shown)
    header, first, *_ = shown.splitlines()
    assert header.split() == ["budget", "of", "limit", "used", "left", "room", "beyond", "it"]
    assert first.split()[:6] == ["requests_per_minute", "all", "jobs", "2", "2", "0"]
    assert first.split()[6] == "in"
    assert first.endswith(" s  refuse")


def test_a_second_process_gets_no_second_minute(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", pinging(tmp_path, 2), "--yes")
    perdure.done("run", "acme", "ping")
    perdure.done("run", "acme", "ping")
    job = perdure.done("jobs", "list", "--json").json[0]

    shown = perdure.done("log", "history", job["job_id"]).out

    assert shown.count("requests_per_minute") == 2
    assert shown.count("rate_limited") == 2


def test_nothing_is_used_yet(perdure: CommandLine) -> None:
    assert perdure("extensions", "budgets", "counter").code == 7
    assert not perdure.data.exists()
    perdure.done("extensions", "install", COUNTER)
    perdure.done("run", "counter", "counter", "--state", json.dumps(QUICK))

    shown = perdure.done("extensions", "budgets", "counter").out

    assert "16.0 MiB" in shown
    assert perdure("extensions", "budgets", "nope").code == 7
