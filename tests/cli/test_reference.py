"""docs/cli.md is what the commands say."""

from __future__ import annotations

from tests.support.command_line import ROOT

from perdure.cli.exit_codes import MEANINGS
from perdure.cli.reference import reference


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert page == reference(), "run: python -m perdure.cli.reference > docs/cli.md"


def test_the_page_has_every_exit_code() -> None:
    for code, meaning in MEANINGS.items():
        assert f"| {int(code)} | {meaning} |" in reference()
