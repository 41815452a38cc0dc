"""Processes that end with whoever started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[2]


def start_group(
    command: list[str], errors: Path, output: Path | None = None, user: str | None = None
) -> subprocess.Popen[str]:
    """Start a program, in the repository's folder, as the head of a process group.

    What it says goes into the file ``output``, or to a pipe; errors into a file of their own. Its standard input is a
    pipe that is open for as long as this process lives (`end_with_parent`). ``user``: run it as somebody else.
    """
    with errors.open("ab") as told, (output or Path(os.devnull)).open("ab") as said:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if output is None else said,
            stderr=told,
            text=True,
            start_new_session=True,
            user=user,
        )


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill a process that `start_group` started, its group, and all that came of them."""
    below: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)  # also those with groups of their own
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in below:
        with suppress(psutil.NoSuchProcess):  # psutil knows one that got the number of another
            child.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def end_with_parent() -> None:
    """In a child: kill this process's group once the standard input ends, as it does when the parent is killed."""

    def watch() -> None:
        sys.stdin.read()
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
