from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.secrets.test_master_key import Entries
from tests.support.command_line import CommandLine
from tests.support.manual_clock import ManualClock


@pytest.fixture
def hanging() -> Iterator[Entries]:
    """A keyring's back end that answers when the test is over."""
    over = threading.Event()

    class Hanging(Entries):
        def get_password(self, service: str, username: str) -> str | None:
            over.wait()
            return None

        def set_password(self, service: str, username: str, password: str) -> None:
            over.wait()

    yield Hanging()
    over.set()


@pytest.fixture
def perdure(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
