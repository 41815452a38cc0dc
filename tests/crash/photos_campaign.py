"""An album is indexed by processes that are killed: ``python3 -m tests.crash.photos_campaign --kills 12``.

One process after the other works on one folder with the photos example: each but the last is killed with SIGKILL at
a number of pictures drawn at random. At the end each picture has to have one entry, made once, with its two sidecars;
the log has to be whole, and what the job did has to be proved.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
from bench.albums import make_album
from tests.support.python_builds import ROOT, built_python
from tests.support.waiting import eventually

from perdure.runtime import Runtime, grant_as_asked
from perdure.store import JobQuery, LmdbEventStore, check
from perdure.store.events import ActionAnswered, Event, ItemsCounted, JobRecovered, OperationAnswered

EXAMPLE = ROOT / "examples" / "photos"
_HOURS = 3 * 3600.0


class Counts(msgspec.Struct):
    """What a campaign did and found. ``seconds`` of work, without what went before; ``begins`` of each process.

    ``spent`` is how many microseconds went by until each kind of event, from the one before it in the same process.
    """

    kills: int = 0
    taken_up: int = 0
    entries: int = 0
    seconds: float = 0.0
    events: int = 0
    log_bytes: int = 0
    begins: list[float] = []
    verify_seconds: float = 0.0
    jobs_seconds: dict[str, float] = {}
    spent: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[str] = []


def campaign(home: Path, photos: int, kills: int, seed: int) -> Counts:
    """Index ``home/album``, killing so many processes; ``home`` is a folder for this campaign alone."""
    counts, draw = Counts(problems=[], begins=[], jobs_seconds={}), random.Random(seed)
    with Runtime.open(home / "data", consent=grant_as_asked) as runtime:
        runtime.install(built_python(EXAMPLE))
        runtime.load("photos")
    state = json.dumps({"folder": "album"})
    words = ["run", "photos", "index", "--state", state, "--folder", f"album={home / 'album'}"]
    for least in sorted(draw.randrange(photos) for _ in range(kills)):
        start, before = time.monotonic(), _items(home / "data")
        child = _process(home, words)
        try:
            eventually(partial(_has_come_to, home, before + 1, child), _HOURS, every=0.05)
            counts.begins.append(time.monotonic() - start)
            eventually(partial(_has_come_to, home, least, child), _HOURS, every=0.25)
        finally:
            child.kill()
        counts.kills += child.wait() == -signal.SIGKILL
        counts.seconds += time.monotonic() - start
        words = ["resume"]
    start = time.monotonic()
    if _process(home, words).wait() != 0:
        counts.problems.append("the last process failed")
    counts.seconds += time.monotonic() - start
    _look(home, photos, counts)
    for name in ("moments", "duplicates"):
        start = time.monotonic()
        if _process(home, ["run", "photos", name]).wait() != 0:
            counts.problems.append(f"the job {name} failed")
        counts.jobs_seconds[name] = time.monotonic() - start
    start = time.monotonic()
    if _process(home, ["verify", "--all"]).wait() != 0:
        counts.problems.append("its history is not proved")
    counts.verify_seconds = time.monotonic() - start
    return counts


def _process(home: Path, words: list[str]) -> subprocess.Popen[bytes]:
    with (home / "output").open("ab") as output:
        command = [sys.executable, "-m", "perdure.cli", *words]
        environment = {**os.environ, "PERDURE_DATA": str(home / "data")}
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def _has_come_to(home: Path, least: int, child: subprocess.Popen[bytes]) -> bool:
    return child.poll() is not None or _items(home / "data") >= least


def _items(data: Path) -> int:
    with LmdbEventStore.open_readonly(data) as store:
        return max((job.items for job in store.jobs(JobQuery()).jobs), default=0)


def _look(home: Path, photos: int, counts: Counts) -> None:
    made: Counter[str] = Counter()
    with LmdbEventStore.open_readonly(home / "data") as store:
        counts.problems += [str(problem) for problem in check(store).problems]
        (job,) = store.jobs(JobQuery()).jobs
        if (str(job.status), job.items, job.warnings) != ("completed", photos, 0):
            counts.problems.append(
                f"the job is {job.status}, has counted {job.items} pictures and {job.warnings} warnings"
            )
        before = 0
        for stored in store.read(f"job:{job.job_id}"):
            counts.events += 1
            if before and not isinstance(stored.event, JobRecovered):
                counts.spent[_label(stored.event)] += stored.time - before
            before = stored.time
            counts.taken_up += isinstance(stored.event, JobRecovered)
            if isinstance(stored.event, ActionAnswered) and not stored.event.code:
                made[stored.event.method] += 1
            if isinstance(stored.event, ItemsCounted):
                made["items"] += 1
    counts.entries = made["action:vdfs.create_entry"]
    if made != {"action:vdfs.create_entry": photos, "items": photos}:
        counts.problems.append(f"{photos} pictures led to {dict(made)}")
    files: Counter[str] = Counter()
    with Runtime.open(home / "data", recover=False) as runtime:
        request: dict[str, object] = {"kind": "photo", "limit": 1000}
        while True:
            page = runtime.call("query:vdfs.list_entries", request)
            files.update(entry.metadata["file"] for entry in page.entries)
            wrong = [entry.name for entry in page.entries if (entry.revision, entry.sidecars) != (1, 2)]
            counts.problems += [f"{name} was changed, or lacks a sidecar" for name in wrong[:3]]
            if page.next is None:
                break
            request["cursor"] = page.next
    if len(files) != photos or max(files.values(), default=0) != 1:
        counts.problems.append(
            f"{len(files)} pictures of {photos} have an entry, some {max(files.values(), default=0)}"
        )
    counts.log_bytes = sum(path.stat().st_size for path in (home / "data").rglob("*") if path.is_file())


def _label(event: Event) -> str:
    """What went before an event: the call that it answers, or the commit that the guest waited for."""
    if isinstance(event, ActionAnswered | OperationAnswered):
        return event.method
    return "the guest, and the outcome of the action before on disk"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--dir", type=Path, default=None, help="where the folder is made; default: the system's place")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    home = Path(tempfile.mkdtemp(prefix="perdure-photos-", dir=options.dir))
    start = time.monotonic()
    made = sum(1 for _ in make_album(home / "album", options.photos))
    print(f"seed               {seed}")
    print(f"pictures           {made}, drawn in {time.monotonic() - start:.0f} s")
    counts = campaign(home, options.photos, options.kills, seed)
    print(f"processes killed   {counts.kills}; runs taken up: {counts.taken_up}")
    print(f"entries made       {counts.entries}, each once, with its two sidecars")
    print(f"time               {counts.seconds:.0f} s with all kills, {made / counts.seconds:.1f} pictures/s")
    if counts.begins:
        mean, longest = sum(counts.begins) / len(counts.begins), max(counts.begins)
        print(f"until it went on   {mean:.1f} s after a start on average, {longest:.1f} s at most")
    print(f"events             {counts.events:,} of the job; the data folder has {counts.log_bytes / 1e6:.0f} MB")
    print(f"proved in          {counts.verify_seconds:.0f} s")
    for name, seconds in counts.jobs_seconds.items():
        print(f"{name:18} {seconds:.1f} s, with Python's start")
    print("where the time went:")
    for what, microseconds in counts.spent.most_common(8):
        print(f"  {microseconds / made / 1000:6.2f} ms of each picture: {what}")
    print(f"problems           {len(counts.problems)}")
    for problem in counts.problems:
        print(problem)
    if counts.problems:
        print(f"the folder is {home}")
        sys.exit(1)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
