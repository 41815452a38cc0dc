"""Fixtures for each language: the data folder that all begin with, and a runtime on a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.guest_builds import LANGUAGES, copied_data, data_with

from perdure.runtime import Runtime, RuntimeSettings, grant_as_asked

SETTINGS = RuntimeSettings(kill_grace=5.0, shutdown_grace=0.2)


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each language that there is an SDK for."""
    return str(request.param)


@pytest.fixture(scope="module")
def data(language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the extension in it, of this module's tests alone."""
    prepared = data_with(language, tmp_path_factory)
    return copied_data(prepared, tmp_path_factory.mktemp(language) / "data")


@pytest.fixture(scope="module")
def runtime(data: Path) -> Iterator[Runtime]:
    """A runtime on it."""
    with Runtime.open(data, settings=SETTINGS, consent=grant_as_asked) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def extension(language: str) -> str:
    """The id of the extension that is installed there."""
    return f"counter-{language}"
