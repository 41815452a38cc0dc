"""One ``perdure dev``: carries out what the loop decides, and tells it what happens. All of it on the main thread."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.errors import ActorError
from perdure.cli.dev import loop
from perdure.cli.dev.activity import Activity
from perdure.cli.dev.loop import DevLoop, JobView, OnChange
from perdure.cli.dev.screen import HELP, Screen, Stage, screen_for, show_line
from perdure.cli.dev.workbench import Builds, Workbench
from perdure.cli.error_codes import error_line, exit_code
from perdure.cli.errors import CommandError
from perdure.cli.event_text import error_text
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import REFRESH
from perdure.cli.invocation import Invocation
from perdure.cli.job_view import end_lines
from perdure.cli.job_words import attention
from perdure.cli.terminal_text import counted, percent, printable
from perdure.runtime import PerdureError, Runtime
from perdure.store.blobs import load_payload
from perdure.store.errors import StoreError
from perdure.store.events import JobDispatched, job_stream
from perdure.store.export import as_json
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status

_EVENTS: Final = 20_000  # that are read at once: a job may make them faster than anybody can be shown
_Failed = (PerdureError, StoreError, ActorError, TimeoutError)


class DevOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. ``state`` gives the first state of each job that is dispatched."""

    job: str | None
    state: Callable[[], bytes | None]
    library: UUID
    on_change: OnChange
    once: bool
    keys: bool


