"""What the runtime's own events add up to."""

from __future__ import annotations

import msgspec

from perdure.store.events import (
    Event,
    HeadsSealed,
    KeysErased,
    LogRestored,
    ModuleCompiled,
    RuntimeClosed,
    RuntimeOpened,
    SealKeyIntroduced,
)
from perdure.store.seals.statement import statement_of


class LastSeal(msgspec.Struct, frozen=True, kw_only=True):
    """The newest seal: its event's sequence, the position it states, its time, and its statement's SHA-256."""

    sequence: int
    position: int
    time: int
    digest: bytes


class RuntimeState(msgspec.Struct, frozen=True, kw_only=True):
    """The processes that held the folder, and the machine code they made.

    ``artifacts`` maps ``module@engine`` to the SHA-256 of the machine code; ``closed`` is False while a process holds
    the folder and after one died; ``opens`` and ``crashes`` count since the beginning. ``seal_key`` is the public key
    that signs the seals, empty before there is one; ``erased`` are the ids of all keys that were erased.
    """

    pid: int = 0
    closed: bool = True
    opens: int = 0
    crashes: int = 0
    artifacts: dict[str, str] = {}
    seal_key: bytes = b""
    seal: LastSeal | None = None
    erased: tuple[str, ...] = ()


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
    if isinstance(event, SealKeyIntroduced):
        return msgspec.structs.replace(state, seal_key=event.key)
    if isinstance(event, HeadsSealed):
        digest = statement_of(event).digest
        seal = LastSeal(sequence=sequence, position=event.position, time=event.time, digest=digest)
        return msgspec.structs.replace(state, seal=seal)
    if isinstance(event, KeysErased):
        return msgspec.structs.replace(state, erased=(*state.erased, *event.keys))
    return state
