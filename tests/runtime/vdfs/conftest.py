from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.runtime.vdfs.shelf import Shelf

from perdure.runtime import Runtime


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A library of a runtime in memory."""
    with Runtime.in_memory() as runtime:
        yield Shelf(runtime)
