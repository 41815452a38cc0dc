from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest import mock

import pytest
from tests.support.acme import install_acme
from tests.support.gate import Gate
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, RuntimeSettings, grant_as_asked
from perdure.runtime.wasm.boundary.choice import COMPONENTS, MODULES
from perdure.runtime.wasm.boundary.names import BoundaryName

# A guest that does not listen is stopped after this long, in seconds.
GRACE: Final = 0.2
# For a test whose guest listens: however long the machine stands still, it is not stopped by force.
patient: Final = pytest.mark.parametrize("kill_grace", [TIMEOUT], ids=["patient"])


@pytest.fixture(params=["raw", "stock"], scope="module")
def boundary(request: pytest.FixtureRequest) -> Iterator[BoundaryName]:
    """For tests of what guests meet: they pass behind either boundary, each in turn being what is chosen."""
    name: BoundaryName = request.param
    modules, components = MODULES.of(name), COMPONENTS.of(name)
    with mock.patch.object(MODULES, "_chosen", modules), mock.patch.object(COMPONENTS, "_chosen", components):
        yield name


@pytest.fixture
def kill_grace() -> float:
    return GRACE


@pytest.fixture
def runtime(tmp_path: Path, kill_grace: float) -> Iterator[Runtime]:
    """A runtime on a new folder."""
    settings = RuntimeSettings(kill_grace=kill_grace, shutdown_grace=GRACE)
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        yield runtime


@pytest.fixture
def gate(runtime: Runtime, tmp_path: Path) -> Iterator[Gate]:
    """The extension ``acme`` in it, and the gate at which its jobs wait."""
    install_acme(runtime, tmp_path)
    with Gate(runtime) as gate:
        yield gate
