"""What every command has: the global options, the output, the data folder.

``--data``, ``--json`` and ``--debug`` may stand before the command or after it; the last one counts.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec

import typer

from perdure.cli.any_runtime import AnyRuntime, server_listens
from perdure.cli.data_folder import VARIABLE, data_folder
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import Output
from perdure.cli.terminal_text import printable
from perdure.store.errors import StoreLocked, StoreMissing
from perdure.store.lmdb_store import LOCK_FILE, LmdbEventStore
from perdure.store.writer_lock import holder

if TYPE_CHECKING:
    from perdure.actors.hooks import ActorHooks
    from perdure.client.client import Client
    from perdure.runtime import Runtime

P = ParamSpec("P")

DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help=f"The data folder; else {VARIABLE}, else this user's place for data.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json", metavar="", help="Print JSON: one document, or one line an event where events are streamed."
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", metavar="", help="Print tracebacks, and all that is logged.")]

# What a person can do when another process works on the folder that takes no commands: about its jobs, and for
# something new.
BUSY: Final = (
    "jobs of this folder run in process {pid}, which takes no commands; stop it there (Ctrl-C): 'perdure serve' would "
    "take them"
)
BUSY_FOR_NEW: Final = "process {pid} works on {folder}; wait until it has ended, or choose another folder with --data"


class Invocation:
    """One run of the command line."""

    def __init__(self) -> None:
        self.output = Output()
        self.json = False
        self.debug = False
        self.shows_stages = False  # the command itself says what goes on, a compilation too
        self._data: str | None = None

    def remember(self, data: str | None, *, json: bool, debug: bool) -> None:
        """Take note of the global options, wherever they stood."""
        self._data = data if data is not None else self._data
        self.json = self.json or json
        self.debug = self.debug or debug

    def work_in(self, folder: Path) -> None:
        """Take this as the data folder if ``--data`` names none; before `data` is first asked for."""
        self._data = self._data if self._data is not None else str(folder)

    @functools.cached_property
    def data(self) -> Path:
        """The data folder.

        Raises:
            CommandError: its path is something else than a folder.
        """
        return data_folder(self._data)

    def read(self) -> LmdbEventStore:
        """The log, for reading, whoever writes to it; a context manager.

        Raises:
            StoreMissing: nothing has run in this folder yet.
            StoreError: it cannot be read.
        """
        return LmdbEventStore.open_readonly(self.data)

    @contextlib.contextmanager
    def read_if_any(self) -> Iterator[LmdbEventStore | None]:
        """The same, None where nothing has run yet."""
        try:
            store = self.read()
        except StoreMissing:
            yield None
            return
        with store:
            yield store

    def say_lines(self, text: str) -> None:
        """What a builder or a compiler says, line by line, with nothing in it that a terminal would act on."""
        from rich.text import Text  # noqa: PLC0415  # few commands build

        for line in text.split("\n"):
            self.output.note(Text(printable(line.rstrip("\r"))))

    def _compiling(self, size: int) -> contextlib.AbstractContextManager[None]:
        from perdure.cli.compile_notice import compile_notice  # noqa: PLC0415  # few commands compile

        return contextlib.nullcontext() if self.json or self.shows_stages else compile_notice(self.output, size)

    def holder(self) -> int | None:
        """The pid of the process that works on the folder, None for nobody."""
        return holder(self.data / LOCK_FILE)

    @functools.cached_property
    def is_served(self) -> bool:
        """Whether a server works on the folder, as of when this is first asked: what acts goes through it then."""
        return server_listens(self.data)

    def require_free(self) -> None:
        """Make sure that no process works on the folder that takes no commands, as far as one can know before.

        Raises:
            CommandError: one does.
        """
        if not self.is_served and (pid := self.holder()) is not None:
            raise CommandError(BUSY.format(pid=pid), ExitCode.FOLDER_IN_USE)

    @contextlib.contextmanager
    def runtime(self, *, busy: str = BUSY) -> Iterator[AnyRuntime]:
        """The folder, for working on it: through its server if it has one, else opened by this process.

        No unfinished job goes on by itself. ``busy`` says what to do if a process works on it that takes no commands.

        Raises:
            CommandError: such a process does.
            StoreError: it cannot be opened.
        """
        if self.is_served:
            with self.client() as client:
                yield client
            return
        with self.own_runtime(busy=busy) as runtime:
            yield runtime

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """The server that works on the folder. That it has ended is seen when it is asked for something."""
        from perdure.client.client import Client  # noqa: PLC0415  # few have a server

        with Client.open(self.data) as client:
            yield client

    @contextlib.contextmanager
    def own_runtime(self, hooks: ActorHooks | None = None, *, busy: str = BUSY) -> Iterator[Runtime]:
        """The folder, opened by this process; otherwise as `runtime`.

        Raises:
            CommandError: another process works on it.
            StoreError: it cannot be opened.
        """
        # Most commands only read, and these make up most of the time that a command takes to start.
        from perdure.cli.ai_endpoint import ai_settings  # noqa: PLC0415
        from perdure.cli.boundary_choice import boundary_choice  # noqa: PLC0415
        from perdure.cli.master_key_file import master_key  # noqa: PLC0415
        from perdure.cli.one_processor import one_processor  # noqa: PLC0415
        from perdure.runtime import Runtime, RuntimeSettings  # noqa: PLC0415

        try:
            settings = RuntimeSettings(
                master_key=master_key(),
                ai=ai_settings(),
                boundary=boundary_choice(),
                one_processor=one_processor(),
            )
            runtime = Runtime.open(self.data, settings=settings, hooks=hooks, on_compile=self._compiling, recover=False)
        except StoreLocked as error:
            pid = error.pid if error.pid is not None else "unknown"
            raise CommandError(busy.format(pid=pid, folder=self.data), ExitCode.FOLDER_IN_USE) from error
        with runtime:
            yield runtime


def remember(
    context: typer.Context, data: DataOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """The callback of every group of commands: notes the global options."""
    _invocation(context).remember(data, json=as_json, debug=debug)


def command(
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Invocation, P], None]], Callable[Concatenate[Invocation, P], None]]:
    """Make a function a command of ``app``: it gets the `Invocation`, and the command has the global options too."""

    def register(function: Callable[Concatenate[Invocation, P], None]) -> Callable[Concatenate[Invocation, P], None]:
        def call(**values: Any) -> None:
            invocation = _invocation(values.pop("context"))
            invocation.remember(values.pop("data"), json=values.pop("as_json"), debug=values.pop("debug"))
            _require_numbers(values)
            function(invocation, **values)  # type: ignore[call-arg]  # typer has made the values from this signature

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        common = list(inspect.signature(remember, eval_str=True).parameters.values())
        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (common[0], *own, *common[1:])
        ]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        call.__doc__ = function.__doc__
        app.command(name)(call)
        return function

    return register


def _invocation(context: typer.Context) -> Invocation:
    invocation = context.obj
    if not isinstance(invocation, Invocation):
        raise TypeError("the commands are run by perdure.cli.app.main")
    return invocation


def _require_numbers(values: dict[str, Any]) -> None:
    """Make sure that numbers are some: what is not a number is in no range, and outside none.

    Raises:
        BadParameter: one is not.
    """
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise typer.BadParameter(f"{value} is not a number of anything", param_hint=f"--{name.replace('_', '-')}")
