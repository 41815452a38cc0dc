"""``perdure resume``, and what ``perdure jobs resume`` and ``retry`` do: let jobs go on, and stay until they end."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import Foreground, MetricsPort, OwnForeground, Stopped, foreground
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId, MaybeJobId, require_job
from perdure.cli.job_ends import report_ends
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.terminal_text import counted, percent, printable
from perdure.cli.unlocking import UnlockFor, unlock_for_jobs
from perdure.runtime import PerdureError
from perdure.runtime.credentials.lock_operations import UNLOCK_SECONDS
from perdure.store.errors import IllegalTransition
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status


def resume(
    invocation: Invocation,
    job: MaybeJobId = None,
    metrics_port: MetricsPort = None,
    passphrase_file: PassphraseFile = None,
    unlock_for: UnlockFor = UNLOCK_SECONDS,
) -> None:
    """Let unfinished jobs go on from their last checkpoints, to their end: crashed, stopped and paused ones."""
    unlocking = Unlocking(passphrase_file, unlock_for)
    if job is not None:
        resume_one(invocation, job, metrics_port, as_list=True, unlocking=unlocking)
        return
    with invocation.read_if_any() as store:
        if store is None or not any(store.count_unfinished().values()):
            _nothing(invocation)
            return
    stopped = Stopped()
    with foreground(invocation, stopped, metrics_port) as front:
        before = unfinished(front)
        unlocking.unlock(front, (state.extension for state in before))
        refused = _recover_all(front, before)
        job_ids = [state.job_id for state in before if state.job_id not in refused]
        front.follow(job_ids)
    if not before and stopped.name is None:
        _nothing(invocation)  # there was only a fork that nobody will complete
        return
    report_ends(invocation, [state.job_id for state in before], stopped, as_list=True, refused=bool(refused))


def resume_job(invocation: Invocation, job: JobId) -> None:
    """Let a paused, stopped or crashed job go on, and stay until it ends."""
    resume_one(invocation, job)


def retry_job(invocation: Invocation, job: JobId) -> None:
    """Run a failed or cancelled job on from its last checkpoint, and stay until it ends."""
    retry_one(invocation, job)


def _nothing(invocation: Invocation) -> None:
    if invocation.json:
        invocation.output.json([])
    else:
        invocation.output.show(f"nothing to resume: no unfinished jobs in {invocation.data}")


class Unlocking(msgspec.Struct, frozen=True):
    """What the command line says about locked credentials: a file with the passphrase, and for how many seconds."""

    passphrase_file: str | None = None
    seconds: int = UNLOCK_SECONDS

    def unlock(self, front: Foreground, extensions: Iterable[str]) -> None:
        """Unlock what jobs of these extensions may need, see `unlock_for_jobs`."""
        passphrases = Passphrases(front.invocation, self.passphrase_file)
        unlock_for_jobs(front.invocation, front.runtime, extensions, passphrases, self.seconds)


_AS_ASKED = Unlocking()  # by the variable, or at the terminal


def resume_one(
    invocation: Invocation,
    job_id: UUID,
    metrics_port: int | None = None,
    *,
    as_list: bool = False,
    unlocking: Unlocking = _AS_ASKED,
) -> None:
    """Let one job go on and stay until it ends; the others stay as they are."""
    _one(invocation, job_id, "resume", metrics_port, unlocking, as_list=as_list)


def retry_one(invocation: Invocation, job_id: UUID, metrics_port: int | None = None) -> None:
    """Run a failed or cancelled job on, and stay until it ends."""
    _one(invocation, job_id, "retry", metrics_port, _AS_ASKED, as_list=False)


def _one(
    invocation: Invocation, job_id: UUID, action: str, metrics_port: int | None, unlocking: Unlocking, *, as_list: bool
) -> None:
    state = require_job(invocation, job_id)
    if not state.finished:
        invocation.require_free()  # before any advice that would not help
    if (advice := _ADVICE.get((action, state.status))) is not None:
        text = f"job {job_id} is {state.status}; {advice.format(job_id=job_id)}"
        raise CommandError(text, ExitCode.NOT_NOW)
    stopped = Stopped()
    with foreground(invocation, stopped, metrics_port) as front:
        state = front.runtime.job(job_id).state
        unlocking.unlock(front, [state.extension])
        if action == "retry":
            front.runtime.retry(job_id)
        else:
            let_go_on(front, state)
        if front.runtime.job(job_id).status is not Status.ATTENTION and not front.runs(state):
            _say_from_where(front, state)
        front.follow([job_id])
    report_ends(invocation, [job_id], stopped, as_list=as_list)


_ADVICE = {
    ("resume", Status.ATTENTION): "'perdure jobs resolve {job_id}' says what became of its action",
    ("retry", Status.ATTENTION): "'perdure jobs resolve {job_id}' says what became of its action",
    ("resume", Status.COMPLETED): "there is nothing left to do",
    ("resume", Status.FAILED): "'perdure jobs retry {job_id}' runs it on",
    ("resume", Status.CANCELLED): "'perdure jobs retry {job_id}' runs it on",
    ("retry", Status.COMPLETED): "there is nothing left to do",
    ("retry", Status.PAUSED): "'perdure jobs resume {job_id}' lets it go on",
    ("retry", Status.SUSPENDED): "'perdure jobs resume {job_id}' lets it go on",
    ("retry", Status.RUNNING): "'perdure jobs resume {job_id}' lets it go on",
    ("retry", Status.QUEUED): "'perdure jobs resume {job_id}' lets it go on",
}


def let_go_on(front: Foreground, state: JobState) -> None:
    """Let one job go on that does not run; the others stay as they are."""
    runtime = front.runtime
    if state.status is Status.BACKOFF:
        runtime.retry(state.job_id)
        return
    if front.runs(state):
        return
    if state.status is Status.QUEUED:
        # It was dispatched by a process that died before it began. One that is paused can be resumed; one that is
        # queued can only be recovered, and with it all the others, which nobody asked for.
        runtime.pause(state.job_id)
    runtime.resume(state.job_id)


def unfinished(front: Foreground) -> list[JobState]:
    """All jobs without an end, the oldest first."""
    found: list[JobState] = []
    before: UUID | None = None
    while True:
        page = front.runtime.jobs(statuses=UNFINISHED, before=before, limit=1000)
        found.extend(page.jobs)
        before = page.next
        if before is None:
            return found[::-1]


def _recover_all(front: Foreground, before: list[JobState]) -> set[UUID]:
    """Queue them all; returns those whose extension cannot be used, which stay as they are."""
    if not isinstance(front, OwnForeground):
        return _resume_all(front, before)
    runtime = front.runtime
    going = {handle.job_id for handle in runtime.recover()}
    refused: set[UUID] = set()
    for was in before:
        state = runtime.job(was.job_id).state
        if state.status is Status.ATTENTION:
            continue  # what is said at the end says what to do
        if state.status is Status.PAUSED:
            if not _resumed(front, state):
                refused.add(state.job_id)
                continue
            state = runtime.job(was.job_id).state
        elif state.job_id not in going and not state.finished:
            refused.add(state.job_id)  # the log of the runtime says why
            continue
        if not state.finished and state.status is not Status.ATTENTION:
            _say_from_where(front, was)
    return refused


def _resume_all(front: Foreground, before: list[JobState]) -> set[UUID]:
    """The same where a server runs the jobs: only those that it has not let go on by itself."""
    refused: set[UUID] = set()
    for was in before:
        if was.status in (Status.PAUSED, Status.SUSPENDED):
            if _resumed(front, was):
                _say_from_where(front, was)
            else:
                refused.add(was.job_id)
    return refused


def _resumed(front: Foreground, state: JobState) -> bool:
    """Let it go on; if its extension cannot be used, say so."""
    try:
        front.runtime.resume(state.job_id)
    except IllegalTransition:
        raise
    except PerdureError as error:
        front.invocation.output.say(f"job {state.job_id} stays {state.status}: {printable(str(error))}")
        return False
    return True


def _say_from_where(front: Foreground, was: JobState) -> None:
    if front.invocation.json:
        return
    checkpoint = was.checkpoint if was.resumable else None
    if was.is_broken_off:
        where = f"where it was, at {percent(was.progress)}, {counted(was.items, 'item')}"
    elif checkpoint is not None:
        where = f"from the checkpoint at {percent(checkpoint.progress)}, {counted(checkpoint.items, 'item')}"
    else:
        where = "from the start"
    front.invocation.output.note(f"{was.job_type} {was.job_id} goes on {where}")
