"""The last process on a folder: it lives, so every job must come to its end."""

from __future__ import annotations

from pathlib import Path

from tests.crash.facts import Facts
from tests.crash.verify import Verdict, verify
from tests.crash.victim import TIMEOUT, data_of, facts_of
from tests.crash.workload import Workload, witnessed

from perdure.runtime import Runtime


def finish(home: Path, workload: Workload) -> Verdict:
    """Open the folder in this process, let every job end, close it, and look at it."""
    facts = Facts(facts_of(home))
    try:
        with witnessed(facts), Runtime.open(data_of(home)) as runtime:
            workload.run(runtime, facts, home / "extension", TIMEOUT)
    finally:
        facts.close()
    return verify(home, finished=True)
