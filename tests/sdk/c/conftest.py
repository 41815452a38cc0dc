from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.waiting import TIMEOUT
from tests.support.zig_tools import example

from perdure.runtime import Runtime, RuntimeSettings, grant_as_asked


@pytest.fixture(scope="session", params=["counter-c", "counter-zig"])
def extension(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of the examples, built."""
    return example(tmp_path_factory, request.param)


@pytest.fixture(scope="session")
def counter_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module of the example in C."""
    return example(tmp_path_factory, "counter-c") / "counter_c.wasm"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a new folder."""
    settings = RuntimeSettings(kill_grace=TIMEOUT, shutdown_grace=0.2)
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        yield runtime
