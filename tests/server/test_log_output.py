"""How a server's lines look, for programs and for people."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from structlog.contextvars import bound_contextvars

from perdure.server.log_output import formatter
from perdure.server.settings import LogFormat

JOB = "01a200d5-3c5e-71b2-86f1-b089c06f1be6"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.log_output")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()


def lines_of(logger: logging.Logger, form: LogFormat) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(form, "engine"))
    logger.handlers[:] = [handler]
    return stream


def test_json_has_what_happened_and_the_ids(logger: logging.Logger) -> None:
    stream = lines_of(logger, "json")
    with bound_contextvars(request_id="7", client="token:1f2e"):
        logger.warning("the end of job %s cannot be recorded yet", JOB, extra={"tries": 3})
    line = json.loads(stream.getvalue())

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": f"the end of job {JOB} cannot be recorded yet",
        "level": "warning",
        "logger": "tests.log_output",
        "process": "engine",
        "job_id": JOB,
        "request_id": "7",
        "client": "token:1f2e",
        "tries": 3,
    }


def test_an_error_with_its_traceback_is_one_line_of_json(logger: logging.Logger) -> None:
    stream = lines_of(logger, "json")
    secret = "hunter2"  # noqa: F841  # must not be in the line: tracebacks have no local variables
    try:
        raise ValueError("not\nthis")
    except ValueError:
        logger.exception("it failed")
    (line,) = stream.getvalue().splitlines()
    (found,) = json.loads(line)["exception"]

    assert (found["exc_type"], found["exc_value"]) == ("ValueError", "not\nthis")
    assert "hunter2" not in line


def test_text_is_a_line_for_people(logger: logging.Logger) -> None:
    stream = lines_of(logger, "text")
    logger.info("serving", extra={"address": "127.0.0.1"})

    assert "serving" in stream.getvalue()
    assert "address=127.0.0.1" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_what_a_stranger_sends_makes_no_line_of_its_own(logger: logging.Logger) -> None:
    stream = lines_of(logger, "json")
    logger.info("GET /a\nb 404", extra={"address": "x\r\ny"})

    assert len(stream.getvalue().splitlines()) == 1
