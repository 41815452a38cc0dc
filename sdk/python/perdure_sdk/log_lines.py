"""What Python's own means of talking become in the log: `print`, warnings, and the loggers of `logging`."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace

from perdure_sdk.context import plain_text
from perdure_sdk.host import Host, Level

Sink = Callable[[Level, str], None]


class LogStream(io.TextIOBase):
    """A text stream whose lines go to the log, each when it is whole; `finish` says what has no end of line yet."""

    def __init__(self, sink: Sink, level: Level) -> None:
        self._sink = sink
        self._level = level
        self._rest = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # as sys.stdout has it
        """As that of a file in UTF-8."""
        return "utf-8"

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str, /) -> int:
        """Take some text."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._sink(self._level, line)
        return len(text)

    def finish(self) -> None:
        """Say the rest."""
        rest, self._rest = self._rest, ""
        if rest:
            self._sink(self._level, rest)


class LogHandler(logging.Handler):
    """Lines of loggers as lines of the log, with the logger's name in front unless it is the root's."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        """Say a record; tracebacks are part of it."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001  # what is logged must not end the job, here as with every handler
            text = f"{record.msg!r} could not be formatted with {record.args!r}"
        name = "" if record.name == "root" else f"{record.name}: "
        self._sink(level_of(record.levelno), f"{name}{text}")


def level_of(number: int) -> Level:
    """The log's level for one of `logging`'s."""
    if number < logging.INFO:
        return "debug"
    if number < logging.WARNING:
        return "info"
    return "warn" if number < logging.ERROR else "error"


def sink_of(host: Host) -> Sink:
    """A function that writes to the host's log."""
    return lambda level, text: host.log(level, plain_text(text))


def redirect_loggers(sink: Sink, streams: dict[int, LogStream]) -> LogHandler:
    """Send what loggers say to the log, from level info on; handlers that write to old streams, by id, get new ones."""
    for handler in _handlers():
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in streams:
            handler.setStream(streams[id(handler.stream)])
    own = LogHandler(sink)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(own)
        if root.level == logging.WARNING:  # nobody has chosen one
            root.setLevel(logging.INFO)
    return own


def still_logging() -> None:
    """Have `logging` look at no clock, thread and process: the log's own lines have a time."""
    logging.time = SimpleNamespace(  # type: ignore[attr-defined]  # the module that it looks at
        time=lambda: 0.0, time_ns=lambda: 0, localtime=lambda _=0: _START, gmtime=lambda _=0: _START, strftime=_strftime
    )
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.logAsyncioTasks = False  # type: ignore[attr-defined]  # of Python 3.12


def _handlers() -> Iterator[logging.Handler]:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        if isinstance(logger, logging.Logger):
            yield from logger.handlers


_START = (1970, 1, 1, 0, 0, 0, 3, 1, 0)


def _strftime(pattern: str, moment: object = None) -> str:
    return ""
