"""Kills at random moments: ``python3 -m tests.crash.campaign --kills 200 [--seed N]``.

Each folder is opened by one process after the other. All but the last are killed with SIGKILL at a moment drawn from
the time that the run takes; after each the folder is looked at (`tests.crash.verify`). The last one lives, and each of
its jobs must end with the right counters.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from tests.crash.finish import finish
from tests.crash.verify import Verdict, verify
from tests.crash.victim import KILLED, Victim
from tests.crash.workload import Workload

MOST_KILLS = 5  # of one folder


class Summary(msgspec.Struct):
    """What a campaign did and found. ``overtaken`` counts processes that ended before their moment came."""

    kills: int = 0
    overtaken: int = 0
    folders: int = 0
    jobs: int = 0
    recovered: int = 0
    acknowledged: int = 0
    events: int = 0
    looks: int = 0
    problems: list[str] = []

    def look(self, verdict: Verdict, when: str) -> None:
        """Take in one look at a folder."""
        self.looks += 1
        self.events += verdict.events
        self.problems += [f"{when}: {problem}" for problem in verdict.problems]

    def finished(self, verdict: Verdict) -> None:
        """Take in the last look at a folder."""
        self.folders += 1
        self.jobs += verdict.jobs
        self.recovered += verdict.recovered
        self.acknowledged += verdict.acknowledged


def campaign(home: Path, kills: int, seed: int, workload: Workload) -> Summary:
    """Kill until ``kills`` processes have died; ``home`` is a folder for this campaign alone.

    The same seed draws the same moments; what the processes are doing then is up to the machine.
    """
    draw = random.Random(seed)
    summary = Summary(problems=[])
    # How long a run takes, in seconds: of the first process on a folder, the second, …, which have less to do.
    takes = [_measure(home / "measured", workload)] * MOST_KILLS
    while summary.kills < kills:
        folder = home / f"folder-{summary.folders:03}"
        for number in range(min(draw.randint(1, MOST_KILLS), kills - summary.kills)):
            with Victim(folder, workload) as victim:
                victim.wait_ready()
                start = time.monotonic()
                moment = draw.uniform(0.0, takes[number])
                status = victim.wait(moment)
                status = victim.kill() if status is None else status
                took = time.monotonic() - start
                if status not in (0, KILLED):
                    summary.problems.append(f"{folder.name}: a process ended with {status}:\n{victim.errors()}")
            summary.kills += status == KILLED
            summary.look(verify(folder), f"{folder.name}, killed after {took:.4f} s")
            if status != KILLED:
                summary.overtaken += 1
                takes[number] = took
                break
        verdict = finish(folder, workload)
        summary.look(verdict, f"{folder.name}, finished")
        summary.finished(verdict)
        if not summary.problems:
            shutil.rmtree(folder)  # what has a problem is kept, to be looked at
    return summary


def _measure(folder: Path, workload: Workload) -> float:
    """How long a process runs that nobody kills, in seconds."""
    with Victim(folder, workload) as victim:
        victim.wait_ready()
        start = time.monotonic()
        status = victim.wait()
        if status != 0:
            raise RuntimeError(f"a process that nobody killed ended with {status}:\n{victim.errors()}")
        return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--target", type=int, default=600)
    parser.add_argument(
        "--dir", type=Path, default=None, help="where the folders are made; default: the system's place"
    )
    options = parser.parse_args()
    logging.getLogger("perdure").setLevel(logging.ERROR)  # a pause that comes before a start is refused with a warning
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    home = Path(tempfile.mkdtemp(prefix="perdure-crash-", dir=options.dir))
    start = time.monotonic()
    summary = campaign(home, options.kills, seed, Workload(options.jobs, options.target))
    print(f"seed               {seed}")
    print(f"processes killed   {summary.kills}, and {summary.overtaken} that had ended before their moment")
    print(f"data folders       {summary.folders}, each killed 1 to {MOST_KILLS} times, then finished")
    print(f"jobs               {summary.jobs}, all of them brought to their end")
    print(f"recoveries         {summary.recovered} times a job went on in the next process")
    print(f"acknowledgements   {summary.acknowledged}, each found in the log")
    print(f"events checked     {summary.events} in {summary.looks} looks")
    print(f"problems           {len(summary.problems)}")
    print(f"time               {time.monotonic() - start:.0f} s")
    for problem in summary.problems:
        print(problem)
    if summary.problems:
        print(f"the folders are in {home}")
        sys.exit(1)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