class Session:
    """The loop, and all around it.

    Args:
        invocation: the command's.
        runtime: the project's own.
        build: builds the project as it is now.
        options: see `DevOptions`.
        stopped: whether somebody wants it to end.
        clock: seconds; it does not go back.
    """

    def __init__(
        self,
        invocation: Invocation,
        runtime: Runtime,
        build: Builds,
        options: DevOptions,
        stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = invocation.output
        self._json = invocation.json
        self._runtime = runtime
        self._options = options
        self._stopped = stopped
        self._clock = clock
        self._happenings: queue.SimpleQueue[loop.Happening | loop.Say] = queue.SimpleQueue()
        self._loop = DevLoop(once=options.once, on_change=options.on_change)
        self._bench = Workbench(runtime, build, self._happenings.put)
        self._screen: Screen
        self._stage: Stage | None = None
        self._recovered = False
        self._code: ExitCode | None = None
        self._activity = Activity(self._allow)
        self._seen = 0  # events of the job
        self._state: JobState | None = None  # the job as the loop knows it, and the person sees it
        self.job_id: UUID | None = None

    # --- what others tell --------------------------------------------------------------------------------------------

    def changed(self, files: tuple[str, ...]) -> None:
        """Sources have changed; from any thread."""
        self._happenings.put(loop.Changed(files))

    def pressed(self, key: str) -> None:
        """A key was pressed; from any thread."""
        self._happenings.put(loop.Pressed(key))

    # --- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> ExitCode:
        """Go on until it is over; returns how the command is to end. A job that has not ended is left as it is."""
        with screen_for(self._output, json=self._json, keys=self._options.keys) as self._screen:
            self._carry_out(self._loop.start())
            while self._code is None and not self._stopped():
                self._take(REFRESH)
                self._look()
                self._handle(loop.Ticked())
                self._draw()
        self._bench.join()
        return self._code if self._code is not None else ExitCode.DONE

    def _take(self, seconds: float) -> None:
        """All that has happened, or the first thing that happens within this time."""
        with contextlib.suppress(queue.Empty):
            happening = self._happenings.get(timeout=seconds)
            while True:
                if isinstance(happening, loop.Say):
                    self._do(happening)
                else:
                    self._handle(happening)
                happening = self._happenings.get_nowait()

    def _handle(self, happening: loop.Happening) -> None:
        if isinstance(happening, loop.WasBuilt | loop.NotBuilt | loop.WasInstalled):
            self._stage = None
        self._carry_out(self._loop.handle(happening, self._clock()))

    def _carry_out(self, actions: list[loop.Action]) -> None:
        for action in actions:
            if self._code is None:
                self._do(action)

    def _do(self, action: loop.Action) -> None:
        match action:
            case loop.Build():
                self._enter("building")
                self._bench.build()
            case loop.Install(folder):
                self._enter(self._bench.install_stage)
                self._bench.install(folder)
            case loop.FindJob():
                self._find()
            case loop.TakeUp(job):
                self._take_up(job)
            case loop.Dispatch():
                self._dispatch()
            case loop.Control(job_id, what):
                self._control(job_id, what)
            case loop.Say(text, bad, said):
                self._say(text, said, bad=bad)
            case loop.ShowEnd():
                self._show_end()
            case loop.ShowHelp():
                for key, meaning in HELP:
                    self._output.note(f"  {key}  {meaning}")
            case loop.Leave(code):
                self._code = code

    def _say(self, text: str, said: str, *, bad: bool) -> None:
        self._show_said(said)
        if text:
            (self._output.error if bad else self._output.say)(text)

    def _show_said(self, said: str) -> None:
        """What a tool or a guest wrote, line by line."""
        for line in said.rstrip().split("\n") if said else ():
            self._output.note(f"  {printable(line)}")

    # --- the job -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Show what the job has done since the last look, and tell the loop how it is."""
        if self.job_id is None:
            return
        state = self._state = self._runtime.store.job(self.job_id)
        until = min(state.sequence, self._seen + _EVENTS)
        while True:
            for stored in self._runtime.store.read(job_stream(self.job_id), after=self._seen, until=until):
                self._seen = stored.sequence
                if self._json:
                    if not self._options.once:
                        self._output.json(as_json(stored))
                    continue
                for line in self._activity.lines(stored.event, self._clock()):
                    show_line(self._output, line)
            if until >= state.sequence or not state.finished:
                break
            until = min(state.sequence, until + _EVENTS)
        self._handle(loop.Seen(JobView.of(state)))

    def _enter(self, stage: str) -> None:
        self._stage = Stage(stage, self._clock())
        self._draw()

    def _draw(self) -> None:
        state = self._state
        self._screen.update(state if state is not None and not state.finished else None, self._stage)

    def _follow(self, job_id: UUID, after: int) -> None:
        self.job_id, self._seen, self._state = job_id, after, None
        self._activity = Activity(self._allow)

    def _job_type(self) -> str:
        """The full name of the job type that was asked for, or the first one there is.

        Raises:
            CommandError: the extension has no jobs.
        """
        info = self._bench.info
        if info is None:
            raise ValueError("nothing is installed")
        names = [kind.name for kind in info.job_types]
        if not names:
            raise CommandError(f"{info.extension} has no jobs yet", ExitCode.UNKNOWN)
        return f"{info.extension}:{self._options.job or names[0]}"

    def _find(self) -> None:
        try:
            job_type = self._job_type()
        except CommandError as error:
            self._handle(loop.NotDispatched(str(error), error.code))
            return
        self._say_jobs(job_type)
        page = self._runtime.jobs(statuses=UNFINISHED, job_type=job_type, limit=1)
        if not page.jobs:
            self._handle(loop.Found(None))
            return
        state = page.jobs[0]
        self._follow(state.job_id, state.sequence)
        self._handle(loop.Found(JobView.of(state), self._fits(state)))

    def _say_jobs(self, job_type: str) -> None:
        info = self._bench.info
        others = [kind.name for kind in info.job_types if f"{info.extension}:{kind.name}" != job_type] if info else []
        if others and self._options.job is None:
            self._output.say(f"running {job_type}; --job NAME runs another: {printable(', '.join(others))}")

    def _fits(self, job: JobState) -> bool:
        """Whether a job began with the state that is asked for, if one is."""
        wanted = self._options.state()
        if wanted is None:
            return True
        first = next(self._runtime.store.read(job_stream(job.job_id), until=1)).event
        if not isinstance(first, JobDispatched):
            return False
        return _as_json(load_payload(self._runtime.store.blobs, first.state)) == _as_json(wanted)

    def _take_up(self, job: JobView) -> None:
        was = self._runtime.job(job.job_id).state
        self._output.say(f"taking up job {job.job_id} at {_where(was)}")
        self._recover()
        if self._runtime.job(job.job_id).status is Status.PAUSED:
            self._control(job.job_id, "resume")

    def _recover(self) -> None:
        """Let all jobs go on that an earlier process left: of the other ones, this one's children may be some."""
        if not self._recovered:
            self._recovered = True
            others = [handle.job_id for handle in self._runtime.recover() if handle.job_id != self.job_id]
            if others:
                verb = "goes" if len(others) == 1 else "go"
                self._output.say(f"{counted(len(others), 'other job')} of the data folder {verb} on too")

    def _dispatch(self) -> None:
        self._recover()
        try:
            first = self._options.state()
            handle = self._runtime.dispatch(self._job_type(), first, library_id=self._options.library)
        except (*_Failed, CommandError) as error:
            self._handle(loop.NotDispatched(error_line(error), exit_code(error)))
            return
        state = handle.state
        self._follow(handle.job_id, 0)
        without = "" if first is not None else ", without a state: --state JSON gives it one"
        name = printable(f"{state.job_type} {state.version}")
        self._output.say(f"job {handle.job_id} begins: {name}{without}")
        self._handle(loop.Dispatched(JobView.of(state)))

    def _control(self, job_id: UUID, action: str) -> None:
        try:
            getattr(self._runtime, action)(job_id)
        except _Failed as error:
            # It may have ended just now, which the next look shows; else the person has to know.
            if not self._runtime.job(job_id).state.finished:
                self._output.error(error_line(error))

    def _show_end(self) -> None:
        if self.job_id is None:
            return
        state = self._runtime.store.job(self.job_id)
        for line in self._activity.calls():
            show_line(self._output, line)
        for text in end_lines(state):
            self._output.note(text)
        if state.status is Status.FAILED and state.error is not None:
            for value in state.error.data.values():
                if isinstance(value, str) and "\n" in value:
                    self._show_said(value)  # a traceback
            self._output.error(error_text(state.error))
        if state.status is Status.ATTENTION:
            self._output.say(attention(state))

    def _allow(self, method: str) -> str:
        return f'to allow it, add "{method}" to the permissions'


def _where(was: JobState) -> str:
    """Where a job goes on."""
    if was.is_broken_off:
        return percent(was.progress)
    if was.resumable and was.checkpoint is not None:
        return f"{percent(was.checkpoint.progress)}, from its last checkpoint"
    return "its beginning"


def _as_json(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return data
