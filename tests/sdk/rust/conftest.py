from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import rust_tools
from tests.support.rust_tools import HostBuild
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, RuntimeSettings, grant_as_asked


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as an extension's folder."""
    return rust_tools.counter_rust(tmp_path_factory)


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension with jobs for tests only."""
    return rust_tools.probe(tmp_path_factory)


@pytest.fixture(scope="session")
def host_build(tmp_path_factory: pytest.TempPathFactory) -> HostBuild:
    """The example and the SDK built for this machine."""
    return rust_tools.host_build(tmp_path_factory)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a new folder."""
    settings = RuntimeSettings(kill_grace=TIMEOUT, shutdown_grace=0.2)
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        yield runtime
