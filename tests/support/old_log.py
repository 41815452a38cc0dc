"""A log with jobs in every status, as the perdure before log format 3 left it.

``tests/store/golden/log-format-2.tar.xz`` was made by this module with the code of commit f984070:

    git archive f984070 | tar x -C OLD && cp tests/support/old_log.py OLD/tests/support/
    cd OLD && python3 -m tests.support.old_log DATA

One process ends in an orderly way, the next is killed. The operations below are there for both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import eventually
from tests.support.wat import forever, repeat

from perdure.runtime import Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.operations import CallContext, Effect, Sensitive, action, query
from perdure.store.events import RetryPolicy

GOLDEN: Final = Path(__file__).parents[1] / "store" / "golden" / "log-format-2.tar.xz"
MASTER_KEY: Final = bytes(range(32))
SETTINGS: Final = RuntimeSettings(master_key=MASTER_KEY, kill_grace=0.05, shutdown_grace=0.05)
PIN: Final = "a pin that nobody may see"
LARGE: Final = 70_000  # bytes of a checkpoint that goes to the blobs
_FOLDERS: Final = ("log", "blobs", "keys")
_SAVED: Final = '{"saved":1}'

# The jobs, in the order of their dispatch, and how each was left.
LEFT: Final[tuple[tuple[str, Status], ...]] = (
    ("all", Status.COMPLETED),
    ("fail", Status.FAILED),
    ("fail", Status.BACKOFF),
    ("polite", Status.PAUSED),
    ("spin", Status.PAUSED),  # by force
    ("polite", Status.CANCELLED),
    ("polite", Status.SUSPENDED),
    ("spin", Status.SUSPENDED),  # by force
    ("saved", Status.RUNNING),  # behind its checkpoint
    ("unsaved", Status.RUNNING),
    ("pay", Status.RUNNING),  # while its action runs
    ("spin", Status.RUNNING),  # its pause was asked for
    ("spin", Status.RUNNING),  # its cancel was asked for
    ("all", Status.QUEUED),
)


class Note(msgspec.Struct):
    text: str = ""


class Secret(msgspec.Struct):
    pin: Annotated[str, Sensitive] = ""


class Outside:
    """The operations, and what they did: method and effect key of each. ``held``: what waits does so for ever."""

    def __init__(self, *, held: bool = False) -> None:
        self.done: list[tuple[str, str]] = []
        self.waiting = 0
        self._held = held

    def handlers(self) -> list[Any]:
        return [self.gate, self.send, self.take, self.keep, self.pay]

    def _wait(self) -> None:
        if self._held:
            self.waiting += 1
            threading.Event().wait()

    @query("old.gate", timeout=3600)
    def gate(self, context: CallContext, request: Note) -> Note:
        """Wait."""
        self._wait()
        return request

    @action("old.send", effect=Effect.IDEMPOTENT)
    def send(self, context: CallContext, request: Note) -> Note:
        """Send."""
        self.done.append(("send", context.effect_key or ""))
        return request

    @action("old.take", effect=Effect.TRANSACTIONAL)
    def take(self, context: CallContext, request: Note) -> Note:
        """Count in a row."""
        context.data.put(b"old", b"%d" % (int(context.data.get(b"old") or 0) + 1))
        return request

    @action("old.keep", effect=Effect.IDEMPOTENT)
    def keep(self, context: CallContext, request: Secret) -> Note:
        """Keep a secret."""
        return Note()

    @action("old.pay", effect=Effect.NON_IDEMPOTENT, timeout=3600)
    def pay(self, context: CallContext, request: Note) -> Note:
        """Pay."""
        self.done.append(("pay", context.effect_key or ""))
        self._wait()
        return request


def module() -> bytes:
    """The guest; a job that was started from a checkpoint says so with a warning."""
    wat = RuntimeWat(memory="4")
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    save = f"(drop {wat.call('job_checkpoint', wat.job_id, wat.text(_SAVED))})"
    again = f"(if {wat.number()} (then {wat.call('job_add_warning', wat.job_id, wat.text('again'))}))"

    def ask(method: str, payload: str = '{"text":"x"}') -> str:
        return f"(drop {wat.operation(method, payload)})"

    large = f"""(memory.fill (i32.const 100000) (i32.const 0x61) (i32.const {LARGE}))
      (i32.store8 (i32.const 100000) (i32.const 0x22)) (i32.store8 (i32.const {100_000 + LARGE - 1}) (i32.const 0x22))
      (drop {wat.call("job_checkpoint", wat.job_id, 100_000, LARGE)})"""
    everything = [wat.progress(), item, wat.call("job_add_warning", wat.job_id, wat.text("odd")), save, wat.log()]
    everything += [ask("action:old.take"), ask("action:old.send"), ask("action:old.keep", json.dumps({"pin": PIN}))]
    everything += [ask("query:old.nowhere"), large, wat.call("job_increment_bytes", wat.job_id, "(i64.const 9)")]
    wat.job("all", f"{again} {' '.join(everything)} {repeat(100, item)} (i32.const 0)")
    wat.job("fail", f"{item} {save} {item} (i32.const 2)")
    asks = wat.call("job_check_interrupt", wat.job_id)
    stop = f"(loop $on (br_if $on (i32.eqz {asks}))) {save} (return (i32.const 1))"
    wat.job("polite", f"{again} {item} (if (i32.eqz {wat.number()}) (then {stop})) (i32.const 0)")
    wat.job("spin", f"{again} (if (i32.eqz {wat.number()}) (then {item} {save} {item} {forever()})) (i32.const 0)")
    first = f"(if (i32.eqz {wat.number()}) (then {save}))"
    wat.job("saved", f"{again} {item} {first} {ask('action:old.send')} {item} {ask('query:old.gate')} (i32.const 0)")
    wat.job("unsaved", f"{item} {ask('action:old.send')} {item} {ask('query:old.gate')} (i32.const 0)")
    wat.job("pay", f"{again} {item} {first} {ask('action:old.pay')} (i32.const 0)")
    return wat.module()


def unpack(folder: Path) -> Path:
    """The data folder that the older perdure left, in ``folder``."""
    with tarfile.open(GOLDEN) as archive:
        archive.extractall(folder, filter="data")
    for name in _FOLDERS:
        (folder / name).chmod(0o700)  # unpacking keeps the modes of files only
    return folder


# --- with the older perdure ------------------------------------------------------------------------------------------


def _first(data: Path) -> None:
    with Runtime.open(data, settings=SETTINGS, operations=Outside().handlers()) as runtime:
        permissions = {"methods": ["query:old.", "action:old."]}
        written = write_extension(data.parent / "old", module(), extension="old", permissions=permissions)
        runtime.install(written, consent=grant_as_asked)
        names = [name for name, _ in LEFT[:8]]
        retries = RetryPolicy(attempts=2, initial_ms=10**9, maximum_ms=10**9)
        jobs = [runtime.dispatch(f"old:{name}", retry=retries if at == 2 else None) for at, name in enumerate(names)]
        for at in (0, 1):
            jobs[at].wait(60)
        eventually(lambda: jobs[2].status is Status.BACKOFF)
        eventually(lambda: all(job.items for job in jobs))
        eventually(lambda: all(jobs[at].items == 2 for at in (4, 7)))
        for at in (3, 4):
            jobs[at].pause()
        jobs[5].cancel()
        eventually(lambda: [job.status for job in jobs[3:6]] == [Status.PAUSED, Status.PAUSED, Status.CANCELLED])


def _second(data: Path) -> None:
    outside = Outside(held=True)
    settings = msgspec.structs.replace(SETTINGS, running_jobs=5, kill_grace=3600.0)
    runtime = Runtime.open(data, settings=settings, operations=outside.handlers(), recover=False)
    jobs = [runtime.dispatch(f"old:{name}") for name, _ in LEFT[8:]]
    eventually(lambda: outside.waiting == 3 and all(jobs[at].items == 2 for at in (0, 1, 3, 4)))
    jobs[3].pause()
    jobs[4].cancel()
    assert [job.status for job in jobs] == [status for _, status in LEFT[8:]]
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Make the folder DATA and ``DATA.tar.xz``."""
    data = Path(sys.argv[-1])
    if len(sys.argv) > 2:
        {"first": _first, "second": _second}[sys.argv[1]](data)
        return
    for role, code in (("first", 0), ("second", -signal.SIGKILL)):
        done = subprocess.run([sys.executable, "-m", "tests.support.old_log", role, str(data)], check=False)
        assert done.returncode == code, (role, done.returncode)
    with tarfile.open(f"{data}.tar.xz", "w:xz") as archive:
        for folder in _FOLDERS:
            archive.add(data / folder, folder, filter=_anonymous)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return None if info.name.endswith("lock.mdb") else info


if __name__ == "__main__":
    main()
