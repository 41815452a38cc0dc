"""The real Prometheus: its server and its linter, from Debian's package."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import pytest
from tests.support.http_get import get
from tests.support.waiting import TIMEOUT, eventually

_CONFIGURATION = """\
global:
  scrape_interval: 200ms
scrape_configs:
  - job_name: perdure
    {authorization}
    static_configs:
      - targets: ["127.0.0.1:{port}"]
rule_files: {rules}
"""


def tool(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; without it the test fails, and says what it needs."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"this test runs the real {name}: apt-get install prometheus")
    return found


def lint(exposition: bytes) -> str:
    """What ``promtool check metrics`` finds wrong with an exposition in the text format; empty if nothing."""
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=exposition, capture_output=True, check=False, timeout=TIMEOUT
    )
    found = (done.stdout + done.stderr).decode()
    return found or (f"exit status {done.returncode}" if done.returncode else "")


class PrometheusServer:
    """A Prometheus on this machine that scrapes ``port``; its data and its log are in ``folder``.

    ``token`` is a file with what it shows there, ``rules`` are its alerts.
    """

    def __init__(self, folder: Path, port: int, *, token: Path | None = None, rules: Path | None = None) -> None:
        self._log = folder / "prometheus.log"
        authorization = f"authorization: {{credentials_file: {token}}}" if token is not None else ""
        configuration = _CONFIGURATION.format(
            port=port, authorization=authorization, rules=[str(rules)] if rules is not None else []
        )
        (folder / "prometheus.yml").write_text(configuration)
        self.port = _free_port()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    tool("prometheus"),
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def query(self, expression: str) -> dict[str, float]:
        """The values of an instant vector, by the labels that matter: ``{'{status="running"}': 1.0}`` and the like."""
        answer = json.loads(get(self.port, f"/api/v1/query?{urlencode({'query': expression})}").body)
        assert answer["status"] == "success", answer
        return {_labels(series["metric"]): float(series["value"][1]) for series in answer["data"]["result"]}

    def alerts(self) -> dict[str, str]:
        """The state of each alert: ``inactive``, ``pending`` or ``firing``; ``err`` where its expression is none."""
        answer = json.loads(get(self.port, "/api/v1/rules").body)
        rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
        return {rule["name"]: rule["state"] if rule["health"] != "err" else rule["health"] for rule in rules}

    def targets(self) -> list[tuple[str, str]]:
        """The health and the last error of each target."""
        answer = json.loads(get(self.port, "/api/v1/targets").body)
        return [(target["health"], target["lastError"]) for target in answer["data"]["activeTargets"]]

    def help_of(self, metric: str) -> list[dict[str, str]]:
        """What the target said about a metric."""
        answer = json.loads(get(self.port, f"/api/v1/metadata?{urlencode({'metric': metric})}").body)
        found: list[dict[str, str]] = answer["data"].get(metric, [])
        return found

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, f"prometheus ended:\n{self._log.read_text()}"
        try:
            return get(self.port, "/-/ready").status == 200
        except OSError:
            return False

    def __enter__(self) -> Self:
        try:
            eventually(self._is_ready, every=0.05)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _labels(metric: dict[str, str]) -> str:
    kept = {name: value for name, value in sorted(metric.items()) if name not in {"__name__", "instance", "job"}}
    return "{" + ",".join(f'{name}="{value}"' for name, value in kept.items()) + "}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
