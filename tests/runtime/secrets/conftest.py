from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.runtime.secrets.test_master_key import Entries


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
