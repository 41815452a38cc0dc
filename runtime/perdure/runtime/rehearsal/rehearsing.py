"""Rehearsing a new version of an extension against the jobs of a log, from any process that can read it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final
from uuid import UUID

from perdure.runtime.extensions import InitLimits
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.proof.modules import ProofModules
from perdure.runtime.rehearsal.job_rehearser import JobRehearser, RehearsalLimits
from perdure.runtime.rehearsal.new_version import NewVersion, new_version
from perdure.runtime.rehearsal.rehearsal import JobRehearsal, Rehearsal, Verdict
from perdure.runtime.rehearsal.selection import Sample, select_jobs
from perdure.runtime.rehearsal.workers import Found, RehearsalWorkers, candidate_of
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.settings import RuntimeSettings
from perdure.store.event_store import EventStore
from perdure.store.lmdb_store import LmdbEventStore

Told = Callable[[JobRehearsal, int, int], None]  # one that is done; how many are, of so many

MOST_WORKERS: Final = 64


def rehearse(
    store: EventStore,
    keychain: Keychain,
    name: str | os.PathLike[str],
    settings: RuntimeSettings,
    *,
    sample: int | None = 20,
    seed: int | None = None,
    workers: int | None = None,
    limits: RehearsalLimits | None = None,
    told: Told = lambda job, done, total: None,
) -> Rehearsal:
    """Run the unfinished jobs of an extension, and a sample of the finished ones, again with a new version of it.

    Nothing is recorded, no operation runs, and nothing of the new version is kept. A log on a disk is read by processes
    of their own, while another one may go on writing it.

    Args:
        store, keychain: the log, and what opens its sealed payloads.
        name: the new version: an extension's folder, or the id of one whose update waits for consent.
        settings: what ``plugin_init`` may use, and the master key.
        sample: how many finished jobs of each type; None: all.
        seed: which of them; None: others each time.
        workers: processes; None: as many as there are processors.
        limits: what one job may use.
        told: called on the caller's thread for each job.

    Raises:
        UnknownExtension, NoUpdateProposed, RehearsalRefused: there is no such version.
        ExtensionFolderError, ManifestError: what is wrong with the folder.
        StoreError: the log cannot be read.
        ValueError: ``sample`` or ``workers`` makes no sense.
    """
    limits = limits or RehearsalLimits()
    count = workers if workers is not None else os.cpu_count() or 1
    if not 1 <= count <= MOST_WORKERS:
        raise ValueError(f"workers is {count}; it must be from 1 to {MOST_WORKERS}")
    seed = seed if seed is not None else random.SystemRandom().randrange(1 << 32)
    version = new_version(store, os.fspath(name), InitLimits(settings.init_seconds, settings.init_fuel))
    selection = select_jobs(store, version.extension, Sample(sample, seed))
    jobs = (*selection.unfinished, *selection.sample)
    found: dict[UUID, JobRehearsal] = {}
    with closing(_each(store, keychain, version, limits, settings, jobs, count)) as answers:
        for job_id, answer in answers:
            one = answer if isinstance(answer, JobRehearsal) else _died(store, job_id, answer)
            found[job_id] = one
            told(one, len(found), len(jobs))
    return Rehearsal(
        extension=version.extension,
        installed=version.installed,
        version=version.version,
        module=version.module,
        seed=seed,
        finished=selection.finished,
        jobs=tuple(found[job_id] for job_id in jobs),
        problem=version.problem,
    )


def _each(
    store: EventStore,
    keychain: Keychain,
    version: NewVersion,
    limits: RehearsalLimits,
    settings: RuntimeSettings,
    jobs: tuple[UUID, ...],
    count: int,
) -> Generator[Found, None, None]:
    # A module that cannot be used runs nowhere, so it needs no process; a log in memory is in this one only.
    if version.problem or not isinstance(store, LmdbEventStore):
        guests = WasmGuestFactory(ProofModules(lambda _: version.wasm, lambda _: version.machine_code))
        rehearser = JobRehearser(store, keychain, candidate_of(version), guests, limits)
        for job_id in jobs:
            yield job_id, rehearser.rehearse(job_id)
        return
    processes = RehearsalWorkers(store.path, version, limits, count, settings.master_key)
    with processes, closing(processes.rehearse(jobs)) as answers:
        yield from answers


def _died(store: EventStore, job_id: UUID, reason: str) -> JobRehearsal:
    state = store.job(job_id)
    return JobRehearsal(
        job_id=job_id,
        job_type=state.job_type,
        status=state.status,
        version=state.version,
        verdict=Verdict.UNDECIDED,
        reason=reason,
    )
