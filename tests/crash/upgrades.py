"""A job that moves to another version of its extension, in processes that die at each of its commits.

``python -m tests.crash.upgrades FOLDER POLICY`` prints a line of JSON for each commit: what a process that lived on
then made of the job. Each process is a fork of this one, which has no threads and no runtime of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.support.runtime_wat import RuntimeWat
from tests.support.versions import version_folder
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime
from perdure.store import check, failpoints
from perdure.store.events import LogWritten, tag_of

STEPS: Final = 5
OLD, NEW = "1.0.0", "2.0.0"
_DIED: Final = 17


def counting(word: str) -> bytes:
    """A module whose job ``count`` says its word, counts an item and saves where it is, `STEPS` times."""
    wat = RuntimeWat()
    at = wat.data(b"00000000")
    wat.job(
        "count",
        f"""(local.set $i {wat.number()})
        (loop $next
          {wat.log(word)}
          {wat.call("job_increment_items", wat.job_id, "(i64.const 1)")}
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (call $put_number (i32.const {at}) (local.get $i))
          (drop {wat.call("job_checkpoint", wat.job_id, f"(i32.const {at})", "(i32.const 8)")})
          (br_if $next (i32.lt_u (local.get $i) (i32.const {STEPS}))))
        (i32.const 0)""",
    )
    return wat.module()


def in_fork(body: Callable[[], object]) -> int:
    """Run it in a fork; its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(commit: int) -> None:
    """Let the process die right after so many commits from now."""
    left = commit

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            os._exit(_DIED)

    failpoints.arm("commit.after_sync", count)


def begin(folder: Path) -> None:
    """A job of the old version that dies with its process behind its second checkpoint."""
    with Runtime.open(folder / "data") as runtime:
        runtime.install(version_folder(folder, OLD, counting("old"), permissions={}))
        failpoints.disarm()
        job = runtime.dispatch("acme:count")
        die_at(3)
        job.wait(TIMEOUT)


def install(folder: Path, policy: str) -> None:
    """Install the new version; the job is left as it is."""
    with Runtime.open(folder / "data", recover=False) as runtime:
        runtime.install(version_folder(folder, NEW, counting("new"), {"count": policy}, permissions={}))


def go_on(data: Path, commit: int) -> None:
    """Let the job go on, in a process that dies after so many commits; 0: in one that lives."""
    if commit:
        die_at(commit)
    with Runtime.open(data) as runtime:
        [job] = runtime.jobs().jobs
        runtime.wait(job.job_id, TIMEOUT)


def found(data: Path) -> dict[str, Any]:
    """What became of the job."""
    with Runtime.open(data, recover=False) as runtime:
        [state] = runtime.jobs().jobs
        history = list(runtime.history(state.job_id))
        return {
            "status": str(state.status),
            "version": state.version,
            "items": state.items,
            "failures": state.failures,
            "words": [
                entry.stored.event.message
                for entry in history
                if isinstance(entry.stored.event, LogWritten) and not entry.superseded
            ],
            "superseded": sum(entry.superseded for entry in history),
            "moves": sum(tag_of(entry.stored.event) == "moved" for entry in history),
            "problems": [str(problem) for problem in check(runtime.store).problems],
        }


def main(folder: Path, policy: str) -> None:
    """See the module's text."""
    assert in_fork(lambda: begin(folder)) == _DIED
    assert in_fork(lambda: install(folder, policy)) == 0
    commit, died = 0, _DIED
    while died == _DIED:
        commit += 1
        data = Path(shutil.copytree(folder / "data", folder / f"data-{commit}"))
        died = in_fork(lambda data=data, commit=commit: go_on(data, commit))  # type: ignore[misc]  # its defaults
        assert in_fork(lambda data=data: go_on(data, 0)) == 0  # type: ignore[misc]  # as above
        in_fork(lambda data=data: print(json.dumps(found(data)), flush=True))  # type: ignore[misc]  # as above


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
