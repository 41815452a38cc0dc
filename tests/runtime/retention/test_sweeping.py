"""Blobs that nothing names any more are removed; whatever something names, or may be about to name, stays."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.runtime.vdfs.shelf import Shelf, base64_of
from tests.support.extension_folders import write_extension
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.actors import GuestSpec
from perdure.actors.clock import SystemClock
from perdure.runtime import Runtime, grant_as_asked
from perdure.runtime.retention.pace import Pace
from perdure.runtime.retention.sweeping import Swept
from perdure.runtime.wasm.errors import ModuleError
from perdure.store import MemoryEventStore, check
from perdure.store.blobs import digest_of
from perdure.store.errors import CorruptLog

LARGE = 100_000


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        yield runtime


def sweep(runtime: Runtime, before: float | None = None) -> Swept:
    """Sweep as if all that is there had been put long ago."""
    pace = Pace(threading.Event(), SystemClock(), rest=0.0)
    return runtime._retention._sweeper.sweep(pace, time.time() + 60 if before is None else before)


def saves(content: bytes) -> object:
    """The body of a guest that saves a large state."""

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.checkpoint(content)

    return body


def test_the_large_state_of_a_folded_job_goes_and_another_jobs_stays(runtime: Runtime, tmp_path: Path) -> None:
    jobs = PythonJobs(runtime, tmp_path)
    both, mine, other = (b'"%s"' % (letter * LARGE) for letter in (b"b", b"m", b"o"))

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.checkpoint(both)
        host.checkpoint(other if state == b"1" else mine)

    jobs.body = body
    first = jobs.start(0)
    first.wait(TIMEOUT)
    digests = {digest_of(data) for data in (both, mine, other)}
    second = jobs.start(1)
    second.wait(TIMEOUT)
    assert digests <= set(runtime.store.blobs.digests())
    assert sweep(runtime).blobs == 0
    runtime.fold_jobs(timedelta(0), job_type="run", dry_run=True)
    folder = runtime._retention._folder
    pace = Pace(threading.Event(), SystemClock(), rest=0.0)
    folder.fold(iter([[first.state]]), pace)
    swept = sweep(runtime)
    assert (swept.blobs, swept.bytes) == (1, len(mine))
    assert set(runtime.store.blobs.digests()) & digests == {digest_of(both), digest_of(other)}
    assert check(runtime.store).problems == []
    assert second.job_id in [state.job_id for state in runtime.jobs().jobs]


def test_what_a_folded_job_named_stays_for_a_while(runtime: Runtime, tmp_path: Path) -> None:
    jobs = PythonJobs(runtime, tmp_path, saves(b"1" * LARGE))  # type: ignore[arg-type]  # a body
    job = jobs.start()
    job.wait(TIMEOUT)
    digest = digest_of(b"1" * LARGE)
    path = tmp_path / "data" / "blobs" / digest[:2] / digest
    os.utime(path, (1, 1))
    report = runtime.fold_jobs(timedelta(0))
    assert (report.jobs, report.blobs) == (1, 0)
    assert path.exists()
    assert path.stat().st_mtime > 1
    os.utime(path, (1, 1))
    again = runtime.fold_jobs(timedelta(0))
    assert (again.jobs, again.blobs, again.blob_bytes) == (0, 1, LARGE)
    assert not path.exists()


def test_a_blob_that_is_put_while_the_log_is_read_stays(runtime: Runtime) -> None:
    """It was there before, so that its age says nothing: an event that is not appended yet is about to name it."""
    digest = runtime.store.blobs.put(b"x" * LARGE)
    before = time.time()
    runtime.store.blobs.put(b"x" * LARGE)
    assert sweep(runtime, before).blobs == 0
    assert runtime.store.blobs.has(digest)
    assert sweep(runtime).blobs == 1


def test_what_libraries_hold_stays(runtime: Runtime) -> None:
    shelf = Shelf(runtime)
    content = bytes(range(256)) * 400
    entry = shelf.create(content=content)
    before = set(runtime.store.blobs.digests())
    assert before
    assert sweep(runtime).blobs == 0
    assert set(runtime.store.blobs.digests()) == before
    assert shelf.content(entry) == content
    assert check(runtime.store).problems == []


def test_what_a_folded_job_put_into_a_library_stays(runtime: Runtime, tmp_path: Path) -> None:
    """Its events named it; now only the library's rows do."""
    jobs = PythonJobs(runtime, tmp_path, methods=["action:vdfs.create_entry"], library_access=["*"])
    shelf = Shelf(runtime)
    content = bytes(range(256)) * 400
    request = {"name": "big", "content": base64_of(content)}
    answer = jobs.call("action:vdfs.create_entry", request, shelf.library_id)
    assert "error" not in answer, answer
    before = set(runtime.store.blobs.digests())
    assert runtime.fold_jobs(timedelta(0)).jobs == 1
    assert sweep(runtime).blobs > 0  # the payload of its call
    (entry,) = shelf.entries()
    assert shelf.content(entry) == content
    assert before - set(runtime.store.blobs.digests())
    assert check(runtime.store).problems == []


def test_the_module_of_a_refused_install_goes_with_its_machine_code(runtime: Runtime, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    wat.init("(i32.const 7)")
    with pytest.raises(ModuleError):
        runtime.install(write_extension(tmp_path / "bad", wat.module(), extension="bad"), consent=grant_as_asked)
    good = RuntimeWat()
    good.job("run", "(i32.const 0)")
    runtime.install(write_extension(tmp_path / "good", good.module(), extension="good"), consent=grant_as_asked)
    codes = list((tmp_path / "data" / "cache").glob("*.cwasm"))
    refused = digest_of(wat.module())
    if not runtime.store.blobs.has(refused):
        runtime.store.blobs.put(wat.module())
    sweep(runtime)
    assert not runtime.store.blobs.has(refused)
    assert runtime.store.blobs.has(digest_of(good.module()))
    left = list((tmp_path / "data" / "cache").glob("*.cwasm"))
    assert [path for path in left if path.name.startswith(refused)] == []
    assert len(left) <= len(codes)
    assert runtime.dispatch("good:run").wait(TIMEOUT).finished
    assert check(runtime.store).problems == []


def test_what_writes_left_that_were_cut_short_goes(runtime: Runtime, tmp_path: Path) -> None:
    digest = runtime.store.blobs.put(b"z" * LARGE)
    leftover = tmp_path / "data" / "blobs" / digest[:2] / ".new-x"
    leftover.write_bytes(b"half")
    assert sweep(runtime, time.time() - 60).leftovers == 0
    assert sweep(runtime).leftovers == 1
    assert not leftover.exists()


def test_nothing_goes_when_the_log_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Runtime.in_memory() as runtime:
        digest = runtime.store.blobs.put(b"x" * LARGE)

        def broken(self: object) -> Iterator[object]:
            raise CorruptLog("position 1", "a test")

        monkeypatch.setattr(MemoryEventStore, "frames", broken)
        with pytest.raises(CorruptLog):
            sweep(runtime)
        assert runtime.store.blobs.has(digest)


def test_a_sweep_that_is_stopped_removes_nothing_that_it_has_not_looked_for(tmp_path: Path) -> None:
    with Runtime.in_memory() as runtime:
        digest = runtime.store.blobs.put(b"x" * LARGE)
        stopping = threading.Event()
        stopping.set()
        pace = Pace(stopping, SystemClock())
        assert runtime._retention._sweeper.sweep(pace, time.time() + 60).blobs == 0
        assert runtime.store.blobs.has(digest)
