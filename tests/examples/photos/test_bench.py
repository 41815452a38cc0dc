"""``python3 -m bench --only photos``, with few pictures. How fast is no test's business."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.__main__ import chosen
from bench.photos import indexing, pillow_alone
from bench.sizes import FULL, QUICK
from bench.subjects import all_groups
from tests.support.command_line import CommandLine


@pytest.mark.timeout(600)
def test_an_album_is_indexed_and_measured(perdure: CommandLine, tmp_path: Path) -> None:
    assert indexing(perdure.data, tmp_path / "album", 12)["photos"] > 0
    assert pillow_alone(tmp_path, 12)["pillow"] > 0


def test_it_is_measured_in_full_only() -> None:
    keys = [figure.key for group in chosen(all_groups(FULL), "photos") for figure in group.figures]
    assert keys == ["pillow", "photos"]
    assert chosen(all_groups(QUICK), "photos") == []
