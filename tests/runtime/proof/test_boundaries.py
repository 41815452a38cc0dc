"""A job that was recorded behind one boundary is proved behind the other, in fuel and in bytes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.runtime.abi2.test_component_jobs import ended, install, talkative_component, talkative_module
from tests.support.guest_world import JOB, Process, bring_to_end, dispatch, facts
from tests.support.random_guests import EVERYTHING, guest_module

from perdure.runtime import Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.proof import Verdict
from perdure.runtime.proof.verifying import Verifier
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.store import MemoryEventStore
from perdure.store.events import GuestEvent, job_stream, tag_of

OTHER: dict[BoundaryName, BoundaryName] = {"raw": "stock", "stock": "raw"}


@pytest.mark.parametrize("end", ["completes", "traps"])
def test_a_module_that_does_everything(end: str, tmp_path: Path) -> None:
    recorded = []
    for boundary, other in OTHER.items():
        folder, store, keys = tmp_path / boundary, MemoryEventStore(), MemoryKeyFiles()
        folder.mkdir()
        with Process(store, keys, folder, boundary=boundary) as process:
            dispatch(process.runtime, folder / "extension", guest_module(EVERYTHING, end))
            bring_to_end(process.runtime, process.world, threading.Event())
        proof = Verifier(store, Keychain.in_memory(keys), boundary=other).verify(JOB)
        assert proof.verdict is Verdict.PROVED, proof
        recorded.append(facts(store))
    assert recorded[0] == recorded[1]


@pytest.mark.parametrize("make", [talkative_component, talkative_module])
def test_a_component_and_a_module(make: object, tmp_path: Path) -> None:
    assert callable(make)
    recorded = []
    for boundary, other in OTHER.items():
        settings = RuntimeSettings(boundary=boundary)
        with Runtime.open(tmp_path / boundary, settings=settings, consent=grant_as_asked) as runtime:
            install(runtime, tmp_path / f"{boundary}-extension", make())
            job = ended(runtime, Status.COMPLETED)
            proof = Verifier(runtime.store, runtime.keychain, boundary=other).verify(job.job_id)
            assert proof.verdict is Verdict.PROVED, proof
            events = [stored.event for stored in runtime.store.read(job_stream(job.job_id))]
            recorded.append(
                [(tag_of(event), event.call, event.fuel) for event in events if isinstance(event, GuestEvent)]
            )
    assert recorded[0] == recorded[1]
    assert len(recorded[0]) == 9
