"""Strangers at a server's door: what a test of them sends, and what must hold of the server whatever they do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import httpx
import psutil
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.servers import Served
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import GuestSpec
from perdure.runtime import JobHandle

MEMORY: Final = 400 << 20  # bytes that the web process may have, whatever is done to it
HOST: Final = b"Host: localhost\r\n"
GET: Final = b"GET /v1/jobs HTTP/1.1\r\n"
CLOSE: Final = b"Connection: close\r\n"


@contextlib.contextmanager
def plain_client(served: Served) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=served.address, timeout=TIMEOUT, trust_env=False, verify=False) as client:  # no TLS
        yield client


@contextlib.contextmanager
def busy_job(served: Served) -> Iterator[JobHandle]:
    """A job that makes a checkpoint every now and then, until the end."""
    enough = threading.Event()

    def count(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        done = 0
        while not enough.wait(0.02):
            done += 1
            host.checkpoint(b"%d" % done)

    made = PythonJobs(served.runtime, served.data, count).start()
    yield made
    enough.set()
    made.wait(TIMEOUT)


@contextlib.contextmanager
def unharmed_server(served: Served, http: httpx.Client, job: JobHandle) -> Iterator[None]:
    """The server answers afterwards, in the same process, which is small; and the job has come further."""
    process = web_process(served)
    yield
    before = checkpoint_of(job)
    wait_for_log(served.runtime.store, lambda: checkpoint_of(job) > before)
    assert web_process(served).pid == process.pid
    assert process.memory_info().rss < MEMORY
    eventually(lambda: is_answered(served, http))


def is_answered(served: Served, http: httpx.Client) -> bool:
    """Whether somebody with a token is, who may be too slow for a server that waits for less than a second."""
    try:
        return http.get("/v1/jobs", headers=served.headers).status_code == 200
    except httpx.RemoteProtocolError:
        return False


def checkpoint_of(job: JobHandle) -> int:
    checkpoint = job.state.checkpoint
    return checkpoint.sequence if checkpoint is not None else 0


def web_process(served: Served) -> psutil.Process:
    """The process that strangers reach; it is still the first one."""
    assert served.server.restarts == 0
    found = [
        child for child in psutil.Process().children(recursive=True) if "perdure.server.web.process" in child.cmdline()
    ]
    return found[-1]


def established(served: Served) -> int:
    """How many connections the server has."""
    return sum(
        each.laddr.port == served.server.port and each.status == psutil.CONN_ESTABLISHED
        for each in web_process(served).net_connections("tcp")
    )


def bearer(served: Served) -> bytes:
    """The line of a head that lets its request in."""
    return f"Authorization: Bearer {served.token}\r\n".encode()
