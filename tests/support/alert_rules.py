"""The alerts of ``deploy/``, and what their tests expect."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]  # its stubs are a distribution of their own

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = FOLDER / "alerts.yml"
TESTS = FOLDER / "alerts_test.yml"


class Alert(NamedTuple):
    name: str
    expression: str
    severity: str
    summary: str
    runbook: str


def alerts() -> list[Alert]:
    """All of them."""
    return [
        Alert(
            rule["alert"],
            rule["expr"],
            rule["labels"]["severity"],
            rule["annotations"]["summary"],
            rule["annotations"]["runbook"],
        )
        for group in document(RULES)["groups"]
        for rule in group["rules"]
    ]


def expectations() -> dict[str, list[int]]:
    """By alert: how many of it each test expects."""
    found: dict[str, list[int]] = {}
    for test in document(TESTS)["tests"]:
        for expected in test["alert_rule_test"]:
            found.setdefault(expected["alertname"], []).append(len(expected["exp_alerts"]))
    return found


def document(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())
