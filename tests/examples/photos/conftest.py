"""The photos example as it is built: installed in a data folder that every test has a copy of; and an album."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.albums import make_album
from tests.support.command_line import CommandLine
from tests.support.guest_builds import copied_data, install
from tests.support.pictures import HEIC
from tests.support.python_builds import ROOT, built_python
from tests.support.zig_tools import once

from perdure.runtime import Runtime, grant_as_asked

EXAMPLE = ROOT / "examples" / "photos"
PHOTOS = 200


@pytest.fixture(scope="session")
def photos_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which it is installed; shared, to be copied."""

    def make(stage: Path) -> None:
        with Runtime.open(stage / "data", consent=grant_as_asked) as runtime:
            install(runtime, built_python(EXAMPLE))

    return once(tmp_path_factory, "data-photos", make) / "data"


@pytest.fixture
def perdure(photos_data: Path, tmp_path: Path) -> CommandLine:
    """Commands on a data folder of the test's own, in which it is installed."""
    return CommandLine(copied_data(photos_data, tmp_path / "data"))


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 200 pictures, of which some are there twice, one in HEIC, one broken, one that is none."""

    def make(stage: Path) -> None:
        assert sum(1 for _ in make_album(stage / "album", PHOTOS - 1)) == PHOTOS - 1
        (stage / "album" / "phone.HEIC").write_bytes(HEIC.read_bytes())
        (stage / "album" / "broken.jpg").write_bytes(HEIC.read_bytes()[:100])
        (stage / "album" / "notes.txt").write_text("no picture")
        (stage / "album" / "page.png").write_text("<svg/>")

    return once(tmp_path_factory, "album", make) / "album"
