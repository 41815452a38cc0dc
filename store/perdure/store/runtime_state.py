"""What the runtime's own events add up to."""

from __future__ import annotations

import msgspec

from perdure.store.events import Event, LogRestored, ModuleCompiled, RuntimeClosed, RuntimeOpened


class RuntimeState(msgspec.Struct, frozen=True, kw_only=True):
    """The processes that held the folder, and the machine code they made.

    ``artifacts`` maps ``module@engine`` to the SHA-256 of the machine code; ``closed`` is False while a process holds
    the folder and after one died; ``opens`` and ``crashes`` count since the beginning.
    """

    pid: int = 0
    closed: bool = True
    opens: int = 0
    crashes: int = 0
    artifacts: dict[str, str] = {}


def evolve(state: RuntimeState | None, event: Event, sequence: int, time: int) -> RuntimeState:
    """The state after one more event."""
    state = state if state is not None else RuntimeState()
    if isinstance(event, RuntimeOpened):
        crashed = 0 if state.closed else 1
        return msgspec.structs.replace(
            state, pid=event.pid, closed=False, opens=state.opens + 1, crashes=state.crashes + crashed
        )
    if isinstance(event, RuntimeClosed | LogRestored):  # whoever held the folder that was saved does not hold this one
        return msgspec.structs.replace(state, closed=True)
    if isinstance(event, ModuleCompiled):
        key = f"{event.module}@{event.engine}"
        return msgspec.structs.replace(state, artifacts={**state.artifacts, key: event.artifact})
    return state
