"""What the server's processes say on standard error: JSON, a line each, or text for people.

All of perdure logs with the standard library; here, where the process is ours, structlog gives it its form. A line has
the time (UTC), the level, the logger, the process (``engine`` or ``web``), what happened, and as fields of their own
the ids that lead further: ``request_id`` (in the log's `RequestAccepted`, and in each answer as X-Request-Id),
``client`` (``token:ID``) and ``job_id``.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from typing import Final, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from perdure.server.settings import LogFormat, LogLevel

# What would say a line for each request that it sends; of spans, that they are lost, and not each try to send them.
_CHATTY: Final = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "urllib3": logging.WARNING,
    "asyncio": logging.WARNING,
    "opentelemetry": logging.ERROR,
}
_JOB: Final = re.compile(r"\bjob:? ?([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\b")


@contextlib.contextmanager
def log_to_stderr(form: LogFormat, level: LogLevel, process: str, stream: TextIO | None = None) -> Iterator[None]:
    """Let everything that this process logs go to standard error, in place of what handlers there are.

    Args:
        form: ``json``, or ``text`` for people.
        level: the least that is said.
        process: ``engine`` or ``web``, a field of each line.
        stream: standard error, unless given.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(formatter(form, process))
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *_CHATTY)}
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(least)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def formatter(form: LogFormat, process: str) -> logging.Formatter:
    """Makes a line of a record; see the module's text."""

    def name_process(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    fields: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_process,
        name_job,
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        # Without local variables, which structlog would add by itself: states and secrets are among them.
        plain = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last += [structlog.processors.ExceptionRenderer(plain), structlog.processors.JSONRenderer()]
    else:
        last.append(structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback))
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=fields, processors=last)


def name_job(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """The id of the job that the text speaks of becomes a field."""
    if "job_id" not in event and (found := _JOB.search(str(event.get("event", "")))):
        event["job_id"] = found[1]
    return event
