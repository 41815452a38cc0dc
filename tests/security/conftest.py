from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.attackers import WAYS

from perdure.runtime import Runtime, grant_as_asked


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a new folder."""
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        yield runtime


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """How the calls are made."""
    return str(request.param)
