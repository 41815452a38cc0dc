"""Random guests in a runtime, with a world outside that is not perdure's: processes that die, and what they did."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self
from unittest import mock
from uuid import UUID

import msgspec
from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.job_events import plain
from tests.support.random_guests import PERMISSIONS
from tests.support.store_wrapper import StoreWrapper

from perdure.actors import ActorHooks, OperationFailed, SystemStopped
from perdure.actors.clock import SystemClock
from perdure.actors.replay.job_log import run_calls
from perdure.runtime import Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.operations import CallContext, Effect, action, query
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.module_cache import compile_silently
from perdure.store import AppendRequest, EventStore, MemoryEventStore, StoreClosed, load_payload
from perdure.store.events import ActionIntended, Event, JobCompleted, JobFailed, decode, encode, job_stream

# The same in each world: what a guest does with its job's id costs other fuel for other digits.
JOB: Final = UUID("019b76da-a801-7000-8000-0000000000aa")
_ENDS: Final = (JobCompleted, JobFailed)
SETTINGS: Final = RuntimeSettings(
    discover_operations=False, seal_interval=None, workers=2, kill_grace=0.05, shutdown_grace=0.05
)


class Request(msgspec.Struct):
    """What a guest asks; it says whether it is to fail."""

    n: str
    fails: bool = False


class Answer(msgspec.Struct):
    """What it is told: a number made of the request alone."""

    n: str


def answer_to(request: Request) -> Answer:
    """The answer, or the failure that the guest asked for."""
    if request.fails:
        raise OperationFailed("failed", f"no, not {request.n}")
    return Answer(f"{(int(request.n) * 7_919 + 13) % 100_000_000:08}")


class World:
    """What effects leave outside of the log, in files: one line for each that happened, with its effect key.

    A process that was told to die does no more in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._dead = False

    def die(self) -> None:
        """Nothing more happens here by this process."""
        with self._lock:
            self._dead = True

    def lines(self, kind: str) -> list[tuple[str, str]]:
        """Key and request of each effect of this kind, ``once`` or ``plain``."""
        path = self._folder / kind
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def effects(self, kind: str) -> Counter[str]:
        """How often each request had its effect."""
        return Counter(n for _, n in self.lines(kind))

    def has(self, kind: str, key: str) -> bool:
        """Whether the effect of this name happened."""
        return any(key == known for known, _ in self.lines(kind))

    def _add(self, kind: str, key: str, n: str) -> None:
        with (self._folder / kind).open("a") as file:
            file.write(json.dumps([key, n]) + "\n")

    def handlers(self) -> list[Any]:
        """The operations."""
        return [self.read, self.count, self.once, self.plain]

    @query("world.read")
    def read(self, context: CallContext, request: Request) -> Answer:
        """Tell a number."""
        return answer_to(request)

    @action("world.count", effect=Effect.TRANSACTIONAL)
    def count(self, context: CallContext, request: Request) -> Answer:
        """Count in a row."""
        answer = answer_to(request)
        row = b"counted\0" + request.n.encode()
        context.data.put(row, b"%d" % (int(context.data.get(row) or 0) + 1))
        return answer

    @action("world.once", effect=Effect.IDEMPOTENT)
    def once(self, context: CallContext, request: Request) -> Answer:
        """Write a line, unless there is one under this key."""
        answer, key = answer_to(request), context.effect_key or ""
        with self._lock:
            if not self._dead and not self.has("once", key):
                self._add("once", key, request.n)
        return answer

    @action("world.plain", effect=Effect.NON_IDEMPOTENT)
    def plain(self, context: CallContext, request: Request) -> Answer:
        """Write a line, each time."""
        answer = answer_to(request)
        with self._lock:
            if not self._dead:
                self._add("plain", context.effect_key or "", request.n)
        return answer


def counted(store: EventStore) -> Counter[str]:
    """How often each request had its transactional effect."""
    rows = store.rows(b"counted\0", limit=100_000)
    return Counter({row.key.removeprefix(b"counted\0").decode(): int(row.value) for row in rows})


# --- bringing a job to its end ---------------------------------------------------------------------------------------


def dispatch(runtime: Runtime, folder: Path, module: bytes) -> None:
    """Install the guest and dispatch its job, always under the same id."""
    runtime.install(write_extension(folder, module, permissions=PERMISSIONS), consent=grant_as_asked)
    with mock.patch("perdure.runtime.dispatching.uuid7", return_value=JOB):
        runtime.dispatch(f"{EXTENSION}:run")


