"""How much is done in one turn: enough to be measured, or just enough to see that it runs."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of jobs, steps, events, calls and repetitions of one turn."""

    steps: dict[int, int]  # jobs -> steps of each
    busy: dict[int, int]  # the same, beside a busy thread
    starts: int
    recovery_jobs: int
    recovery_steps: int
    appends: dict[int, int]  # events of one append -> events in all
    rebuild: int  # events
    host_calls: int
    module_functions: int  # 260 bytes of the module that is loaded are one
    loads: int

    def at_pace(self, pace: float) -> Counts:
        """With ``pace`` times as many steps and starts, never none: so that no peer's turn is over in no time."""

        def times(count: int) -> int:
            return max(2, round(count * pace))

        return msgspec.structs.replace(
            self,
            steps={jobs: times(count) for jobs, count in self.steps.items()},
            busy={jobs: times(count) for jobs, count in self.busy.items()},
            starts=times(self.starts),
        )


FULL = Counts(
    steps={1: 500, 8: 100, 100: 20},
    busy={1: 60, 8: 12},
    starts=40,
    recovery_jobs=100,
    recovery_steps=100,
    appends={1: 1_000, 100: 10_000, 1_000: 20_000},
    rebuild=10_000,
    host_calls=100_000,
    module_functions=320,
    loads=15,
)

# The numbers of jobs and the sizes of appends stay: they are what the rows are about.
QUICK = Counts(
    steps={1: 10, 8: 4, 100: 2},
    busy={1: 4, 8: 2},
    starts=4,
    recovery_jobs=8,
    recovery_steps=5,
    appends={1: 5, 100: 200, 1_000: 2_000},
    rebuild=500,
    host_calls=500,
    module_functions=20,
    loads=3,
)
