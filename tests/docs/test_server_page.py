"""docs/server.md: its commands run, and its limits are the server's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine

from perdure.server.access.wrong_tokens import BURST
from perdure.server.engine.request_log import MAX_KEPT, MAX_KEY
from perdure.server.settings import ServerSettings
from perdure.server.web.heads import MAX_FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text()
LIMITS = ServerSettings()


def part(heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return found[1]


def test_the_commands_for_tokens_run(tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    [block] = re.findall(r"```sh\n(.*?)```", part("Who may ask: tokens"), re.DOTALL)
    lines = block.splitlines()
    assert len(lines) == 2
    for line in lines:
        _, *words = shlex.split(line)
        perdure.done(*words)
    [token] = perdure.done("tokens", "list", "--json").json
    perdure.done("tokens", "revoke", token["token"])


@pytest.mark.parametrize(
    ("what", "limits"),
    [
        ("a request's head", (LIMITS.max_head >> 10, MAX_FIELDS, LIMITS.header_seconds)),
        ("its body", (LIMITS.max_body >> 20, LIMITS.max_upload >> 20, LIMITS.body_seconds)),
        ("all bodies in memory", (LIMITS.max_bodies >> 20,)),
        ("an answer that nobody reads", (LIMITS.write_seconds,)),
        ("a connection without a request", (LIMITS.header_seconds, LIMITS.idle_seconds)),
        ("connections", (LIMITS.connections, LIMITS.connections_of_address)),
        ("requests without an answer yet", (LIMITS.requests,)),
        ("watchers", (LIMITS.watchers,)),
        ("a read", (LIMITS.answer_seconds,)),
        ("wrong tokens of one address", (BURST,)),
        ("the web process' own memory", (LIMITS.memory >> 30,)),
    ],
)
def test_the_limits(what: str, limits: tuple[float, ...]) -> None:
    [row] = re.findall(rf"^\| {re.escape(what)} \| (.*?) \|", part("Limits"), re.MULTILINE)
    numbers = [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", row)]
    assert list(limits) == numbers[: len(limits)]


def test_the_limits_of_keys() -> None:
    asked = part("Asking twice")
    assert f"1 to {MAX_KEY} characters" in asked
    assert f"more than {MAX_KEPT >> 10} KiB" in asked
