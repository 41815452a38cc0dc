"""How much work each figure does: enough to be measured, or just enough to see that it works."""

from __future__ import annotations

import msgspec


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of events, calls, jobs and repetitions in one run of each figure."""

    checkpoints: dict[int, int]  # jobs -> checkpoints of each
    progress_events: int
    append_events: dict[int, int]  # events of one append -> events in all
    rebuild_events: int
    host_calls: int
    logged_calls: int
    operation_calls: int
    operation_actions: int
    decisions: int
    dispatches: int
    loads: int
    module_functions: int  # of the module that is compiled: 260 bytes each
    recovery_jobs: int
    recovery_steps: int
    memory_jobs: int
    fdatasyncs: int
    commits: dict[int, int]  # puts of one commit -> commits
    asks: int
    photos: int  # 0: not measured, because a component in Python takes half a minute to build and compile


FULL = Sizes(
    checkpoints={1: 1_000, 8: 400, 100: 100},
    progress_events=100_000,
    append_events={1: 500, 100: 20_000, 1_000: 100_000},
    rebuild_events=10_000,
    host_calls=100_000,
    logged_calls=50_000,
    operation_calls=3_000,
    operation_actions=500,
    decisions=100_000,
    dispatches=30,
    loads=10,
    module_functions=320,
    recovery_jobs=100,
    recovery_steps=100,
    memory_jobs=100,
    fdatasyncs=300,
    commits={1: 300, 8: 200, 100: 100, 1_000: 50},
    asks=3_000,
    photos=300,
)

# The numbers of jobs and the sizes of batches stay: they are what the rows are about.
QUICK = Sizes(
    checkpoints={1: 10, 8: 5, 100: 2},
    progress_events=200,
    append_events={1: 5, 100: 200, 1_000: 2_000},
    rebuild_events=200,
    host_calls=200,
    logged_calls=200,
    operation_calls=10,
    operation_actions=5,
    decisions=200,
    dispatches=2,
    loads=2,
    module_functions=20,
    recovery_jobs=8,
    recovery_steps=3,
    memory_jobs=4,
    fdatasyncs=5,
    commits={1: 5, 8: 3, 100: 3, 1_000: 2},
    asks=20,
    photos=0,
)
