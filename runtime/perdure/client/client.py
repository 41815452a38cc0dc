"""`Client`: the methods of `Runtime`, for a runtime that a server has.

with Client.connect("http://127.0.0.1:7373", token=token) as runtime:
    job = runtime.dispatch("counter:counter", {"target": 2000})
    print(job.wait().status)
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from uuid import UUID

import httpx

from perdure.api.errors import ServerUnreachable
from perdure.api.unix_socket import short_name, socket_path
from perdure.client.address import Address
from perdure.client.calls import jobs as job_calls
from perdure.client.calls.call import Call
from perdure.client.wire import http_request, result_of
from perdure.runtime.identifiers import DEFAULT_LIBRARY
from perdure.store.event_store import JobPage
from perdure.store.events import JobLimits, RetryPolicy
from perdure.store.lifecycle import Status

Result = TypeVar("Result")
TIMEOUT: Final = 60.0  # seconds, as `RuntimeSettings.call_timeout`


class Client:
    """A runtime behind a server. Use `open` or `connect`; all methods are thread-safe."""

    def __init__(self, address: Address, *, timeout: float = TIMEOUT) -> None:
        self.address = address
        self._stack = contextlib.ExitStack()
        transport: httpx.HTTPTransport | None = None
        if address.data is not None:
            name = self._stack.enter_context(short_name(socket_path(address.data)))
            transport = httpx.HTTPTransport(uds=name)
        self._http = self._stack.enter_context(
            httpx.Client(
                base_url=address.base, headers=address.headers, timeout=timeout, transport=transport, trust_env=False
            )
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> Self:
        """The server that works on a data folder of this machine, through its Unix socket: no token is needed."""
        return cls(Address("http://perdure", Path(path).absolute()), timeout=timeout)

    @classmethod
    def connect(cls, url: str, *, token: str, timeout: float = TIMEOUT) -> Self:
        """The server at an address; ``timeout`` in seconds is for each call that has none of its own."""
        return cls(Address(url.rstrip("/"), token=token), timeout=timeout)

    def close(self) -> None:
        """Close the connections; a second call does nothing. The server goes on, and so do its jobs."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, call: Call[Result]) -> Result:
        """Ask the server.

        Raises:
            ServerUnreachable: nobody answers.
            TimeoutError: no answer in time; what was asked for may still be done.
            UnexpectedAnswer: what answers is no perdure server.
            Unauthenticated, Forbidden: the token does not open this.
        """
        request = http_request(call)
        timeout = httpx.USE_CLIENT_DEFAULT if call.seconds is None else call.seconds
        try:
            response = self._http.request(
                request.verb, request.target, content=request.body, headers=request.headers, timeout=timeout
            )
        except httpx.TimeoutException:
            raise TimeoutError(f"{self.address} did not answer in time") from None
        except httpx.HTTPError as error:
            raise ServerUnreachable(str(self.address), str(error) or type(error).__name__) from None
        return result_of(call, response.status_code, response.content, str(self.address))

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def jobs(
        self,
        *,
        statuses: frozenset[Status] = frozenset(),
        extension: str | None = None,
        job_type: str | None = None,
        parent: UUID | None = None,
        forked_from: UUID | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> JobPage:
        """See `Runtime.jobs`."""
        return self._do(job_calls.page(statuses, extension, job_type, parent, forked_from, before, limit))

    def dispatch(
        self,
        job_type: str,
        state: object = None,
        *,
        library_id: UUID = DEFAULT_LIBRARY,
        limits: JobLimits | None = None,
        retry: RetryPolicy | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> UUID:
        """See `Runtime.dispatch`."""
        return self._do(
            job_calls.dispatch(
                job_type,
                state,
                library_id=library_id,
                limits=limits,
                retry=retry,
                idempotency_key=idempotency_key,
                timeout=timeout,
            )
        )

    def pause(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """See `Runtime.pause`."""
        return self._do(job_calls.pause(job_id, timeout))
