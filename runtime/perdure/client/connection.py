"""How both clients reach their server by HTTP: their options, and what comes of a request without an answer."""

from __future__ import annotations

from typing import Final, TypedDict

import httpx

from perdure.api.errors import ServerUnreachable
from perdure.client.address import Address

TIMEOUT: Final = 60.0  # seconds, as `RuntimeSettings.call_timeout`
# As many as a program has threads that wait and watch: each of them has one.
LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)


class Options(TypedDict):
    """What `httpx.Client` and `httpx.AsyncClient` are made with."""

    base_url: str
    headers: dict[str, str]
    timeout: float
    limits: httpx.Limits
    trust_env: bool


def options(address: Address, timeout: float) -> Options:
    """For a client of this server; ``timeout`` in seconds. Proxies and passwords of the environment are not its own."""
    return Options(base_url=address.base, headers=address.headers, timeout=timeout, limits=LIMITS, trust_env=False)


def unanswered(address: Address, error: httpx.HTTPError) -> Exception:
    """What a client raises for a request that got no answer: `TimeoutError` or `ServerUnreachable`."""
    if isinstance(error, httpx.TimeoutException):
        return TimeoutError(f"{address} did not answer in time")
    return ServerUnreachable(str(address), str(error) or type(error).__name__)


def listening(headers: dict[str, str], last_id: str) -> dict[str, str]:
    """The head of a request that listens on, behind the message that came last."""
    return {**headers, "Last-Event-ID": last_id} if last_id else headers


def silence_limits(silence: float) -> httpx.Timeout:
    """How long a connection that is listened to may take to come about, and then say nothing, in seconds."""
    return httpx.Timeout(min(silence, TIMEOUT), read=silence)
