"""A server that speaks OpenAI's protocol, asked over HTTP: the embedder's choice, so it may be on any network.

The text and the key go to this one server: a redirect is not followed. Nothing that the server says in an error is
repeated, since it may quote both; its status is in the answer, and in the host's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import email.utils
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.chat import (
    Message,
    completion_request,
    content_of,
    embeddings_request,
    vectors_of,
)
from perdure.runtime.ai.settings import AiEndpoint
from perdure.runtime.http.errors import HttpError, RequestTimedOut
from perdure.runtime.http.hosts import HostRule, HostRules
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.http.url import parse_url
from perdure.runtime.operations.context import CallContext

if TYPE_CHECKING:
    from perdure.runtime.http.client import HttpAnswer, HttpRequest

MAX_BODY: Final = 32 << 20  # bytes: 256 vectors of 3,072 numbers as text
TRIES: Final = 3  # of one request, where the server says that it is busy
_WAIT: Final = 1.0  # seconds before the second try, if the server does not say; twice that before the third
_BUSY: Final = frozenset({429, 503})
_KEY: Final = frozenset({401, 403})


class Endpoint:
    """The server. Thread-safe.

    Args:
        settings: where it is.
        http: which certificate authorities are trusted.
    """

    def __init__(self, settings: AiEndpoint, http: HttpSettings) -> None:
        self._settings = settings
        target = parse_url(settings.base_url)
        self._hosts = HostRules([HostRule(target.scheme, target.host, target.port)])
        self._http = HttpSettings(
            private_networks=("0.0.0.0/0", "::/0"),  # where the embedder sent us
            ca_file=http.ca_file,
            max_request_bytes=MAX_BODY,
            max_answer_bytes=MAX_BODY,
        )
        self._tls: ssl.SSLContext | None = None

    def complete(
        self,
        context: CallContext,
        model: str,
        conversation: list[Message],
        *,
        temperature: float,
        schema: dict[str, object] | None,
        strict: bool,
    ) -> str:
        """What the model says next.

        Raises:
            OperationFailed: ``unavailable``: the server cannot be asked now; ``failed``: it does not take the request,
                or its answer is none.
        """
        body = completion_request(
            model,
            conversation,
            temperature=temperature if self._settings.takes_temperature else None,
            schema=schema,
            strict=strict,
            response_format=self._settings.response_format,
        )
        return content_of(self._post(context, "/chat/completions", body))

    def embed(self, context: CallContext, model: str, texts: Sequence[str]) -> list[bytes]:
        """Vectors of texts, of unit length, as 32-bit floats, little-endian. Raises as `complete`."""
        return vectors_of(self._post(context, "/embeddings", embeddings_request(model, texts)), len(texts))

    def _post(self, context: CallContext, path: str, body: bytes) -> bytes:
        wait = _WAIT
        for tried in range(1, TRIES + 1):
            answer = self._send(context, path, body)
            if answer.status == 200:
                return answer.body
            context.log.warning("the endpoint answered %s with status %d", path, answer.status)
            if answer.status not in _BUSY:
                break
            said = retry_after(answer.header("retry-after"), datetime.datetime.now(datetime.UTC))
            seconds = wait if said is None else said
            if tried == TRIES or seconds >= context.remaining() or context.cancelled.wait(seconds):
                raise _refusal(answer.status, said)
            wait *= 2
        raise _refusal(answer.status, None)

    def _send(self, context: CallContext, path: str, body: bytes) -> HttpAnswer:
        # Here, not above: httpx makes every start of the program a tenth of a second longer.
        from perdure.runtime.http.client import HttpRequest  # noqa: PLC0415

        headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
            *self._settings.headers.items(),
        ]
        if self._settings.api_key is not None:
            headers.append(("Authorization", f"Bearer {self._settings.api_key}"))
        request = HttpRequest(
            url=self._settings.base_url.rstrip("/") + path,
            method="POST",
            headers=tuple(headers),
            body=body,
            seconds=max(0.001, min(self._settings.timeout, context.remaining())),
            max_bytes=MAX_BODY,
            max_redirects=0,  # the key and the text go where they were meant to go, and nowhere else
        )
        try:
            return asyncio.run(self._sent(context, request))
        except asyncio.CancelledError:
            raise OperationFailed("unavailable", "the call was cancelled") from None
        except RequestTimedOut as error:
            raise OperationFailed("unavailable", f"the endpoint did not answer within {error.seconds:g} s") from None
        except HttpError as error:
            # The host's log may know where the embedder's server is; a guest need not.
            context.log.warning("the endpoint: %s", error)
            raise OperationFailed(error.code, _WORDS.get(error.code, _WORDS["unavailable"])) from None

    async def _sent(self, context: CallContext, request: HttpRequest) -> HttpAnswer:
        from perdure.runtime.http.client import HttpClient, tls_context  # noqa: PLC0415 - as above

        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(task.cancel if task is not None else loop.stop)

        if self._tls is None:
            self._tls = tls_context(self._http)
        client = HttpClient(self._http, tls=self._tls)
        context.cancelled.on_cancel(stop)
        try:
            return await client.send(request, self._hosts)
        finally:
            context.cancelled.forget(stop)
            await client.aclose()


_WORDS: Final = {
    "unavailable": "the endpoint cannot be reached; the host's log says why",
    "failed": f"the endpoint's answer has more than {MAX_BODY >> 20} MiB",
    "invalid_payload": f"the request has more than {MAX_BODY >> 20} MiB",
}


def retry_after(header: str | None, now: datetime.datetime) -> float | None:
    """The seconds that a ``Retry-After`` header says (RFC 9110, 10.2.3); None if there is none that can be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    return max(0.0, (when - now).total_seconds())


def _refusal(status: int, after: float | None) -> OperationFailed:
    if status in _BUSY or status >= 500:
        retry_after_ms = None if after is None else round(after * 1_000)
        return OperationFailed(
            "unavailable", f"the endpoint is busy or broken (status {status})", retry_after_ms=retry_after_ms
        )
    if status in _KEY:
        return OperationFailed(
            "unavailable",
            f"the endpoint does not accept the API key of the program that runs this (status {status})",
        )
    if status == 404 or status < 400:
        return OperationFailed(
            "unavailable",
            f"the endpoint does not know the model, or is not where the program that runs this says (status {status})",
        )
    return OperationFailed(
        "failed",
        f"the endpoint does not take the request (status {status}): the text may be too long for its model, or it does"
        " not know the response_format that was set for it",
    )
