"""Jobs that were sealed and folded by retention since: said as such, and still no way to replace them."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from tests.support.job_events import Ticks, completed, dispatched, items, job_id, put_module, runtime_opened, started
from tests.support.manual_clock import ManualClock

from perdure.runtime.seals.checking import SealWitness
from perdure.runtime.seals.proof import check_proof, proof_of
from perdure.runtime.seals.seal_file import seal_file_of
from perdure.runtime.seals.sealer import Sealer
from perdure.runtime.secrets.keychain import Keychain
from perdure.store import LmdbEventStore, check
from perdure.store import events as ev
from perdure.store.folding import fold_job

JOB, OTHER = ev.job_stream(job_id(1)), ev.job_stream(job_id(2))


def open_store(folder: Path) -> LmdbEventStore:
    return LmdbEventStore.open(folder, clock=Ticks(), map_size=1 << 20)


def write_log(store: LmdbEventStore) -> Sealer:
    put_module(store)
    store.append(ev.RUNTIME_STREAM, [runtime_opened()])
    for number in (1, 2):
        store.append(ev.job_stream(job_id(number)), [dispatched(job_id(number)), started(), items(1)])
    return Sealer(store, Keychain.in_memory(), store.append, ManualClock())


def fold(store: LmdbEventStore, number: int) -> None:
    planned = fold_job(store, store.job(job_id(number)))
    store.append(planned.stream, [planned.event], planned.expected)
    while store.remove_folded(100).events:
        pass


def test_what_was_sealed_before_is_said_and_the_end_is_compared(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        sealer = write_log(store)
        sealer.seal()
        early = seal_file_of(store)
        store.append(JOB, [items(2), completed(200)])
        sealer.seal()
        late = seal_file_of(store)
        fold(store, 1)
        sealer.seal()
        report = check(store, SealWitness(seal=early))
        assert (report.problems, report.folded) == ([], [JOB])
        report = check(store, SealWitness(seal=late))
        assert report.problems == []
        found = proof_of(store, JOB)
        assert found is not None
        assert check_proof(found).sequence == 6
        # What is left of the job would fit another history too, but for the seal.
        false = replace(late, ends=tuple((n, s, q, bytes(32) if s == JOB else h) for n, s, q, h in late.ends))
        witness = SealWitness()
        witness._seal, witness._statement = false, SealWitness(seal=late)._statement
        (problem,) = check(store, witness).problems
        assert problem.where == JOB
