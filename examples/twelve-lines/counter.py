from dataclasses import dataclass
from perdure_sdk import Extension, JobContext

ext = Extension("test-extension", name="Test Extension", version="0.1.0")

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
        ctx.checkpoint(state)
