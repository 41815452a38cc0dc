"""The alerts: rules that Prometheus takes, that fire when they should and only then, each with a paragraph."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.support.alert_rules import FOLDER, RULES, TESTS, alerts, document, expectations
from tests.support.prometheus_tools import tool
from tests.support.waiting import TIMEOUT

ROOT = Path(__file__).parents[2]


def promtool(*words: str, folder: Path = FOLDER) -> str:
    """What it says; the test fails where it finds something wrong."""
    done = subprocess.run(
        [tool("promtool"), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_rules() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", RULES.name)


def test_each_fires_where_it_should_and_not_elsewhere() -> None:
    promtool("test", "rules", TESTS.name)

    assert expectations() == {alert.name: [1, 0] for alert in alerts()}


def test_these_tests_find_a_rule_that_never_fires(tmp_path: Path) -> None:
    (tmp_path / RULES.name).write_text(RULES.read_text().replace("perdure_ready == 0", "perdure_ready == 7"))
    head, *tests = TESTS.read_text().split("  - name: ")  # all of them take a while
    ours = [test for test in tests if test.startswith("PerdureNotReady")]
    (tmp_path / TESTS.name).write_text("  - name: ".join([head, *ours]))

    with pytest.raises(AssertionError, match="PerdureNotReady"):
        promtool("test", "rules", TESTS.name, folder=tmp_path)


def test_each_has_its_paragraph_in_the_runbook() -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    paragraphs = dict(re.findall(r"^### (Perdure\w+)\n\n(.+?)(?=\n#|\Z)", page, re.MULTILINE | re.DOTALL))

    assert list(paragraphs) == [alert.name for alert in alerts()]
    for alert in alerts():
        assert alert.runbook == f"docs/operate.md#{alert.name.lower()}"
        assert len(paragraphs[alert.name]) > 100, alert.name


def test_names_and_severities_are_of_one_kind() -> None:
    for alert in alerts():
        assert re.fullmatch(r"Perdure([A-Z][a-z]+)+", alert.name)
        assert alert.severity in {"page", "ticket"}
        assert alert.summary.endswith(".")


@pytest.mark.parametrize("name", ["prometheus.yml", "compose.yml"])
def test_prometheus_takes_the_configurations(name: str, tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "perdure.token").write_text("a token")

    assert "is valid" in promtool("check", "config", name, folder=tmp_path)


def test_a_scrape_that_fails_is_the_job_that_the_alerts_speak_of() -> None:
    for name in ("prometheus.yml", "compose.yml"):
        assert [job["job_name"] for job in document(FOLDER / name)["scrape_configs"]] == ["perdure"]
