from __future__ import annotations

import inspect
from collections.abc import Iterator
from uuid import UUID

import pytest
from tests.contract.runtime_contract import RuntimeContract, public_methods
from tests.support.acme import install_acme
from tests.support.async_runtime import BlockingClient
from tests.support.gate import Gate
from tests.support.servers import Served, serving
from tests.support.waiting import TIMEOUT

from perdure.client import AsyncClient, Client
from perdure.runtime import Runtime, RuntimeSettings

# What a program does with the runtime itself, the data folder and the process that it is in.
BESIDE = {
    *("in_memory", "recover", "closed", "stepper", "record_access", "forget_request_keys"),
    *(
        "artifact",
        "boundary",
        "record",
        "mailbox_depths",
        "map_usage",
        "held_calls",
        "lost_threads",
        "rate_limit_remaining",
    ),
    "call_async",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests here."""
    folder = tmp_path_factory.mktemp("served")
    settings = RuntimeSettings(kill_grace=5.0, shutdown_grace=0.2)
    with serving(folder / "data", runtime_settings=settings) as served:
        install_acme(served.runtime, folder, rate_limits={"requests_per_minute": 100_000, "concurrent_jobs": 16})
        yield served


@pytest.fixture
def runtime(served: Served) -> Runtime:
    return served.runtime


@pytest.fixture(scope="module")
def gate_of_all(served: Served) -> Iterator[Gate]:
    with Gate(served.runtime) as gate:
        yield gate


@pytest.fixture
def gate(gate_of_all: Gate) -> Iterator[Gate]:
    yield gate_of_all
    gate_of_all.shut()


@pytest.fixture(scope="module")
def done(served: Served) -> UUID:
    """A job that has completed."""
    job = served.runtime.dispatch("acme:nothing", {"target": 1})
    job.wait(TIMEOUT)
    return job.job_id


def test_clients_have_the_methods_of_a_runtime() -> None:
    """But for those that only make sense beside the runtime itself."""
    embedded = public_methods(Runtime) - BESIDE
    assert embedded - public_methods(Client) == set()
    assert embedded - public_methods(AsyncClient) == {"wait_async"}  # its `wait` is one


@pytest.mark.parametrize("name", sorted(public_methods(Runtime) & public_methods(Client) - {"open", "close"}))
def test_methods_take_what_a_runtimes_take(name: str) -> None:
    def parameters(kind: type) -> dict[str, object]:
        found = inspect.signature(getattr(kind, name)).parameters.values()
        # Two functions that say the same are not equal.
        return {one.name: (one.kind, one.default if not callable(one.default) else "a function") for one in found}

    assert parameters(Client) == parameters(Runtime)
    if hasattr(AsyncClient, name):
        assert parameters(AsyncClient) == parameters(Runtime)


class TestRuntime(RuntimeContract):
    @pytest.fixture
    def subject(self, runtime: Runtime) -> Runtime:
        return runtime


class TestClient(RuntimeContract):
    @pytest.fixture
    def subject(self, served: Served) -> Iterator[Client]:
        with served.client() as client:
            yield client


class TestAsyncClient(RuntimeContract):
    @pytest.fixture
    def subject(self, served: Served) -> Iterator[BlockingClient]:
        with BlockingClient(lambda: AsyncClient.open(served.data)) as client:
            yield client
