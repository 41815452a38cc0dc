"""Other processes on a store's folder: what only a second process can show.

A `StoreProcess` runs one of the roles below and talks in lines: it says ``ready`` when it holds what it is to hold, and
answers each line it is sent. Nobody sleeps; whoever waits, waits for a line.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import lmdb
from tests.support.job_events import runtime_opened, start_job

from perdure.store import LmdbEventStore, StoreError, check, failpoints, follow, log_upgrade
from perdure.store import events as ev

PATIENCE: Final = 60.0  # seconds


class StoreProcess:
    """A child that runs ``role`` (a name in `ROLES`) with ``args``. A subclass may name another module of roles."""

    module = "tests.support.store_process"

    def __init__(self, role: str, *args: object) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, role, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=Path(__file__).parents[2],
            env=environment,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)

    @property
    def _out(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """The next line it says."""
        said = bytearray()
        while not said.endswith(b"\n"):
            assert self._selector.select(PATIENCE), f"the child said nothing for {PATIENCE} s"
            byte = os.read(self._out, 1)
            if not byte:
                raise AssertionError(f"the child ended with {self.process.wait(PATIENCE)} after {bytes(said)!r}")
            said += byte
        return said.decode().rstrip("\n")

    def expect(self, line: str) -> None:
        said = self.line()
        assert said == line, said

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        return self.line()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def end(self) -> int:
        """Let it end by itself (its input ends) and return how it ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self._selector.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


# --- roles, in the child ---------------------------------------------------------------------------------------------


def say(line: object) -> None:
    print(line, flush=True)


def orders() -> Iterator[str]:
    say("ready")
    for line in sys.stdin:
        yield line.strip()


def outcome(action: Callable[[], object]) -> str:
    """What came of it: the name of the error, or ``done``."""
    try:
        action()
    except StoreError as error:
        return type(error).__name__
    return "done"


def write(folder: str) -> None:
    """Hold the folder; each order is the number of events to append, with a large text each."""
    with LmdbEventStore.open(folder, map_size=1 << 20) as store:
        for order in orders():
            for _ in range(int(order)):
                store.append(ev.RUNTIME_STREAM, [ev.RuntimeOpened(pid=1, perdure="x" * 20_000, wasmtime="")])
            say(store.position())


def tail(folder: str) -> None:
    """Say the position of each new event, as it comes."""
    with LmdbEventStore.open_readonly(folder) as store:
        after = store.position()  # before whoever waits for us appends
        say("ready")
        for stored in follow(store, after=after):
            say(f"{stored.position} {ev.tag_of(stored.event)}")


def read(folder: str) -> None:
    """At each order, read everything once and say how many events there are."""
    with LmdbEventStore.open_readonly(folder) as store:
        for _ in orders():
            say(sum(1 for _ in store.read_all()))


def hold_transaction(folder: str) -> None:
    """Stay in a read transaction, as no reader of ours does, until killed."""
    with lmdb.open(str(Path(folder) / "log"), readonly=True, max_dbs=8) as env, env.begin():
        for _ in orders():
            pass


def hold_all_readers(folder: str) -> None:
    """Take every reader slot there is, until killed."""
    env = lmdb.open(str(Path(folder) / "log"), readonly=True, max_dbs=8)
    held = []
    with contextlib.suppress(lmdb.ReadersFullError):
        while True:
            held.append(env.begin())
    say(len(held))
    for _ in orders():
        pass


def open_writer(folder: str) -> None:
    """Try to open the folder for writing."""
    try:
        LmdbEventStore.open(folder).close()
    except StoreError as error:
        say(f"{type(error).__name__} {getattr(error, 'pid', None)}")
    else:
        say("opened")


def fork(folder: str) -> None:
    """Use the store in a fork, and then in the parent."""
    with LmdbEventStore.open(folder, map_size=1 << 20) as store:
        stream = start_job(store, 1)
        half_read = store.read(stream)
        next(half_read)
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            uses: list[Callable[[], object]] = [
                lambda: store.append(ev.RUNTIME_STREAM, [runtime_opened()]),
                lambda: store.append_batch([]),
                lambda: list(store.read(stream)),
                lambda: list(store.read_all()),
                store.position,
                lambda: store.wait(0, timeout=0),
                lambda: store.head(stream),
                store.map_usage,
            ]
            os.write(into, " ".join([*map(outcome, uses), outcome(store.close)]).encode())
            os._exit(0)
        os.close(into)
        with os.fdopen(out) as answers:
            say(answers.read())
        os.waitpid(child, 0)
        say(outcome(lambda: store.append(ev.RUNTIME_STREAM, [runtime_opened()])))
        say([stored.sequence for stored in half_read])
        say(check(store).problems[1:])  # the first one is the module that nobody stored


def fork_and_die(folder: str) -> None:
    """Die by SIGKILL while a fork lives on; say the fork's pid before."""
    store = LmdbEventStore.open(folder)
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(into, b"I live")
        signal.pause()
    os.read(out, 16)
    say(child)
    os.kill(os.getpid(), signal.SIGKILL)
    store.close()


def inspect(folder: str) -> None:
    """Open a folder that may be damaged, for reading and for writing, check it, and say what came of each."""
    said: list[str] = []
    for opened in (LmdbEventStore.open_readonly, LmdbEventStore.open):
        try:
            with opened(folder) as store:
                report = check(store)
                said.append("clean" if report.clean else "problems")
        except StoreError as error:
            said.append(type(error).__name__)
    say(" ".join(said))


def inspect_each(folder: str, damaged: str) -> None:
    """Put each file of ``damaged`` into the log's place and inspect that, each in a fork, which it may kill."""
    for file in sorted(Path(damaged).iterdir()):
        child = os.fork()
        if child == 0:
            (Path(folder) / "log" / "data.mdb").write_bytes(file.read_bytes())
            inspect(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            say(f"ended with {os.waitstatus_to_exitcode(status)}")


def upgrade_and_die(folder: str, failpoint: str, hit: str) -> None:
    """Open a log in an old format, with one job a transaction, and die at the ``hit``-th pass of a failpoint."""
    log_upgrade._JOBS = 1
    passes = 0

    def die() -> None:
        nonlocal passes
        passes += 1
        if passes == int(hit):
            say("dying")
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(failpoint, die)
    LmdbEventStore.open(folder).close()
    say("upgraded")


def append_once(folder: str) -> None:
    """Open a folder on a disk that is full to the last byte, and append to it."""

    def use() -> None:
        with LmdbEventStore.open(folder) as store:
            store.append(ev.RUNTIME_STREAM, [runtime_opened()])

    say(outcome(use))


ROLES: Final[dict[str, Callable[..., None]]] = {
    role.__name__: role
    for role in (
        write,
        tail,
        read,
        hold_transaction,
        hold_all_readers,
        open_writer,
        fork,
        fork_and_die,
        inspect,
        inspect_each,
        append_once,
        upgrade_and_die,
    )
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
