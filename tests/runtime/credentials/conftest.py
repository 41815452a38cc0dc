from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.manual_clock import ManualClock
from tests.support.secret_calls import install_calls

from perdure.runtime import Runtime


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def runtime(tmp_path: Path, clock: ManualClock) -> Iterator[Runtime]:
    """A runtime with the extensions ``notes`` and ``photos``, which may call everything."""
    with Runtime.open(tmp_path / "data", clock=clock) as runtime:
        for extension in ("notes", "photos"):
            install_calls(runtime, tmp_path, extension=extension)
        yield runtime
