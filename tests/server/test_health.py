"""``/livez`` and ``/readyz``: whether a server runs, and whether it can do its work."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest
from tests.support.command_line import COUNTER, ENDLESS
from tests.support.http_get import get
from tests.support.servers import server_on
from tests.support.small_disk import small_disk
from tests.support.waiting import eventually

from perdure.actors.hooks import ActorHooks
from perdure.runtime import Runtime, Status, grant_as_asked
from perdure.server.daemon import Server
from perdure.server.engine.log_health import LogHealth
from perdure.server.observation import Observation
from perdure.server.service_notice import ServiceNotice
from perdure.server.settings import ServerSettings
from perdure.store.events import JobSuspended, job_stream
from perdure.store.lmdb_store import LmdbEventStore


def reasons(port: int) -> tuple[int, list[str]]:
    answer = get(port, "/readyz")
    said = json.loads(answer.body)
    assert said["ready"] == (answer.status == 200) == (not said["reasons"])
    return answer.status, said["reasons"]


def test_a_server_that_is_well_and_one_that_is_not(tmp_path: Path) -> None:
    observation = Observation.of(tmp_path)
    settings = ServerSettings(port=0, metrics_open=True)
    with (
        Runtime.open(tmp_path, hooks=observation.hooks) as runtime,
        Server(runtime, tmp_path, settings, observation) as server,
    ):
        assert get(server.port, "/livez").body == b"ok\n"
        assert reasons(server.port) == (200, [])
        runtime.hooks.commit_failed("LogFull")
        assert reasons(server.port) == (503, ["the log cannot be written: LogFull"])
        assert b"perdure_ready 0.0" in get(server.port, "/metrics").body
        runtime.issue_token("somebody", ["read"])  # a commit that succeeds
        assert reasons(server.port) == (200, [])
        runtime.close()
        assert reasons(server.port) == (503, ["the runtime is closed"])
        assert get(server.port, "/livez").status == 200


def test_a_runtime_that_nobody_observes_and_what_probes_are_told(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime, Server(runtime, tmp_path, ServerSettings(port=0)) as server:
        assert reasons(server.port) == (200, [])
        for path in ("/livez", "/readyz"):
            assert str(tmp_path).encode() not in get(server.port, path).body
            assert get(server.port, path, method="HEAD").status == 200
            assert get(server.port, path, method="POST").status == 405


@pytest.mark.timeout(120)
def test_a_server_that_is_told_to_stop_says_so_first_and_finishes_what_it_does(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime:
        runtime.install(COUNTER, consent=grant_as_asked)
    with server_on(tmp_path, "--drain", "3", "--log-level", "warning") as server, server.client() as client:
        job = client.dispatch("counter:counter", ENDLESS)
        eventually(lambda: job.status is Status.RUNNING)
        assert reasons(server.port) == (200, [])
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: reasons(server.port) == (503, ["the server is stopping"]), every=0.02)
        # Those who come meanwhile are served, and jobs work on.
        assert get(server.port, "/v1/jobs", headers=server.headers).status == 200
        assert job.status is Status.RUNNING
        assert server.process.wait(60) == 0  # a second signal would not let it finish
        with pytest.raises(OSError, match="refused"):
            get(server.port, "/livez")
        assert "Traceback" not in server.log
    with LmdbEventStore.open_readonly(tmp_path) as store:
        ended = [stored.event for stored in store.read(job_stream(job.job_id))][-1]
        assert isinstance(ended, JobSuspended)
        assert not ended.forced  # it was asked, and came to its next check


# --- the log's health ------------------------------------------------------------------------------------------------


def test_the_last_commit_counts(tmp_path: Path) -> None:
    health = LogHealth(tmp_path)
    assert health.problem == ""
    health.commit_failed("CorruptLog")
    assert health.problem == "CorruptLog"
    health.committed(1, 100, 1, 0.001)
    assert health.problem == ""


def test_a_full_disk_is_one_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        health = LogHealth(disk.path)
        disk.fill()
        health.commit_failed("DiskFull")
        assert health.problem == "DiskFull"
        disk.free()
        assert health.problem == ""
        assert [path.name for path in disk.path.iterdir()] == []


def test_the_hooks_of_an_observation_are_told_and_so_are_others(tmp_path: Path) -> None:
    class Other(ActorHooks):
        failures = 0

        def commit_failed(self, kind: str) -> None:
            self.failures += 1

    other = Other()
    observation = Observation.of(tmp_path, other)
    observation.hooks.commit_failed("DiskFull")

    assert other.failures == 1
    assert observation.health is not None
    assert observation.prometheus is not None


# --- the service manager ---------------------------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_service_manager_is_told(tmp_path: Path) -> None:
    path, clock = tmp_path / "notify", Clock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5)
        notice = ServiceNotice({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "4000000"}, clock)
        notice.ready("serving at http://127.0.0.1:7373")
        notice.alive()
        notice.alive()  # not yet
        clock.now += 2.1
        notice.alive()
        notice.stopping()
        said = [manager.recv(1000).decode() for _ in range(4)]

    assert said == ["READY=1\nSTATUS=serving at http://127.0.0.1:7373", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_abstract_names_are_understood() -> None:
    name = f"perdure-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(5)
        ServiceNotice({"NOTIFY_SOCKET": "@" + name}, Clock()).stopping()

        assert manager.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "-1"}],
)
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    notice = ServiceNotice(environment, Clock())
    notice.ready("")
    notice.alive()
    notice.stopping()


def test_signs_of_life_of_another_process_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setblocking(False)
        given = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid() + 1)}
        ServiceNotice(given, Clock()).alive()

        with pytest.raises(BlockingIOError):
            manager.recv(100)
