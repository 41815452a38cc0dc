"""The counter with perdure_sdk."""

from dataclasses import dataclass

from perdure_sdk import Extension, JobContext

ext = Extension("measured", name="Measured", version="0.1.0")


# the job
@dataclass
class CounterState:
    current: int = 0
    target: int = 0


@ext.job
def counter(ctx: JobContext, state: CounterState) -> None:
    while state.current < state.target:
        ctx.check_interrupt()
        state.current += 1
        ctx.report_progress(state.current / state.target, f"Counted {state.current}/{state.target}")
        ctx.increment_items(1)
        ctx.increment_bytes(8)
        ctx.checkpoint(state)


# the end of the job
