"""The extension as a component: the exports of the world of ABI 2, and its host.

Only what is built with componentize-py can import the modules of the world. `perdure build` makes an entry that is, in
short,

    from perdure_sdk.component import world
    import my_extension
    from perdure_sdk import extension_in

    WitWorld = world(extension_in(my_extension))

This module comes first: it puts the guards up before the author's code is imported. What componentize-py makes is a
snapshot of the interpreter after the imports, so nothing here calls the host before a job does.
"""

import ast
import contextlib
import importlib
import io
import json
import linecache
import sys
from types import ModuleType
from typing import Any, Final

import wit_world
from componentize_py_types import Err
from wit_world.imports import host as imported
from wit_world.imports import types

from perdure_sdk.errors import call_error
from perdure_sdk.extension import Extension
from perdure_sdk.guards import Guards, is_pythons_own
from perdure_sdk.host import Host, Level, Signal
from perdure_sdk.log_lines import LogStream, redirect_loggers, sink_of, still_logging
from perdure_sdk.running import Completed, Stopped, failed, run, run_hooks

# Parts of Python that it imports when they are first used, which a job can no longer do: for tracebacks, dates, texts.
_NEEDED_LATER: Final = (
    "_colorize _strptime tokenize encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.punycode"
    " encodings.iso8859_15 encodings.utf_8_sig encodings.utf_16 encodings.utf_16_be encodings.utf_16_le"
    " encodings.utf_32 encodings.utf_32_be encodings.utf_32_le"
)
for _name in _NEEDED_LATER.split():
    importlib.import_module(_name)
_guards: Final = Guards()
_guards.arm()
still_logging()


def world(extension: Extension) -> type:
    """The class that the component exports. Called last of all that is imported.

    Raises:
        ExtensionError: the extension cannot run, for example because a state's type has no meaning in JSON.
    """
    extension.check()
    host: Host = _ComponentHost()
    _import_what_functions_import()
    _keep_sources()
    out, err = _streams(host)

    def finish() -> None:
        out.finish()
        err.finish()

    class WitWorld(wit_world.WitWorld):  # type: ignore[misc]  # it has no types outside of a build
        """The exports of the world ``extension``."""

        def describe(self) -> list[Any]:
            """The jobs."""
            return [types.JobType(job.name, job.resumable) for job in extension.jobs.values()]

        def initialise(self) -> None:
            """What the author wants done in each instance."""
            self._hooks("on_init")

        def clean_up(self) -> None:
            """What the author wants done at the end."""
            self._hooks("on_cleanup")

        def run(self, job: str, context: Any, state: str | None) -> str | None:
            """A job."""
            ids = {"job_id": context.job_id, "library_id": context.library_id}
            try:
                outcome = run(extension, host, job, **ids, state=state, finish=finish)
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the job's failure
                outcome = failed(host, error)
            if isinstance(outcome, Completed):
                return outcome.state
            if isinstance(outcome, Stopped):
                raise Err(types.RunError_Interrupted())
            raise Err(types.RunError_Failed(types.Failure(outcome.kind, outcome.message, outcome.traceback)))

        def _hooks(self, which: Any) -> None:
            problem = run_hooks(extension, host, which, finish=finish)
            if problem:
                raise Err(problem)

    _guards.seal()
    return WitWorld


class _ComponentHost:
    """`Host`, on the imports of the world."""

    def call(self, method: str, library_id: str | None, payload: str) -> str:
        try:
            answer: str = imported.call(method, library_id, payload)
        except Err as error:
            found = error.value
            code = found.code.name.lower()
            raise call_error(method, code, found.message, found.retry_after_ms, _answer(found.answer)) from None
        return answer

    def log(self, level: Level, message: str) -> None:
        imported.log(types.LogLevel[level.upper()], message)

    def report_progress(self, fraction: float, message: str) -> None:
        imported.report_progress(fraction, message)

    def checkpoint(self, state: str) -> bool:
        try:
            imported.checkpoint(state)
        except Err:
            return False
        return True

    def check_interrupt(self) -> Signal:
        signal: Signal = imported.check_interrupt().name.lower()
        return signal

    def add_warning(self, message: str) -> None:
        imported.add_warning(message)

    def increment_bytes(self, count: int) -> None:
        imported.increment_bytes(count)

    def increment_items(self, count: int) -> None:
        imported.increment_items(count)


def _answer(text: str) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            return answer
    return None


def _streams(host: Host) -> tuple[LogStream, LogStream]:
    """Have what is printed go to the log, and what loggers say."""
    sink = sink_of(host)
    out, err = LogStream(sink, "info"), LogStream(sink, "warn")
    redirect_loggers(sink, {id(sys.stdout): out, id(sys.__stdout__): out, id(sys.stderr): err, id(sys.__stderr__): err})
    sys.stdout = sys.__stdout__ = out  # type: ignore[assignment, misc]  # they are text streams
    sys.stderr = sys.__stderr__ = err  # type: ignore[assignment, misc]
    sys.stdin = sys.__stdin__ = io.StringIO()  # type: ignore[assignment, misc]
    return out, err


def _modules() -> list[tuple[ModuleType, str, str]]:
    """The modules that are not Python's own, with their files and sources, in the order of their names."""
    found = []
    for name in sorted(sys.modules):
        module = sys.modules[name]
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and not is_pythons_own(file):
            with contextlib.suppress(OSError, UnicodeDecodeError), open(file, encoding="utf-8") as opened:  # noqa: PTH123
                found.append((module, file, opened.read()))
    return found


def _import_what_functions_import() -> None:
    """Import now what functions would import when they are called: then there is nothing to import from any more."""
    for module, _, source in _modules():
        package = getattr(module, "__package__", None)
        for function in ast.walk(ast.parse(source)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                for name in _imported(node):
                    # What cannot be imported here may never be asked for; if it is, that is said then.
                    with contextlib.suppress(ImportError):
                        importlib.import_module(name, package)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        # What is imported from a package may be a module of it.
        dot = "" if base.endswith(".") else "."
        return [base, *(f"{base}{dot}{alias.name}" for alias in node.names if alias.name != "*")]
    return []


def _keep_sources() -> None:
    """Keep the lines of the sources for tracebacks."""
    for _, file, source in _modules():
        lines = source.splitlines(keepends=True)
        linecache.cache[file] = (len(source), None, lines, file)
