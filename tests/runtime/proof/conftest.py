from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.witness import install_witness

from perdure.runtime import Runtime


@pytest.fixture
def witness(runtime: Runtime, tmp_path: Path) -> Runtime:
    """A runtime with the extension whose jobs leave every kind of event."""
    install_witness(runtime, tmp_path)
    return runtime
