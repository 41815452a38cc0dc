"""The web process is kept alive, and what goes wrong in a page is told."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from tests.support.servers import serving
from tests.support.waiting import TIMEOUT, eventually

from perdure.api.errors import BadRequest
from perdure.server.settings import ServerSettings
from perdure.server.web.boundary import page_of
from perdure.store import StoreFailed


def test_one_that_cannot_be_started_is_started_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path / "data", ServerSettings(port=0, log_level="error")) as served:
        start, refusals = subprocess.Popen, [OSError(errno.EAGAIN, "no more processes")]

        def started(*arguments: Any, **named: Any) -> Any:
            if refusals:
                raise refusals.pop()
            return start(*arguments, **named)

        server = served.server
        assert server._process is not None
        monkeypatch.setattr(subprocess, "Popen", started)
        os.kill(server._process.pid, signal.SIGKILL)
        eventually(lambda: server.restarts == 2 and server.is_serving)
        assert not refusals
        assert httpx.get(f"{served.address}/livez", timeout=TIMEOUT).text == "ok\n"


@pytest.mark.parametrize(
    ("error", "status", "code", "logged"),
    [
        (BadRequest("no"), 422, "BadRequest", False),
        (StoreFailed(Path("log"), "no"), 500, "StoreFailed", True),
        (ZeroDivisionError("a secret"), 500, "ServerFault", True),
        (ClientDisconnect(), 400, "", False),
    ],
    ids=["foreseen", "store", "defect", "gone"],
)
def test_a_client_is_told_what_went_wrong(
    error: Exception, status: int, code: str, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    numbers: list[UUID] = []

    async def answering(request: Request, number: UUID) -> Response:
        numbers.append(number)
        raise error

    with caplog.at_level(logging.ERROR):
        response = asyncio.run(_asked(page_of("jobs.list", answering)))
    assert response.status_code == status
    assert "a secret" not in bytes(response.body).decode()
    if code:
        problem = json.loads(bytes(response.body))
        assert (problem["code"], problem["instance"]) == (code, numbers[0].urn)
    assert [f"request {numbers[0]} (jobs.list) failed" in caplog.text, "Traceback" in caplog.text] == [logged] * 2


async def _asked(page: Any) -> Response:
    answer = await page(Request({"type": "http", "method": "GET", "headers": [], "path": "/", "query_string": b""}))
    assert isinstance(answer, Response)
    return answer
