from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.acme import install_acme
from tests.support.gate import Gate

from perdure.runtime import Runtime, RuntimeSettings, grant_as_asked

# A guest that does not listen is stopped after this long, in seconds.
GRACE = 0.2


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a new folder."""
    settings = RuntimeSettings(kill_grace=GRACE, shutdown_grace=GRACE)
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        yield runtime


@pytest.fixture
def gate(runtime: Runtime, tmp_path: Path) -> Iterator[Gate]:
    """The extension ``acme`` in it, and the gate at which its jobs wait."""
    install_acme(runtime, tmp_path)
    with Gate(runtime) as gate:
        yield gate
