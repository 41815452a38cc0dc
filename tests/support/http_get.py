"""One request to a server on this machine, past every proxy."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from typing import NamedTuple

from tests.support.waiting import TIMEOUT


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


def get(
    port: int,
    path: str,
    *,
    host: str = "127.0.0.1",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """The answer to one request.

    Raises:
        OSError: nobody listens there.
    """
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=timeout)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Content-Type", ""), response.read())
