"""Kills at random moments of jobs that act on the world: ``python3 -m tests.crash.orders_campaign --kills 500``.

Each folder is opened by one process after the other (`tests.crash.orders`). All but the last are killed with SIGKILL at
a moment drawn from the time that the run takes. After each kill and at the end the effects outside are counted: none
may have happened twice, and at the end each must have happened once.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO

import msgspec
from tests.crash.order_world import ONCE, PLAIN, OrderServer, lines_of
from tests.crash.orders import KINDS, sold
from tests.crash.victim import KILLED, ROOT

from perdure.store import JobQuery, LmdbEventStore, Status, check
from perdure.store.errors import StoreMissing
from perdure.store.events import DoubtResolved, JobInDoubt, JobRecovered, tag_of

MOST_KILLS = 8  # of one folder
_TIMEOUT = 120.0


class Counts(msgspec.Struct):
    """What a campaign did and found. ``doubts`` counts actions that a person was asked about, by what was answered."""

    kills: int = 0
    overtaken: int = 0
    folders: int = 0
    effects: int = 0
    recovered: int = 0
    repeated: int = 0
    doubts: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[str] = []


class _Process:
    def __init__(self, home: Path, port: int, actions: int) -> None:
        home.mkdir(exist_ok=True)
        self._errors: IO[str] = (home / "stderr").open("w+")
        command = [sys.executable, "-m", "tests.crash.orders", str(home), str(port), str(actions)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", (home / "stderr").read_text()

    def run_for(self, seconds: float) -> int:
        """Its exit status; it is killed after so many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(_TIMEOUT)
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._errors.close()


def campaign(home: Path, kills: int, seed: int, actions: int) -> Counts:
    """Kill until so many processes have died; ``home`` is a folder for this campaign alone."""
    draw = random.Random(seed)
    counts = Counts(problems=[])
    with OrderServer() as server:
        takes = _finish(home / "measured", server, actions, counts)
    while counts.kills < kills:
        folder = home / f"folder-{counts.folders:03}"
        with OrderServer() as server:
            for _ in range(min(draw.randint(1, MOST_KILLS), kills - counts.kills)):
                status = _Process(folder, server.port, actions).run_for(draw.uniform(0.0, takes))
                if status not in (0, KILLED):
                    counts.problems.append(f"{folder.name}: {status}: {(folder / 'stderr').read_text()[-2000:]}")
                counts.kills += status == KILLED
                counts.overtaken += status == 0
                counts.problems += [f"{folder.name}: {text}" for text in _look(folder, server, actions)]
                if status == 0:
                    break
            _finish(folder, server, actions, counts)
        counts.folders += 1
        if not counts.problems:
            shutil.rmtree(folder)  # what has a problem is kept, to be looked at
    return counts


def _finish(folder: Path, server: OrderServer, actions: int, counts: Counts) -> float:
    """The last process lives; returns how many seconds it took."""
    process = _Process(folder, server.port, actions)
    start = time.monotonic()
    status = process.run_for(_TIMEOUT)
    takes = time.monotonic() - start
    if status != 0:
        counts.problems.append(f"{folder.name}: it ended with {status}: {(folder / 'stderr').read_text()[-2000:]}")
        return takes
    counts.problems += [f"{folder.name}, finished: {text}" for text in _look(folder, server, actions, finished=True)]
    counts.effects += sum(sum(done.values()) for done in _effects(folder, server).values())
    counts.repeated += server.repeated
    with LmdbEventStore.open_readonly(folder / "data") as store:
        for stored in store.read_all():
            counts.recovered += isinstance(stored.event, JobRecovered)
            if isinstance(stored.event, DoubtResolved):
                counts.doubts[stored.event.resolution] += 1
            counts.doubts["asked"] += isinstance(stored.event, JobInDoubt)
    return takes


def _effects(folder: Path, server: OrderServer) -> dict[str, Counter[str]]:
    with LmdbEventStore.open_readonly(folder / "data") as store:
        in_rows = sold(store)
    return {
        "sell": in_rows,
        "order": server.orders(ONCE),
        "write": lines_of(folder / "written"),
        "mail": server.orders(PLAIN),
    }


def _look(folder: Path, server: OrderServer, actions: int, *, finished: bool = False) -> list[str]:
    """What is wrong with the effects and the log."""
    problems = []
    try:
        effects = _effects(folder, server)
    except StoreMissing:  # it was killed before it had made its folder
        return []
    for kind, done in effects.items():
        twice = [number for number, times in done.items() if times != 1]
        if twice:
            problems.append(f"{kind} was done more than once: {sorted(twice)[:5]}")
        missing = [number for number in range(actions) if f"{number:08}" not in done]
        if finished and (missing or len(done) != actions):
            problems.append(f"{kind}: {len(done)} effects of {actions}, missing {missing[:5]}")
    with LmdbEventStore.open_readonly(folder / "data") as store:
        problems += [str(problem) for problem in check(store).problems]
        jobs = store.jobs(JobQuery()).jobs
        if finished:
            problems += [
                f"{job.job_type} is {job.status}: {job.error}" for job in jobs if job.status != Status.COMPLETED
            ]
            problems += [f"{job.job_type} counted {job.items} items" for job in jobs if job.items != actions]
            problems += [f"{job.job_type} had {job.warnings} failed actions" for job in jobs if job.warnings]
            problems += [] if len(jobs) == len(KINDS) else [f"there are {len(jobs)} jobs"]
            problems += _twice_in_the_log(store)
    return problems


def _twice_in_the_log(store: LmdbEventStore) -> list[str]:
    """Host calls that stand in the log more than once, although nothing was superseded."""
    problems = []
    for stream in store.streams("job:"):
        seen: Counter[tuple[str, int]] = Counter()
        for stored in store.read(stream):
            call = getattr(stored.event, "call", None)
            tag = tag_of(stored.event)
            if call is not None and tag not in ("intent", "in-doubt", "resolved"):
                seen[tag, call] += 1
        problems += [
            f"{stream}: {tag} of call {call} {times} times" for (tag, call), times in seen.items() if times > 1
        ]
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--actions", type=int, default=200, help="of each job")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument(
        "--dir", type=Path, default=None, help="where the folders are made; default: the system's place"
    )
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    home = Path(tempfile.mkdtemp(prefix="perdure-orders-", dir=options.dir))
    start = time.monotonic()
    counts = campaign(home, options.kills, seed, options.actions)
    print(f"seed               {seed}")
    print(f"processes killed   {counts.kills}, and {counts.overtaken} that had ended before their moment")
    print(f"data folders       {counts.folders}, each killed 1 to {MOST_KILLS} times, then finished")
    print(f"jobs               {len(KINDS)} in each folder, of {options.actions} actions")
    print(f"effects outside    {counts.effects}, each of them once")
    print(f"runs taken up      {counts.recovered}")
    print(f"requests repeated  {counts.repeated}, known to the server by their key")
    print(f"in doubt           {counts.doubts['asked']}: {counts.doubts['succeeded']} had been done, "
          f"{counts.doubts['again']} had not")  # fmt: skip
    print(f"problems           {len(counts.problems)}")
    print(f"time               {time.monotonic() - start:.0f} s")
    for problem in counts.problems:
        print(problem)
    if counts.problems:
        print(f"the folders are in {home}")
        sys.exit(1)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