def bring_to_end(runtime: Runtime, world: World, died: threading.Event) -> None:
    """Wait for the job's end, or the process's; a person looks into the world for what is in doubt."""
    while not died.is_set():
        state = runtime.store.job(JOB)
        if state.finished:
            return
        if state.status is Status.ATTENTION:
            resolve(runtime, world)
        runtime.store.wait(runtime.store.position(), 0.05)


def resolve(runtime: Runtime, world: World) -> None:
    """Say what became of the action in doubt."""
    intent = runtime.store.job(JOB).intent
    assert intent is not None
    (stored,) = runtime.store.read(job_stream(JOB), after=intent.sequence - 1, until=intent.sequence)
    event = stored.event
    assert isinstance(event, ActionIntended)
    request = msgspec.json.decode(load_payload(runtime.store.blobs, plain(event.payload)), type=Request)
    if world.has("plain", event.effect_key):
        runtime.resolve(JOB, "succeeded", answer=answer_to(request), by="test")
    else:
        runtime.resolve(JOB, "again", by="test")


Death = Callable[[Sequence[AppendRequest]], bool]  # whether a process dies before this commit


def at_commit(number: int) -> Death:
    """At the commit with this number, from 1."""
    left = itertools.count(number - 1, -1)
    return lambda requests: next(left) == 0


def before(kind: type[Event], number: int) -> Death:
    """Before the event of this kind with this number, from 1, is in the log."""
    found = 0

    def dies(requests: Sequence[AppendRequest]) -> bool:
        nonlocal found
        found += sum(type(decode(body)) is kind for request in requests for body in request.bodies)
        return found >= number

    return dies


def never(requests: Sequence[AppendRequest]) -> bool:
    """It lives."""
    return False


class Process:
    """A runtime over a log in memory. It ends as a killed process does: from one commit on nothing reaches the log."""

    def __init__(
        self,
        inner: MemoryEventStore,
        keys: MemoryKeyFiles,
        folder: Path,
        dies: Death = never,
        boundary: BoundaryName = "raw",
    ) -> None:
        self.world = World(folder)
        self.died = threading.Event()
        self.store = StoreWrapper(inner)
        self._dies = dies
        self.store.before = self._before
        self.runtime = Runtime._start(
            self.store,
            Keychain.in_memory(keys),
            folder / "cache",
            msgspec.structs.replace(SETTINGS, boundary=boundary),
            ActorHooks(),
            SystemClock(),
            None,
            self.world.handlers(),
            compile_silently,
            contextlib.ExitStack(),
            recover=True,
        )

    def _before(self, requests: Sequence[AppendRequest]) -> None:
        if not self.died.is_set() and self._dies(requests):
            self.world.die()
            self.store.cut()
            self.died.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.world.die()
        if self.died.is_set():
            # A job that has done something tries to record it for as long as it may: the dead do not wait for that.
            system = self.runtime._system
            wait_none = system.jobs.wait_none
            system.jobs.wait_none = lambda timeout: wait_none(0.01)  # type: ignore[method-assign]
        self.runtime.close(grace=0)


def live(folder: Path, module: bytes, deaths: Sequence[Death], *, ends: bool = True) -> MemoryEventStore:
    """The log of a world where processes died, and one brought the job to its end.

    ``ends`` False: without that last one. Each process has the other boundary to its guest than the one before it: what
    was done behind the one is replayed behind the other.
    """
    folder.mkdir()
    store, keys = MemoryEventStore(), MemoryKeyFiles()
    boundaries: Iterator[BoundaryName] = itertools.cycle(("raw", "stock"))
    for death, boundary in zip((*deaths, never) if ends else deaths, boundaries, strict=False):
        # It may die before it is open.
        with (
            contextlib.suppress(StoreClosed, SystemStopped),
            Process(store, keys, folder, death, boundary) as process,
        ):
            if store.head(job_stream(JOB)) is None:
                dispatch(process.runtime, folder / "extension", module)
            bring_to_end(process.runtime, process.world, process.died)
    return store


# --- comparing -------------------------------------------------------------------------------------------------------


def facts(store: EventStore) -> list[tuple[Any, ...]]:
    """What the guest did and was told, with its fuel, call by call; then how it ended.

    An effect key names a checkpoint by its place in the stream, and is another one behind a crash.
    """
    state = store.job(JOB)
    assert state.run is not None
    found: list[tuple[Any, ...]] = []
    for call in run_calls(store, JOB, state.run, state.sequence):
        asked = call.asked
        if asked is None:
            assert call.event is not None
            found.append((call.call, encode(call.event)))
        else:
            found.append((call.call, call.fuel, asked.method, asked.library_id, asked.payload, call.answer, call.code))
    ends = [stored.event for stored in store.read(job_stream(JOB), backward=True) if isinstance(stored.event, _ENDS)]
    return [*found, (encode(ends[0]),)]
