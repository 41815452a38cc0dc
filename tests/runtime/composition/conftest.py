from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cast import Cast, install_cast
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, RuntimeSettings


@pytest.fixture
def settings() -> RuntimeSettings:
    # Puppets are told to stop, and do: they have all the time that they need.
    return RuntimeSettings(shutdown_grace=0.1, kill_grace=TIMEOUT)


@pytest.fixture
def runtime(tmp_path: Path, settings: RuntimeSettings) -> Iterator[Runtime]:
    """A runtime with the extensions ``acme`` and ``shop``, which may call everything."""
    with Runtime.in_memory(settings=settings) as runtime:
        install_cast(runtime, tmp_path, "acme")
        install_cast(runtime, tmp_path, "shop")
        yield runtime


@pytest.fixture
def cast(runtime: Runtime) -> Cast:
    return Cast(runtime)
