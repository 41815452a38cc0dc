from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.listeners import Listeners, install_listener

from perdure.runtime import Runtime, RuntimeSettings


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime with the extensions ``acme`` and ``shop``, which may call everything."""
    with Runtime.in_memory(settings=RuntimeSettings(shutdown_grace=0.1, kill_grace=0.1)) as runtime:
        install_listener(runtime, tmp_path, "acme")
        install_listener(runtime, tmp_path, "shop")
        yield runtime


@pytest.fixture
def listeners(runtime: Runtime) -> Listeners:
    return Listeners(runtime)
