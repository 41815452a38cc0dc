"""A process is killed in the middle of a job's work on a library: effect and outcome are there together, or neither."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.vdfs.crash import STEPS, text_of, work
from tests.runtime.vdfs.shelf import LIBRARY, Shelf
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, Status
from perdure.runtime.vdfs.marks import MARK_BYTES
from perdure.runtime.vdfs.records import BlobUse, decode_row
from perdure.store import LmdbEventStore, check
from perdure.store.event_store import EventStore
from perdure.store.events import writes_of

ROOT = Path(__file__).parents[3]


def rows_of_the_log(store: EventStore) -> dict[bytes, bytes]:
    """The rows that the outcomes in the log make."""
    rows: dict[bytes, bytes] = {}
    for stored in store.read_all():
        for write in writes_of(stored.event):
            if write.value is None:
                rows.pop(write.key, None)
            else:
                rows[write.key] = write.value
    return {key: value for key, value in rows.items() if key.startswith(b"vdfs\0")}


@pytest.mark.parametrize(
    ("failpoint", "hit"),
    [
        ("commit.before_write", 9),
        ("commit.after_write", 16),
        ("commit.before_sync", 23),
        ("commit.after_sync", 30),
        ("answer.before", 12),
        ("answer.after", 19),
        ("blob.before_write", 5),
        ("blob.before_rename", 8),
        ("blob.after_rename", 11),
        ("blob.before_remove", 2),
        ("blob.after_remove", 3),
    ],
)
def test_a_kill_in_the_middle(tmp_path: Path, failpoint: str, hit: int) -> None:
    command = [sys.executable, "-m", "tests.runtime.vdfs.crash", str(tmp_path), failpoint, str(hit)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()

    with LmdbEventStore.open_readonly(tmp_path / "data") as store:
        assert {row.key: row.value for row in store.rows(b"vdfs\0", limit=10_000)} == rows_of_the_log(store)
        assert check(store).problems == []
        before = store.position()

    with Runtime.open(tmp_path / "data", recover=False) as runtime:
        shelf = Shelf(runtime)
        for entry in shelf.entries():  # what is named is there, whatever the sweep was at
            assert len(shelf.library.read(entry.id, 0, 1 << 20)) == entry.size
            for sidecar in shelf.sidecars(entry):
                assert shelf.read(entry, sidecar.name).sidecar == sidecar
        PythonJobs(runtime, None, work)
        runtime.recover()
        (job,) = runtime.jobs().jobs
        ended_job = runtime.wait(job.job_id, TIMEOUT)
        assert ended_job.status is Status.COMPLETED, ended_job.error
        assert (ended_job.library_id, runtime.store.position() > before) == (LIBRARY, True)

        entries = {entry.name: entry for entry in shelf.entries()}
        kept = [step for step in range(STEPS) if step % 3]
        assert sorted(entries) == sorted(["shared", *map(str, kept)])
        assert len(shelf.entries()) == len(entries)
        for step in kept:
            assert shelf.library.read(entries[f"{step}"].id, 0, 1 << 20).decode() == text_of(step)
            assert shelf.read(entries[f"{step}"], "copy", text=True).text == text_of(step)
        assert shelf.content(entries["shared"]) == b"ab" * STEPS
        assert shelf.read(entries["shared"], "last", text=True).text == text_of(STEPS - 1)
        size = len(text_of(0))
        cost = sum(256 + 2 * len(f"{step}") + 2 + 256 + size + 256 + 4 + size for step in kept)
        cost += 256 + 12 + 2 + 256 + 2 * STEPS + 256 + 4 + size
        assert shelf.library.usage().bytes_used == cost
        shelf.library.sweep()
        shelf.library.remove_orphans()
        rows = runtime.store.rows(b"vdfs\0b\0", limit=10_000)
        named = {decode_row(row.value, BlobUse).blob for row in rows}
        texts = {text_of(step).encode() for step in range(STEPS)}
        digests = set(runtime.store.blobs.digests())
        assert {one for one in digests if runtime.store.blobs.get(one)[MARK_BYTES:] in texts} == named
        for entry in shelf.entries():
            assert len(shelf.library.read(entry.id, 0, 1 << 20)) == entry.size
        assert {row.key: row.value for row in runtime.store.rows(b"vdfs\0", limit=10_000)} == rows_of_the_log(
            runtime.store
        )
        assert check(runtime.store).problems == []
