"""Looks at the sandbox from the inside."""

import asyncio
import datetime
import logging
import os
import pathlib
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import warnings
from datetime import date
from datetime import datetime as DateTime  # noqa: N812  # a name of the author's own
from random import choice, randint
from time import time as clock
from typing import Any

from perdure_sdk import Extension, ExtensionContext, JobContext

ext = Extension("probe", name="Probe", version="0.1.0", methods=["query:clock.", "query:random.", "query:test.ping"])
NAMES = {
    **{module.__name__: module for module in (asyncio, datetime, logging, os, pathlib, random, secrets, socket)},
    **{module.__name__: module for module in (subprocess, sys, tempfile, threading, time, uuid, warnings)},
    **{"DateTime": DateTime, "date": date, "choice": choice, "randint": randint, "clock": clock},
}
SOURCE = pathlib.Path(__file__).read_text()  # while it is built there are files


@ext.on_init
def ready(ctx: ExtensionContext) -> None:
    ctx.log("probe ready")


@ext.job
def evaluate(ctx: JobContext, state: dict[str, Any]) -> dict[str, Any]:
    """Evaluate an expression."""
    try:
        return {"value": repr(eval(state["code"], {**NAMES, "ctx": ctx, "SOURCE": SOURCE}))}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


@ext.job
def talk(ctx: JobContext) -> None:
    """Say something in all the ways that Python has."""
    print("printed")
    print("in", "two ", sep=" ", end="")
    print("parts")
    print("to stderr", file=sys.stderr)
    log = logging.getLogger("probe")
    log.debug("too quiet")
    log.info("an %s", "info")
    warnings.warn("careful", stacklevel=1)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("it went wrong")
    print("no end of line", end="")


@ext.job
def late(ctx: JobContext) -> dict[str, Any]:
    """Import in a function."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text).writerow([1, "a,b"])
    return {"row": text.getvalue()}


@ext.job
def outside(ctx: JobContext) -> dict[str, Any]:
    """Ask for what is not the same twice."""
    return {
        "now": ctx.now().isoformat(),
        "random": [ctx.random.random() for _ in range(3)],
        "choice": ctx.random.choice("abc"),
        "ids": [str(ctx.uuid4()), str(ctx.uuid4())],
    }


@ext.job
def fail(ctx: JobContext, state: dict[str, Any]) -> None:
    """Fail, with a cause."""
    try:
        _inner(2)
    except KeyError as error:
        raise RuntimeError("it did not work\nat all") from error


@ext.job
def leave(ctx: JobContext) -> None:
    """Leave the interpreter."""
    sys.exit(3)


class Odd(BaseException):
    """No `Exception`."""


@ext.job
def oddly(ctx: JobContext) -> None:
    """Raise what is no `Exception`."""
    raise Odd("odd")


@ext.job
def deep(ctx: JobContext) -> None:
    """Call itself."""
    deep(ctx)


@ext.job
def count(ctx: JobContext, state: dict[str, Any]) -> None:
    """Count, for tests of interrupts."""
    for number in range(state["from"], 5):
        state["from"] = number
        ctx.check_interrupt()
        ctx.report_progress(number / 5, "counting")
        ctx.call("query:test.ping", {"message": str(number)})


def _inner(depth: int) -> None:
    if depth == 0:
        raise KeyError("missing")
    _inner(depth - 1)
