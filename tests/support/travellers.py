"""Jobs to fork, to compare and to step through: guests whose calls depend on what they are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit, GuestResult, GuestSpec
from perdure.runtime import CallContext, Effect, JobHandle, Runtime, Sensitive, action, query
from perdure.store.events import Event, GuestEvent, encode

METHODS: Final = ("query:world.", "action:world.")


class Nothing(msgspec.Struct):
    """No request."""


class Number(msgspec.Struct):
    """A number."""

    n: int


class Token(msgspec.Struct):
    """A secret."""

    token: Annotated[str, Sensitive]


class World:
    """What the guests meet: a number that changes, and actions that are counted, each with its effect key."""

    def __init__(self, runtime: Runtime) -> None:
        self.number = 3
        self.did: list[tuple[str, int, str]] = []
        self.holding = False  # whether `world.mail` waits for `let_go`
        self._gate = threading.Event()
        runtime.operations.register(self._ask, self._write, self._send, self._mail, self._login)

    @query("world.ask")
    def _ask(self, context: CallContext, request: Nothing) -> Number:
        """Tell the number."""
        return Number(self.number)

    @query("world.login")
    def _login(self, context: CallContext, request: Nothing) -> Token:
        """Tell a secret."""
        return Token("hunter2")

    @action("world.write", effect=Effect.TRANSACTIONAL)
    def _write(self, context: CallContext, request: Number) -> Number:
        """Write a row."""
        context.data.put(b"written", str(request.n).encode())
        return self._done("write", context, request)

    @action("world.send", effect=Effect.IDEMPOTENT)
    def _send(self, context: CallContext, request: Number) -> Number:
        """Do something outside, once for each key."""
        return self._done("send", context, request)

    @action("world.mail", effect=Effect.NON_IDEMPOTENT)
    def _mail(self, context: CallContext, request: Number) -> Number:
        """Do something outside."""
        done = self._done("mail", context, request)
        if self.holding and not self._gate.wait(TIMEOUT):
            raise AssertionError("nobody let it go")
        return done

    def let_go(self) -> None:
        """`world.mail` waits no more."""
        self.holding = False
        self._gate.set()

    def _done(self, name: str, context: CallContext, request: Number) -> Number:
        self.did.append((name, request.n, str(context.effect_key)))
        return Number(request.n + 1)

    def names(self) -> list[tuple[str, int]]:
        """What was done, in order."""
        return [(name, n) for name, n, _ in self.did]


def travel(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
    """Count as many items as it is told, one with each of the rounds that its state asks for; save after each.

    Its calls in a round: ask, write, send, items, checkpoint, check_interrupt. A round 13 fails before its checkpoint.
    """
    done = json.loads(state or b"{}")
    host.log(1, f"I am {spec.job_id}")
    for number in range(done.get("round", 0), done.get("rounds", 2)):
        told = json.loads(host.call("query:world.ask"))["n"]
        host.call("action:world.write", json.dumps({"n": number}).encode())
        host.call("action:world.send", json.dumps({"n": number}).encode())
        if number == 13:
            return GuestResult(Exit.FAILED, host.fuel)
        host.increment_items(told)
        host.checkpoint(json.dumps({**done, "round": number + 1}).encode())
        if host.check_interrupt():
            return GuestResult(Exit.INTERRUPTED, host.fuel)
    return None


Body = Callable[[PythonHost, bytes, GuestSpec], Any]


def travellers(runtime: Runtime, folder: Path | None, body: Body = travel) -> PythonJobs:
    """The extension whose jobs run ``body``."""
    return PythonJobs(runtime, folder, body, methods=list(METHODS))


def guest_events(job: JobHandle) -> list[GuestEvent]:
    """What its guest did, in order."""
    return [entry.stored.event for entry in job.history() if isinstance(entry.stored.event, GuestEvent)]


def bodies(job: JobHandle, until: int | None = None) -> list[bytes]:
    """The bytes of its events."""
    return [entry.stored.body for entry in job.history(1, until)]


def alike(events: list[GuestEvent]) -> list[bytes]:
    """The events as bytes, without what is another one's for each job: the names of effects, and what they wrote."""
    return [encode(_without(event)) for event in events]


def _without(event: GuestEvent) -> Event:
    changes: dict[str, Any] = {"effect_key": "", "writes": ()}
    return msgspec.structs.replace(
        event, **{name: value for name, value in changes.items() if name in event.__struct_fields__}
    )
