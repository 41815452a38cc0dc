"""A served folder whose disk is full for a while, and one that has to be restored from a backup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.gate import PERMISSIONS, Gate, at_gate
from tests.support.http_get import Answer, get
from tests.support.runtime_wat import RuntimeWat
from tests.support.servers import Served
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.waiting import TIMEOUT, eventually
from tests.support.wat import RETURN_COMPLETED

from perdure.runtime import Runtime, Status, grant_as_asked
from perdure.server.daemon import Server
from perdure.server.observation import Observation
from perdure.server.settings import ServerSettings

LARGE = 60_000  # bytes of a checkpoint


def saver_module() -> bytes:
    """Job ``save`` counts an item and saves, waits at the gate, does it again; ``end`` ends."""
    wat = RuntimeWat(memory="4")
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    save = f"(drop {wat.call('job_checkpoint', wat.job_id, 100_000, LARGE)})"
    wat.job("save", f"{item} {save} {at_gate(wat)} {item} {save} {RETURN_COMPLETED}")
    wat.job("end", RETURN_COMPLETED)
    return wat.module()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        yield disk


@pytest.fixture
def served(disk: SmallDisk, tmp_path: Path) -> Iterator[Served]:
    data = disk.path / "data"
    observation = Observation.of(data)
    with Runtime.open(data, hooks=observation.hooks) as runtime:
        written = write_extension(tmp_path / "saver", saver_module(), permissions=PERMISSIONS)
        runtime.install(written, consent=grant_as_asked)
        with Server(runtime, data, ServerSettings(port=0), observation) as server:
            yield Served(runtime, server, data)


def dispatch(served: Served, job: str, state: object = None) -> Answer:
    body = json.dumps({"job_type": f"{EXTENSION}:{job}", "state": state})
    headers = {**served.headers, "Content-Type": "application/json"}
    return get(served.server.port, "/v1/jobs", method="POST", headers=headers, body=body)


def test_a_full_disk_refuses_what_it_cannot_keep_and_nothing_else(served: Served, disk: SmallDisk) -> None:
    port = served.server.port
    with Gate(served.runtime) as gate:
        running = served.runtime.dispatch(f"{EXTENSION}:save")
        arrival = gate.arrival()
        disk.fill()

        refused = None
        for _ in range(2_000):  # the log's file has some pages of its own left
            refused = dispatch(served, "end", {"text": "x" * LARGE})
            if refused.status != 201:
                break
        assert refused is not None
        problem = json.loads(refused.body)
        assert (refused.status, problem["code"]) == (507, "DiskFull")
        ready = get(port, "/readyz")
        assert (ready.status, json.loads(ready.body)["reasons"]) == (503, ["the log cannot be written: DiskFull"])
        assert get(port, "/livez").status == 200
        assert get(port, f"/v1/jobs/{running.job_id}", headers=served.headers).status == 200

        disk.free()
        eventually(lambda: get(port, "/readyz").status == 200)
        assert dispatch(served, "end").status == 201
        arrival.let_go()
        state = running.wait(TIMEOUT)
        assert (state.status, state.attempts, state.items) == (Status.COMPLETED, 1, 2)


def test_a_backup_of_a_server_at_work_is_a_server_that_goes_on_elsewhere(served: Served, tmp_path: Path) -> None:
    saved, elsewhere = tmp_path / "saved", tmp_path / "elsewhere"
    with Gate(served.runtime) as gate, served.client() as client:
        job = client.dispatch(f"{EXTENSION}:save")
        arrival = gate.arrival()  # its first checkpoint is on disk
        report = client.backup(saved)
        assert report.unfinished == 1
        arrival.let_go()
        assert job.wait(TIMEOUT).items == 2

    CommandLine(served.data).done("log", "restore", saved, elsewhere)
    observation = Observation.of(elsewhere)
    with (
        Runtime.open(elsewhere, hooks=observation.hooks, recover=False) as runtime,
        Gate(runtime) as gate,
        Server(runtime, elsewhere, ServerSettings(port=0), observation) as server,
    ):
        runtime.recover()
        with Served(runtime, server, elsewhere).client() as client:
            gate.arrival().let_go()
            state = client.wait(job.job_id, TIMEOUT)
            assert (state.status, state.items, state.attempts) == (Status.COMPLETED, 2, 2)
            # Tokens are part of the log: those of the clients go on being good.
            assert get(server.port, "/v1/jobs", headers=served.headers).status == 200
