from pathlib import Path

import pytest
from tests.support.command_line import CommandLine


@pytest.fixture
def perdure(tmp_path: Path) -> CommandLine:
    """Commands on a data folder of this test's own, which does not exist yet."""
    return CommandLine(tmp_path / "data")
