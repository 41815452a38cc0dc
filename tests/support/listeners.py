"""Extensions that are woken: what each of their jobs was told, in the order of the events."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.cast import install_cast
from tests.support.python_guest import Body, PythonGuest, PythonHost
from tests.support.waiting import eventually

from perdure.actors import GuestSpec
from perdure.runtime import DEFAULT_LIBRARY, Runtime
from perdure.runtime.subscriptions.messages import Subscription
from perdure.store import EventStore
from perdure.store.blobs import load_payload
from perdure.store.events import JobDispatched, job_stream


class Listeners:
    """The woken jobs of a runtime. ``on_wake`` is what each does, with its host and its state; nothing by default."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.on_wake: Callable[[PythonHost, dict[str, Any], GuestSpec], None] = lambda host, state, spec: None
        self._others: dict[str, Body] = {}
        runtime._system.guests = lambda spec: PythonGuest(spec, self._body)

    def _body(self, host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        self.on_wake(host, json.loads(state), spec)

    def subscribe(
        self, *topics: str, extension: str = "acme", job_type: str = "run", library_id: UUID = DEFAULT_LIBRARY
    ) -> str:
        """Subscribe, as the extension; returns the subscription's id."""
        request = {"topics": topics, "job_type": job_type}
        answer = self.runtime.call("action:events.subscribe", request, extension=extension, library_id=library_id)
        return str(answer.subscription_id)

    def all(self, extension: str | None = None, library_id: UUID = DEFAULT_LIBRARY) -> list[Subscription]:
        answer = self.runtime.call("query:events.list", extension=extension, library_id=library_id)
        found: list[Subscription] = answer.subscriptions
        return found

    def woken(self, extension: str = "acme") -> list[dict[str, Any]]:
        """The first states of the extension's woken jobs, by the library's sequence."""
        return woken_of(self.runtime.store, extension)

    def topics(self, extension: str = "acme") -> list[str]:
        return [state["topic"] for state in self.woken(extension)]

    def ended(self) -> None:
        """Return when each job has ended."""
        eventually(lambda: all(state.finished for state in self.runtime.jobs(limit=1_000).jobs))

    def asleep(self, extension: str) -> None:
        """Return when the extension's subscriptions wait for a change of the extension."""

        def waits() -> bool:
            found = [one for one in self.runtime._events._watched.values() if one.subscriber.extension == extension]
            return bool(found) and all(one.relevant == 1 and not one.busy for one in found)

        eventually(waits)

    def hold(self) -> threading.Event:
        """Let each woken job wait until the event is set, or it is killed."""
        gate = threading.Event()

        def wait(host: PythonHost, state: dict[str, Any], spec: GuestSpec) -> None:
            while not gate.wait(0.005):
                host.check_interrupt()

        self.on_wake = wait
        return gate


def woken_of(store: EventStore, extension: str = "acme") -> list[dict[str, Any]]:
    found = []
    for stream in store.streams("job:"):
        event = next(store.read(stream, until=1)).event
        assert isinstance(event, JobDispatched)
        state = json.loads(load_payload(store.blobs, event.state) or b"{}")
        if event.extension == extension and "subscription_id" in state:
            assert stream == job_stream(event.job_id)
            found.append(state)
    return sorted(found, key=lambda state: int(state["sequence"]))


def install_listener(runtime: Runtime, folder: Path, extension: str = "acme", **permissions: Any) -> None:
    limits = {"requests_per_minute": 10_000, "concurrent_jobs": 100}
    install_cast(runtime, folder, extension, **{"rate_limits": limits, **permissions})
