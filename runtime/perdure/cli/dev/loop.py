"""What ``perdure dev`` does next: events in, actions out. Pure: no I/O, and the time is an argument.

One job is looked after. A change is built, then installed; then the job comes to the new code:

- ``keep``: at its next checkpoint by itself. One that takes longer than `PATIENCE` is paused, and goes on from its last
  checkpoint. One that failed goes on from there too; one that has no checkpoint, or has completed, is dispatched anew.
- ``restart``: it is cancelled, and dispatched anew.

What cannot be built or installed changes nothing: what was installed before goes on.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from perdure.cli.exit_codes import ExitCode
from perdure.store.job_state import JobState
from perdure.store.lifecycle import TERMINAL, Status

PATIENCE: Final = 1.0  # seconds in which a job should come to a checkpoint by itself
_NAMED: Final = 3  # changed files that are named


class OnChange(enum.StrEnum):
    """What becomes of a job that runs when its code has changed."""

    KEEP = "keep"  # it goes on in the new code
    RESTART = "restart"  # it is cancelled and dispatched anew


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a job decides."""

    job_id: UUID
    status: Status
    module: str
    attempts: int = 0
    has_checkpoint: bool = False

    @property
    def finished(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status in TERMINAL

    @classmethod
    def of(cls, state: JobState) -> JobView:
        """The view of a job as it is now."""
        return cls(
            job_id=state.job_id,
            status=state.status,
            module=state.module,
            attempts=state.attempts,
            has_checkpoint=state.resumable and state.checkpoint is not None,
        )


# --- what happens -----------------------------------------------------------------------------------------------------


class Changed(msgspec.Struct, frozen=True):
    """Sources were changed: their paths, within the project."""

    files: tuple[str, ...]


class WasBuilt(msgspec.Struct, frozen=True):
    """There is a folder to be installed."""

    folder: Path


class NotBuilt(msgspec.Struct, frozen=True):
    """It could not be built or installed. ``said`` is what a compiler wrote; ``fatal``: no change will mend it."""

    text: str
    code: ExitCode
    said: str = ""
    fatal: bool = False


class WasInstalled(msgspec.Struct, frozen=True):
    """The module with this SHA-256 is the one that is installed."""

    module: str


class Found(msgspec.Struct, frozen=True):
    """The unfinished job of an earlier process, if there is one; ``fits``: it has the state that is asked for."""

    job: JobView | None
    fits: bool = True


class Dispatched(msgspec.Struct, frozen=True):
    """There is a new job."""

    job: JobView


class NotDispatched(msgspec.Struct, frozen=True):
    """The job could not be dispatched, or not be told what it was to be told."""

    text: str
    code: ExitCode


class Seen(msgspec.Struct, frozen=True):
    """The job as it is now."""

    job: JobView


class Pressed(msgspec.Struct, frozen=True):
    """A key was pressed."""

    key: str


class Ticked(msgspec.Struct, frozen=True):
    """Time has passed."""


Happening = Changed | WasBuilt | NotBuilt | WasInstalled | Found | Dispatched | NotDispatched | Seen | Pressed | Ticked


# --- what is to be done -----------------------------------------------------------------------------------------------


class Build(msgspec.Struct, frozen=True):
    """Build the project; answered by `WasBuilt` or `NotBuilt`."""


class Install(msgspec.Struct, frozen=True):
    """Install a folder; answered by `WasInstalled` or `NotBuilt`."""

    folder: Path


class FindJob(msgspec.Struct, frozen=True):
    """Look for the job of an earlier process; answered by `Found`."""


class TakeUp(msgspec.Struct, frozen=True):
    """Let the job that was found go on."""

    job: JobView


class Dispatch(msgspec.Struct, frozen=True):
    """Dispatch a job; answered by `Dispatched` or `NotDispatched`."""


class Control(msgspec.Struct, frozen=True):
    """Tell the job: ``pause``, ``resume``, ``cancel`` or ``retry``."""

    job_id: UUID
    action: str


class Say(msgspec.Struct, frozen=True):
    """Tell the person something; ``said`` is what a tool wrote, shown before it. Either may be empty."""

    text: str
    bad: bool = False
    said: str = ""


class ShowEnd(msgspec.Struct, frozen=True):
    """Show what became of the job."""


class ShowHelp(msgspec.Struct, frozen=True):
    """Show what the keys do."""


class Leave(msgspec.Struct, frozen=True):
    """End, with this exit code; an unfinished job is left for the next time."""

    code: ExitCode


Action = Build | Install | FindJob | TakeUp | Dispatch | Control | Say | ShowEnd | ShowHelp | Leave

_WAITING: Final = Say("waiting for a change; r runs it again")
_END_CODES: Final = {
    Status.COMPLETED: ExitCode.DONE,
    Status.FAILED: ExitCode.JOB_FAILED,
    Status.CANCELLED: ExitCode.JOB_CANCELLED,
}


class DevLoop:
    """The state of one ``perdure dev``.

    Args:
        once: build, run to the end, leave; there are no changes and no keys then.
        on_change: what becomes of a job that runs.
        patience: see `PATIENCE`.
    """

    def __init__(self, *, once: bool, on_change: OnChange, patience: float = PATIENCE) -> None:
        self._once = once
        self._on_change = on_change
        self._patience = patience
        self._busy = False  # with a build or an install
        self._stale = False  # the sources have changed since that began
        self._module: str | None = None  # what is installed
        self._job: JobView | None = None
        self._anew = False  # a job is dispatched when this one has ended
        self._moves_since: float | None = None  # the job is to come to the installed module since then
        self._paused_to_move = False

    def start(self) -> list[Action]:
        """What is done first."""
        self._busy = True
        return [Build()]

    def handle(self, happening: Happening, now: float) -> list[Action]:
        """What is to be done because of it, in order; ``now`` in seconds of any clock that does not go back."""
        match happening:
            case Changed(files):
                return self._changed(files)
            case WasBuilt(folder):
                return self._build_again() if self._stale else [Install(folder)]
            case NotBuilt():
                return self._not_built(happening)
            case WasInstalled(module):
                return self._installed(module, now)
            case Found(job, fits):
                return self._found(job, fits=fits)
            case Dispatched(job):
                self._job = job
                return []
            case NotDispatched(text, code):
                return [Say(text, bad=True), *(self._leave(code) or [_WAITING])]
            case Seen(job):
                return self._seen(job, now)
            case Pressed(key):
                return self._pressed(key)
            case Ticked():
                return self._pause_if_late(now)

    # --- building and installing -------------------------------------------------------------------------------------

    def _changed(self, files: tuple[str, ...]) -> list[Action]:
        names = ", ".join(files[:_NAMED]) + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")
        if self._busy:
            self._stale = True
            return []
        self._busy = True
        return [Say(f"changed: {names}"), Build()]

    def _build_again(self) -> list[Action]:
        """What was just built is out of date: it is not even installed."""
        self._stale = False
        return [Say("changed again meanwhile"), Build()]

    def _not_built(self, failure: NotBuilt) -> list[Action]:
        if self._stale and not failure.fatal:
            return self._build_again()
        self._busy = False
        if failure.fatal:
            return [Say(failure.text, bad=True, said=failure.said), Leave(failure.code)]
        job = self._job
        goes_on = self._module is not None and job is not None and not job.finished
        then = "the version before goes on" if goes_on else "waiting for a change"
        text = failure.text if self._once else f"{failure.text}; {then}"
        return [Say(text, bad=True, said=failure.said), *self._leave(failure.code)]

    def _installed(self, module: str, now: float) -> list[Action]:
        before, self._module = self._module, module
        self._busy = False
        if before is None:
            actions: list[Action] = [FindJob()]
        elif before == module:
            actions = [Say("the module is the same as before: nothing to do")]
        else:
            actions = self._new_code(now)
        if self._stale:
            self._busy = True
            actions += self._build_again()
        return actions

    # --- the job and its code ----------------------------------------------------------------------------------------

    def _found(self, job: JobView | None, *, fits: bool) -> list[Action]:
        self._job = job
        if job is None:
            return [Dispatch()]
        if not fits:
            return self._begin_anew(job, "has another state than the one asked for")
        if self._on_change is OnChange.RESTART and job.module != self._module:
            return self._begin_anew(job, "ran older code")
        if job.status is Status.ATTENTION:
            return [TakeUp(job), ShowEnd(), *self._leave(ExitCode.JOB_WAITS)]
        return [TakeUp(job)]

    def _new_code(self, now: float) -> list[Action]:
        """The job has to come to the module that was just installed."""
        self._moves_since = None
        job = self._job
        if job is None:
            return [Dispatch()]
        if self._anew:
            return []  # its end, which is on its way, dispatches anew
        if job.finished:
            if job.status is Status.FAILED and job.has_checkpoint and self._on_change is OnChange.KEEP:
                return [Say("it failed: it goes on from its last checkpoint, in the new code"), self._tell("retry")]
            return [Dispatch()]
        if self._on_change is OnChange.RESTART:
            return self._begin_anew(job, "is cancelled")
        if job.status is Status.ATTENTION:
            return [Say("the job waits for a person; r begins anew")]
        if job.status is Status.PAUSED:
            return [Say("the job is paused; p lets it go on, in the new code")]
        self._moves_since = now
        return [self._tell("retry")] if job.status is Status.BACKOFF else []

    def _begin_anew(self, job: JobView, why: str) -> list[Action]:
        self._anew = True
        return [Say(f"job {job.job_id} {why}: a new one is dispatched"), Control(job.job_id, "cancel")]

    def _pause_if_late(self, now: float) -> list[Action]:
        job, since = self._job, self._moves_since
        if job is None or since is None or self._paused_to_move or now - since < self._patience:
            return []
        if job.status is not Status.RUNNING:
            return []
        self._paused_to_move = True
        return [self._tell("pause")]

    def _seen(self, job: JobView, now: float) -> list[Action]:
        before, self._job = self._job, job
        if job.finished:
            return self._ended(job, now) if _is_news(job, before) else []
        if job.module == self._module:
            self._moves_since = None
        if job.status is Status.PAUSED and self._paused_to_move:
            return self._go_on_in_new_code(job)
        if before is not None and job.status is before.status:
            return []
        if job.status is Status.PAUSED and self._once:
            return [ShowEnd(), *self._leave(ExitCode.JOB_WAITS)]
        if job.status is Status.ATTENTION:
            return [ShowEnd(), *self._leave(ExitCode.JOB_WAITS)]
        return []

    def _go_on_in_new_code(self, job: JobView) -> list[Action]:
        self._moves_since, self._paused_to_move = None, False
        if job.module == self._module or job.has_checkpoint:
            return [self._tell("resume")]  # it has moved already, or moves now
        return self._begin_anew(job, "had no checkpoint yet")

    def _ended(self, job: JobView, now: float) -> list[Action]:
        self._paused_to_move = False
        if self._anew:
            self._anew = False
            return [Dispatch()]
        moves, self._moves_since = self._moves_since is not None, None
        if moves and job.module != self._module:
            # In the code before, which nobody wants to see any more.
            return [ShowEnd(), *self._new_code(now)]
        if self._once:
            return self._leave(_END_CODES[job.status])
        if job.status is Status.FAILED and job.has_checkpoint and self._on_change is OnChange.KEEP:
            return [ShowEnd(), Say("with the next change it goes on from its last checkpoint; r begins anew")]
        return [ShowEnd(), *([] if self._busy else [_WAITING])]

    # --- keys --------------------------------------------------------------------------------------------------------

    def _pressed(self, key: str) -> list[Action]:
        match key.lower():
            case "q":
                return [Leave(ExitCode.DONE)]
            case "?" | "h":
                return [ShowHelp()]
            case "r":
                return self._restart()
            case "p" | " ":
                return self._pause_or_resume()
            case "c":
                return self._cancel()
        return []

    def _restart(self) -> list[Action]:
        job = self._job
        if self._module is None:
            return [Say("nothing is built yet")]
        if job is not None and not job.finished:
            return [] if self._anew else self._begin_anew(job, "is cancelled")
        return [Dispatch()]

    def _pause_or_resume(self) -> list[Action]:
        job = self._job
        if job is None or job.finished:
            return [Say("no job runs; r runs one")]
        self._paused_to_move = False  # from now on the person decides
        if job.status is Status.PAUSED:
            return [Say("goes on"), self._tell("resume")]
        if job.status is Status.ATTENTION:
            return [Say("the job waits for a person")]
        return [Say("pausing; p lets it go on"), self._tell("pause")]

    def _cancel(self) -> list[Action]:
        if self._job is None or self._job.finished:
            return [Say("no job runs; r runs one")]
        return [self._tell("cancel")]

    def _tell(self, action: str) -> Control:
        if self._job is None:
            raise ValueError("there is no job")
        return Control(self._job.job_id, action)

    def _leave(self, code: ExitCode) -> list[Action]:
        return [Leave(code)] if self._once else []


def _is_news(job: JobView, before: JobView | None) -> bool:
    """Whether the end of a job was not seen yet; one that is tried again may fail again at once."""
    return before is None or not before.finished or (before.job_id, before.attempts) != (job.job_id, job.attempts)
