"""docs/metrics.md is what the definitions say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from perdure.metrics import LABELS, METRICS
from perdure.metrics.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text() == reference(), "python3 -m perdure.metrics.reference > docs/metrics.md"


def test_the_command_writes_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perdure.metrics.reference"], capture_output=True, text=True, check=True
    )

    assert done.stdout == reference()
    assert done.stderr == ""


def test_it_has_every_metric_and_every_label() -> None:
    rows = [line.split(" | ") for line in reference().splitlines() if line.startswith("| `")]

    for definition in METRICS:
        labels = ", ".join(f"`{label}`" for label in definition.labels)
        assert [f"| `{definition.name}`", definition.kind, labels, f"{definition.help} |"] in rows
    assert {f"| `{label}`" for label in LABELS} <= {row[0] for row in rows}


def test_no_cell_breaks_its_table() -> None:
    widths = {line.count("|") for line in reference().splitlines() if line.startswith("|")}

    assert widths == {3, 4, 5}
