"""Many random guests: ``python3 -m tests.properties.campaign --examples 200 [--kills 50] [--seed N]``.

Each example is a guest out of the grammar (`tests.support.random_guests`), run undisturbed and run again with crashes
at commits that are drawn; the two lives must be equal (`tests.properties.lives`). ``--kills`` of the examples are run
in processes of their own, which are killed with SIGKILL at failpoints.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.properties.lives import compare, compare_killed
from tests.support.random_guests import ENDS, Statement, guest_module, statements

FAILPOINTS: Final = (
    "commit.before_sync", "commit.after_sync", "answer.before", "answer.after",
    "action.before_intent", "action.after_intent", "action.before_outcome", "action.after_outcome",
)  # fmt: skip
_QUIET: Final = [HealthCheck.too_slow, HealthCheck.filter_too_much]


class Counts:
    """What a campaign did."""

    def __init__(self) -> None:
        self.examples = 0
        self.deaths = 0
        self.kills = 0


def in_process(counts: Counts, examples: int, number: int) -> None:
    """Crash ``examples`` guests in this process."""

    @seed(number)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=_QUIET)
    @given(
        guest=statements(12),
        end=st.sampled_from(sorted(ENDS)),
        deaths=st.lists(st.integers(4, 60), min_size=1, max_size=5),
    )
    def run(guest: list[Statement], end: str, deaths: list[int]) -> None:
        with tempfile.TemporaryDirectory() as home:
            problems = compare(Path(home), guest_module(guest, end), deaths)
        if problems:
            raise AssertionError(f"{guest} that {end}, crashed at {deaths}: {problems}")
        counts.examples += 1
        counts.deaths += len(deaths)

    run()


def killed(counts: Counts, examples: int, number: int) -> None:
    """Kill processes that run ``examples`` guests."""

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=_QUIET
    )
    @given(
        guest=statements(12),
        end=st.sampled_from(sorted(ENDS)),
        kills=st.lists(st.tuples(st.sampled_from(FAILPOINTS), st.integers(1, 16)), min_size=1, max_size=4),
    )
    def run(guest: list[Statement], end: str, kills: list[tuple[str, int]]) -> None:
        with tempfile.TemporaryDirectory() as home:
            problems, died = compare_killed(Path(home), guest_module(guest, end), kills)
        if problems:
            raise AssertionError(f"{guest} that {end}, killed at {kills}: {problems}")
        counts.examples += 1
        counts.kills += died

    run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--kills", type=int, default=0, help="how many more examples are run in processes of their own")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    options = parser.parse_args()
    logging.getLogger("perdure").setLevel(logging.CRITICAL)
    number = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed      {number}", flush=True)
    counts, start = Counts(), time.monotonic()
    try:
        if options.examples:
            in_process(counts, options.examples, number)
        if options.kills:
            killed(counts, options.kills, number)
    except AssertionError as error:
        print(error)
        sys.exit(1)
    finally:
        print(f"examples  {counts.examples}, with {counts.deaths} crashes in process, {counts.kills} processes killed")
        print(f"time      {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
