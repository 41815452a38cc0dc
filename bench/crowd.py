"""A crowd before a server: watchers of events, and requests at a fixed pace, from one thread and for little work.

For `bench.server_load`: ``python3 -m bench.crowd ADDRESS TOKEN_FILE WATCHERS REQUESTS JOB@SEQUENCE…``. It writes
``ready`` when all watch, each job from its sequence on, and when its input ends a line of JSON: what it was sent.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

NICE: Final = 19  # whoever watches does so on another machine; here it should take what the others leave
_LINES: Final = 8  # connections that the requests go over
_BUFFER: Final = bytearray(256 << 10)


class Line:
    """A connection that requests go over, one at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.left = 0  # bytes of the answer that are still to come; -1: its head is
        self.head = b""
        self.sent_at = 0.0

    def take(self, data: bytes) -> bool:
        """Some of an answer has come; returns whether it is whole."""
        if self.left < 0:
            self.head += data
            head, found, body = self.head.partition(b"\r\n\r\n")
            if not found:
                return False
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"refused: {head.decode()}")
            self.left, self.head, data = int(length.partition(b":")[2]), b"", body
        self.left -= len(data)
        return self.left == 0


class Crowd:
    """The whole of it."""

    def __init__(self, address: str, token: str, watchers: int, requests: int, jobs: list[str]) -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname or "", parts.port or 0)
        self._host = parts.netloc
        self._token = token
        self._selector = selectors.DefaultSelector()
        self._jobs = jobs
        self._pace = requests
        self._idle = [Line(self._connect()) for _ in range(_LINES if requests else 0)]
        for line in self._idle:
            self._selector.register(line.connection, selectors.EVENT_READ, line)
        self._asked = 0
        self.latencies: list[float] = []
        self.bytes = self.lost = 0
        # Half look at the list of jobs, as the job manager does, half at a job.
        for number in range(watchers):
            job, _, sequence = jobs[number // 2 % len(jobs)].partition("@")
            target = "/v1/jobs/live" if number % 2 else f"/v1/jobs/{job}/watch?after={sequence}"
            watching = self._connect()
            watching.sendall(self._request(target))
            self._selector.register(watching, selectors.EVENT_READ, None)

    def _connect(self) -> socket.socket:
        return socket.create_connection(self._place, 30)

    def _request(self, target: str) -> bytes:
        head = f"GET {target} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        return head.encode()

    def step(self, until: float) -> None:
        """Send the requests that are due, and take what has come."""
        now = time.monotonic()
        if self._pace:
            while self._idle and self._asked < (now - self._began) * self._pace:
                line = self._idle.pop()
                job = self._jobs[self._asked % len(self._jobs)].partition("@")[0]
                targets = ("/v1/jobs?limit=20", f"/v1/jobs/{job}", f"/v1/jobs/{job}/history?order=newest&limit=20")
                line.left, line.sent_at = -1, now
                line.connection.sendall(self._request(targets[self._asked % len(targets)]))
                self._asked += 1
        for key, _ in self._selector.select(max(0.0, min(until - now, 0.005))):
            size = key.fileobj.recv_into(_BUFFER)  # type: ignore[union-attr]  # they are all sockets
            if key.data is not None:
                if key.data.take(bytes(_BUFFER[:size])):
                    self.latencies.append(time.monotonic() - key.data.sent_at)
                    self._idle.append(key.data)
            elif size:
                self.bytes += size
            else:
                self.lost += 1
                self._selector.unregister(key.fileobj)

    def begin(self) -> None:
        """Count from now on."""
        self._began = time.monotonic()
        self._asked = self.bytes = 0
        self.latencies.clear()


def main() -> None:
    """See the module's text."""
    os.nice(NICE)
    address, token_file, watchers, requests, *jobs = sys.argv[1:]
    crowd = Crowd(address, Path(token_file).read_text().strip(), int(watchers), int(requests), jobs)
    crowd.begin()
    print("ready", flush=True)
    began = time.monotonic()
    stop = selectors.DefaultSelector()
    stop.register(sys.stdin, selectors.EVENT_READ)
    while not stop.select(0):
        word = time.monotonic() + 0.25
        while time.monotonic() < word:
            crowd.step(word)
    seconds = time.monotonic() - began
    latencies = sorted(crowd.latencies) or [0.0]
    print(
        json.dumps(
            {
                "megabytes": crowd.bytes / seconds / 1e6,
                "requests": len(crowd.latencies) / seconds,
                "median_ms": latencies[len(latencies) // 2] * 1000,
                "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
                "lost": crowd.lost,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
