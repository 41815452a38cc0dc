"""docs/server.md: its commands run, and its limits are the server's."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import COUNTER, CommandLine
from tests.support.servers import serving

from perdure.api import watching
from perdure.runtime import grant_as_asked
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


def test_a_program_moves_by_one_line(tmp_path: Path) -> None:
    """The example's function gives the same with a runtime of its own and with a server's."""
    with serving(tmp_path / "data") as served:
        served.runtime.install(COUNTER, consent=grant_as_asked)
        first, second = re.findall(r"```python\n(.*?)```", part("Clients in Python"), re.DOTALL)
        names: dict[str, Any] = {"address": served.address, "token": served.token, "folder": served.data}
        exec(first, names)  # what the page shows
        assert names["count"](served.runtime) == 20
        exec(second, names)
        events, state = asyncio.run(names["count_async"]())
        assert (state.items, type(events[-1]).__name__) == (20, "JobCompleted")


def test_the_table_of_what_can_be_watched() -> None:
    shown = re.findall(r"^\| `GET (\S+?)(?:\?\S*)?` \|", part("Watching"), re.MULTILINE)
    assert sorted(shown) == sorted(endpoint.path for endpoint in watching.ENDPOINTS)


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
