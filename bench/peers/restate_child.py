"""Restate takes its turn: ``python3 -m bench.peers.restate_child``, started by `bench.peers.turn`.

A server with its own settings but for its ports, and the service, each in a process of its own; this one is the client.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from bench.peers.counts import Counts
from bench.peers.meter import Meter
from bench.peers.processes import end_group, free_port, start_group
from bench.peers.restate_service import ARRIVED, CLOSED
from bench.peers.rows import Subject
from bench.peers.turn import TurnFailed, median_ms, take_turn, wait_until

_TIMEOUT: Final = 200.0  # seconds of a request


class _Service:
    """The service's process, how many jobs it said had arrived, and how often it closed its gate."""

    def __init__(self, folder: Path, port: int, busy: bool = False) -> None:
        command = [sys.executable, "-m", "bench.peers.restate_service", str(port), *(["busy"] if busy else [])]
        self.process = start_group(command, folder / "service.errors")
        self.arrived = self.closed = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self.arrived += line.strip() == ARRIVED
                self.closed += line.strip() == CLOSED
        except ValueError:
            return  # closed, at the end

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


class _Restate:
    """Server and service; ``with`` ends both."""

    def __init__(self, folder: Path, program: str, busy: bool = False) -> None:
        self._folder = folder
        self._program = program
        self._busy = busy
        self._ports = {name: free_port() for name in ("ingress", "admin", "service")}
        self._node = free_port()

    def start(self) -> None:
        """Start both, which know what they knew before they were killed."""
        self._server = self._start_server()
        self.service = _Service(self._folder, self._ports["service"], self._busy)

    def register(self) -> None:
        """Make the service known to the server, and wait until it takes requests."""
        wait_until(lambda: self._healthy("admin", "/health"), "Restate's server answers")
        wait_until(self._register, "Restate finds the service", pause=0.1)
        wait_until(lambda: self._healthy("ingress", "/restate/health"), "Restate takes requests")

    def _start_server(self) -> subprocess.Popen[str]:
        settings = {
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self._ports['ingress']}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{self._ports['admin']}",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{self._node}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BASE_DIR": str(self._folder / "restate"),
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
        }
        os.environ.update(settings)  # of this process, which is there for this turn alone
        return start_group([self._program, "--no-logo"], self._folder / "server.errors", self._folder / "server.output")

    def _healthy(self, which: str, path: str) -> bool:
        if self._server.poll() is not None:
            last = (self._folder / "server.output").read_text(errors="replace").split()
            raise TurnFailed(f"Restate's server ended with {self._server.returncode}: {' '.join(last)[-300:]}")
        try:
            return self._ask(which, "GET", path)[0] == 200
        except OSError:
            return False

    def _register(self) -> bool:
        address = f"http://127.0.0.1:{self._ports['service']}"
        try:
            status, _ = self._ask("admin", "POST", "/deployments", {"uri": address})
        except OSError:
            return False
        return status < 300

    def _ask(self, which: str, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        connection = self.connect(which)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def connect(self, which: str = "ingress") -> http.client.HTTPConnection:
        """A connection to one of the server's ports."""
        return http.client.HTTPConnection("127.0.0.1", self._ports[which], timeout=_TIMEOUT)

    def kill(self) -> None:
        """``kill -9`` both."""
        for process in (self._server, self.service.process):
            process.kill()
        for process in (self._server, self.service.process):
            end_group(process)

    def __enter__(self) -> Self:
        self.start()
        try:
            self.register()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _post(connection: http.client.HTTPConnection, path: str, count: int) -> Any:
    connection.request("POST", f"/bench/{path}", json.dumps(count), {"content-type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 300:
        raise TurnFailed(f"Restate answered {answer.status}: {body.decode(errors='replace')[:200]}")
    return json.loads(body)


def _run(restate: _Restate, folder: Path, jobs: int, each: int) -> Meter:
    """From the gate's opening to the last job's result."""
    closed, before = restate.service.closed, restate.service.arrived
    restate.service.tell("close")
    wait_until(lambda: restate.service.closed > closed, "the gate is closed")
    results: list[Any] = []
    clients = [
        threading.Thread(target=_collect, args=(results, lambda: _post(restate.connect(), "steps", each)))
        for _ in range(jobs)
    ]
    for client in clients:
        client.start()
    wait_until(lambda: restate.service.arrived >= before + jobs, f"{jobs} jobs are at the gate", 120.0)
    with Meter(folder) as meter:
        restate.service.tell("open")
        for client in clients:
            client.join()
    if wrong := [result for result in results if result != each]:
        raise TurnFailed(f"{len(wrong)} jobs did not do their steps: {wrong[0]}")
    return meter


def _collect(results: list[Any], ask: Callable[[], Any]) -> None:
    try:
        results.append(ask())
    except (TurnFailed, OSError, http.client.HTTPException) as error:  # told to whoever waits for this thread
        results.append(repr(error))


def _steps(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    space = done = 0
    with _Restate(folder, words["program"]) as restate:
        _run(restate, folder, 2, 5)
        for jobs, each in counts.steps.items():
            meter = _run(restate, folder, jobs, each)
            found |= meter.of_steps(jobs, jobs * each)
            space, done = space + meter.space, done + jobs * each
        connection = restate.connect()
        sent, answered = [], []
        for number in range(counts.starts):
            began = time.monotonic()
            _post(connection, "nothing/send", number)
            sent.append(time.monotonic() - began)
        for number in range(counts.starts):
            began = time.monotonic()
            _post(connection, "nothing", number)
            answered.append(time.monotonic() - began)
        connection.close()
    starts = {"start_returns": median_ms(sent), "start_result": median_ms(answered)}
    return {**found, "disk": space / done, **starts}


def _busy(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    with _Restate(folder, words["program"], busy=True) as restate:
        _run(restate, folder, 2, 5)
        return {
            f"busy_{jobs}": jobs * each / _run(restate, folder, jobs, each).seconds
            for jobs, each in counts.busy.items()
        }


def _recovery(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    jobs = counts.recovery_jobs
    with _Restate(folder, words["program"]) as restate:
        connection = restate.connect()
        for _ in range(jobs):
            _post(connection, "steps_then_gate/send", counts.recovery_steps)
        wait_until(lambda: restate.service.arrived >= jobs, "all jobs are where they are killed", 120.0)
        restate.kill()
        began = time.monotonic()
        restate.start()
        wait_until(lambda: restate.service.arrived >= jobs, "all jobs go on", 120.0, pause=0.001)
        return {"recovery": time.monotonic() - began}


if __name__ == "__main__":
    take_turn({Subject.STEPS: _steps, Subject.BUSY: _busy, Subject.RECOVERY: _recovery})
