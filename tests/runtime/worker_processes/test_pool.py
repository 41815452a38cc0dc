"""Worker processes: what they answer, and what becomes of a runtime whose workers misbehave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from perdure.actors.cancel_token import CancelToken
from perdure.actors.operations import OperationFailed
from perdure.runtime.worker_processes import pool as pool_module
from perdure.runtime.worker_processes.frames import MAX_FRAME
from perdure.runtime.worker_processes.pool import WorkerPool
from perdure.runtime.worker_processes.task import Task

ROOT = Path(__file__).parents[3]
LONG = 60.0


def task(name: str, *, processes: int = 1, memory: int = 1 << 30, calls: int = 500) -> Task:
    return Task(f"tests.support.worker_tasks:{name}", memory, processes, "ocr", calls=calls)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerPool]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    made = WorkerPool()
    yield made
    made.close()


def at_work(pool: WorkerPool) -> int:
    """The process that has been given something to do, when there is one."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [process._process.pid for busy in list(pool._busy.values()) for process in busy if process.calls]
        return bool(found)

    eventually(look)
    return found[0]


def failure(pool: WorkerPool, which: Task, request: bytes = b"", seconds: float = LONG) -> OperationFailed:
    with pytest.raises(OperationFailed) as found:
        pool.run(which, request, seconds=seconds)
    return found.value


def test_it_answers(pool: WorkerPool) -> None:
    assert pool.run(task("turn"), b"abc", seconds=LONG) == b"cba"
    large = os.urandom(5_000_000)
    assert pool.run(task("turn"), large, seconds=LONG) == large[::-1]
    assert pool.run(task("turn"), b"", seconds=LONG) == b""


def test_a_process_is_kept_warm_until_its_calls_are_used_up(pool: WorkerPool) -> None:
    few = task("who", calls=2)
    first, second, third = (pool.run(few, b"", seconds=LONG) for _ in range(3))
    assert first == second != third


def test_no_process_serves_two_tasks(pool: WorkerPool) -> None:
    assert pool.run(task("who"), b"", seconds=LONG) != pool.run(task("who", memory=2 << 30), b"", seconds=LONG)


def test_there_are_no_more_than_there_may_be(pool: WorkerPool) -> None:
    two = task("who", processes=2)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: pool.run(two, b"", seconds=LONG), range(40)))
    assert 1 <= len(set(answers)) <= 2


def test_a_refusal_arrives_as_it_was(pool: WorkerPool) -> None:
    error = failure(pool, task("refuse"))
    assert (error.code, error.message) == ("invalid_payload", "no: \N{SNOWMAN}")


def test_what_an_exception_quotes_stays_in_the_child(pool: WorkerPool) -> None:
    error = failure(pool, task("quote"), b"sesame")
    assert error.code == "failed"
    assert "ValueError" in error.message
    assert "sesame" not in error.message


def test_a_process_that_dies_costs_its_own_call_only(pool: WorkerPool) -> None:
    error = failure(pool, task("die"))
    assert error.code == "failed"
    assert "SIGABRT" in error.message
    assert "SIGABRT" in failure(pool, task("die")).message
    assert pool.run(task("turn"), b"ab", seconds=LONG) == b"ba"


def test_one_that_the_system_kills_is_not_its_inputs_fault(pool: WorkerPool) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(failure, pool, task("hang"))
        os.kill(at_work(pool), signal.SIGKILL)
        error = running.result(LONG)
    assert error.code == "unavailable"
    assert "somebody killed" in error.message
    assert pool.run(task("turn"), b"ab", seconds=LONG) == b"ba"


def test_one_that_takes_too_long_is_ended(pool: WorkerPool) -> None:
    known = task("attempt")
    pool.run(known, b"1", seconds=LONG)
    (process,) = pool._idle[known]
    pid = process._process.pid
    error = failure(pool, known, b"threading.Event().wait(3600)", seconds=1.0)
    assert error.code == "unavailable"
    assert "longer than" in error.message
    assert not _runs(pid), "its process lives on"


def test_a_cancel_ends_the_process(pool: WorkerPool) -> None:
    token = CancelToken()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, task("hang"), b"", seconds=LONG, cancelled=token)
        at_work(pool)
        token.cancel()
        with pytest.raises(OperationFailed, match="cancelled"):
            running.result(LONG)


def test_a_cancel_reaches_who_waits_for_a_process(pool: WorkerPool) -> None:
    token = CancelToken()
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(pool.run, task("hang"), b"", seconds=LONG)
        at_work(pool)
        waiting = threads.submit(pool.run, task("hang"), b"", seconds=LONG, cancelled=token)
        token.cancel()
        with pytest.raises(OperationFailed, match="cancelled"):
            waiting.result(LONG)
        pool.close()
        with pytest.raises(OperationFailed):
            running.result(LONG)


def test_who_waits_too_long_for_a_process_is_told(pool: WorkerPool) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, task("hang"), b"", seconds=LONG)
        at_work(pool)
        assert "busy" in failure(pool, task("hang"), seconds=0.01).message
        pool.close()
        assert isinstance(running.exception(LONG), OperationFailed)


def test_memory_is_bounded(pool: WorkerPool) -> None:
    assert pool.run(task("grow"), b"1000", seconds=LONG) == b"\0"
    error = failure(pool, task("grow"), str(2 << 30).encode())
    assert error.code == "failed"
    assert "memory" in error.message
    assert pool.run(task("grow"), b"1000", seconds=LONG) == b"\0"


def test_it_writes_no_files_and_knows_little(pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_MASTER_KEY_FILE", "/secret")
    target = tmp_path / "written"
    assert pool.run(task("write"), str(target).encode(), seconds=LONG) != b"written"
    assert not target.exists() or not target.read_bytes()
    assert b"PERDURE_MASTER_KEY_FILE" not in pool.run(task("environment"), b"", seconds=LONG)


def test_a_missing_library_is_named_with_its_extra(pool: WorkerPool) -> None:
    error = failure(pool, Task("tests.support.no_such_module:run", 1 << 30, 1, "ocr"))
    assert error.code == "unavailable"
    assert "pip install 'perdure[ocr]'" in error.message


def test_an_answer_larger_than_a_frame_is_refused(pool: WorkerPool) -> None:
    error = failure(pool, task("turn", memory=8 << 30), bytes(MAX_FRAME + 1))
    assert error.code == "failed"


def test_this_process_goes_on_meanwhile(pool: WorkerPool) -> None:
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        assert pool.run(task("burn"), b"0.3", seconds=LONG) == b"done"
    finally:
        stop.set()
        thread.join()
    assert counted[0] > 1000


def test_idle_processes_are_ended(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pool.run(task("who"), b"", seconds=LONG)
    pool.reap()
    assert pool.run(task("who"), b"", seconds=LONG) == first
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", -1.0)
    pool.reap()
    assert pool.run(task("who"), b"", seconds=LONG) != first


def test_a_closed_pool_takes_nothing(pool: WorkerPool) -> None:
    pid = int(pool.run(task("who"), b"", seconds=LONG))
    pool.close()
    assert not Path(f"/proc/{pid}").exists()
    assert "closes" in failure(pool, task("who")).message


def test_a_worker_ends_with_its_runtime() -> None:
    """Also one that is killed: nothing is left that nobody asked for."""
    program = """
import os, signal
from perdure.runtime.worker_processes.pool import WorkerPool
from perdure.runtime.worker_processes.task import Task
pool = WorkerPool()
print(pool.run(Task("tests.support.worker_tasks:who", 1 << 30, 1, "ocr"), b"", seconds=60).decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    pid = int(ended.stdout)
    eventually(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
