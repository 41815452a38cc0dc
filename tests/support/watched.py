"""A server that everybody watches: Prometheus scrapes it, it sends traces, and its jobs come to all kinds of ends."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.http_get import get
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.prometheus_tools import PrometheusServer
from tests.support.runtime_wat import RuntimeWat
from tests.support.servers import ServerProcess, server_on
from tests.support.waiting import TIMEOUT
from tests.support.wat import RETURN_COMPLETED, RETURN_FAILED, repeat

from perdure.runtime import Runtime, grant_as_asked

LIMIT, CALLS = 3, 5
SECRET = "hunter2-in-the-state"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Watched:
    """Attributes:
    server: ``perdure serve``, with logs in JSON.
    prometheus: scrapes it with a token for reading, and has the alerts of ``deploy/``.
    receiver: gets its traces.
    dispatcher: a token that is for dispatching only.
    talked, failed: jobs that have ended; the first was dispatched over HTTP with `TRACEPARENT`.
    """

    server: ServerProcess
    prometheus: PrometheusServer
    receiver: OtlpReceiver
    dispatcher: str
    talked: UUID
    failed: UUID


def write_talker(folder: Path) -> Path:
    """Job ``talk`` calls an operation more often than it may, ``fail`` fails."""
    wat = RuntimeWat()
    call = "(drop {})".format(wat.operation(payload='{"message": "hello"}'))
    wat.job("talk", repeat(CALLS, call) + RETURN_COMPLETED)
    wat.job("fail", wat.log() + RETURN_FAILED)
    permissions = {"methods": ["query:test.ping"], "rate_limits": {"requests_per_minute": LIMIT}}
    return write_extension(folder, wat.module(), permissions=permissions)


@contextlib.contextmanager
def watched(folder: Path, rules: Path) -> Iterator[Watched]:
    """Make one in ``folder``."""
    data, token = folder / "data", folder / "prometheus.token"
    with Runtime.open(data) as runtime:
        runtime.install(write_talker(folder / "acme"), consent=grant_as_asked)
        token.write_text(runtime.issue_token("prometheus", ["read"]).text)
        dispatcher = runtime.issue_token("dispatcher", ["dispatch"]).text
    with (
        OtlpReceiver() as receiver,
        server_on(
            data,
            "--otel",
            "--log-format",
            "json",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="100",
        ) as server,
        PrometheusServer(folder, server.port, token=token, rules=rules) as prometheus,
        server.client() as client,
    ):
        jobs = []
        for kind in ("talk", "fail"):
            headers = {**server.headers, "traceparent": TRACEPARENT, "Content-Type": "application/json"}
            body = json.dumps({"job_type": f"{EXTENSION}:{kind}", "state": {"password": SECRET}})
            answer = get(server.port, "/v1/jobs", method="POST", headers=headers, body=body)
            jobs.append(UUID(json.loads(answer.body)["job_id"]))
            client.wait(jobs[-1], TIMEOUT)
        get(server.port, "/v1/jobs")  # without a token
        get(server.port, "/v1/nothing?token=in-the-query", headers=server.headers)
        yield Watched(server, prometheus, receiver, dispatcher, *jobs)
