from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.attackers import WAYS
from tests.support.servers import Served, serving
from tests.support.strangers import busy_job, plain_client, unharmed_server

from perdure.runtime import JobHandle, Runtime, grant_as_asked


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a new folder."""
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        yield runtime


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """How the calls are made."""
    return str(request.param)


# --- a server, and whether it is unharmed -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the module's ``LIMITS``."""
    with serving(tmp_path_factory.mktemp("strangers"), request.module.LIMITS) as found:
        yield found


@pytest.fixture(scope="module")
def port(served: Served) -> int:
    """Where it listens."""
    return served.server.port


@pytest.fixture(scope="module")
def http(served: Served) -> Iterator[httpx.Client]:
    """A client without a token."""
    with plain_client(served) as client:
        yield client


@pytest.fixture(scope="module")
def job(served: Served) -> Iterator[JobHandle]:
    """A job that runs in it all the time."""
    with busy_job(served) as made:
        yield made


@pytest.fixture
def unharmed(served: Served, http: httpx.Client, job: JobHandle) -> Iterator[None]:
    """Fails if the test did the server any harm."""
    with unharmed_server(served, http, job):
        yield
