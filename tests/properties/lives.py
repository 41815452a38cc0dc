"""Whether a job that was killed lived the life of one that never was."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.guest_world import JOB, World, at_commit, counted, facts, live

from perdure.runtime.proof import Verdict
from perdure.runtime.proof.verifying import Verifier
from perdure.runtime.secrets.keychain import Keychain
from perdure.store import EventStore, LmdbEventStore, check
from perdure.store.events import BudgetReached, DoubtResolved, GuestEvent, job_stream, tag_of

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0  # seconds


def differences(undisturbed: tuple[EventStore, World], other: tuple[EventStore, World]) -> list[str]:
    """What is not the same in two worlds where the same guest's job came to its end."""
    found = []
    (store, world), (other_store, other_world) = undisturbed, other
    for expected, came in zip(facts(store), facts(other_store), strict=False):
        if expected != came:
            found.append(f"expected was {expected}, found {came}")
            break
    if len(facts(store)) != len(facts(other_store)):
        found.append(f"{len(facts(other_store))} facts, not {len(facts(store))}")
    found += [
        f"{name} is {other_value}, not {value}"
        for name, value, other_value in (
            ("what counts", _counters(store), _counters(other_store)),
            ("what was counted in rows", counted(store), counted(other_store)),
            ("what was done once", world.effects("once"), other_world.effects("once")),
            ("what was done plainly", world.effects("plain"), other_world.effects("plain")),
        )
        if value != other_value
    ]
    found += _repeated(other_store)
    for kind in ("once", "plain"):
        keys = [key for key, _ in other_world.lines(kind)]
        if len(set(keys)) != len(keys):
            found.append(f"{kind}: an effect happened twice under one name")
    found += [f"{problem.where}: {problem.what}" for problem in check(other_store).problems]
    proof = Verifier(other_store, Keychain.in_memory(None)).verify(JOB)
    if proof.verdict is not Verdict.PROVED:
        found.append(f"it is not proved: {proof}")
    return found


def _repeated(store: EventStore) -> list[str]:
    """The calls that are in the log more than once; an intent may be if a person let the action begin anew."""
    events = [stored.event for stored in store.read(job_stream(JOB))]
    seen = Counter(
        (tag_of(event), event.call)
        for event in events
        if isinstance(event, GuestEvent) and not isinstance(event, BudgetReached)
    )
    seen.subtract(("intent", event.call) for event in events if isinstance(event, DoubtResolved))
    return [f"{tag} {call} is {count} times in the log" for (tag, call), count in seen.items() if count > 1]


def _counters(store: EventStore) -> tuple[object, ...]:
    state = store.job(JOB)
    counters = (state.items, state.bytes, state.warnings, state.checkpoints, state.progress, state.message)
    return (state.status, *counters, state.fuel, state.fuel_superseded, state.superseded)


def compare(home: Path, module: bytes, deaths: Sequence[int]) -> list[str]:
    """What is different if the processes, which are all in this one, die at the commits with these numbers."""
    calm = live(home / "calm", module, ())
    harsh = live(home / "harsh", module, [at_commit(number) for number in deaths])
    return differences((calm, World(home / "calm")), (harsh, World(home / "harsh")))


def compare_killed(home: Path, module: bytes, kills: Sequence[tuple[str, int]]) -> tuple[list[str], int]:
    """The same with processes that are killed at these failpoints, one after the other; and how many were."""
    calm = live(home / "calm", module, ())
    folder = home / "killed"
    folder.mkdir()
    (folder / "guest.wasm").write_bytes(module)
    killed = 0
    for failpoint, hit in (*kills, ("commit.before_sync", 0)):
        command = [sys.executable, "-m", "tests.properties.guest_process", str(folder), failpoint, str(hit)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE, check=False)
        if ended.returncode not in (0, -signal.SIGKILL):
            return [f"a process ended with {ended.returncode}: {ended.stderr.decode()}"], killed
        killed += ended.returncode != 0
    with LmdbEventStore.open_readonly(folder / "data") as store:
        return differences((calm, World(home / "calm")), (store, World(folder))), killed
