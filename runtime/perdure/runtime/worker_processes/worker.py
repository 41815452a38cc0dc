"""A worker process; it begins in `child`.

It answers requests, one after the other, until the runtime closes the connection or is gone.
"""

from __future__ import annotations

import importlib
import math
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.worker_processes.confinement import confine
from perdure.runtime.worker_processes.frames import (
    ANSWER,
    BROKEN,
    FAILURE,
    MISSING,
    FrameError,
    receive_frame,
    send_frame,
)

# Seconds after its time in which a child ends itself: the runtime that would have ended it may be gone.
_GRACE: Final = 5

Function = Callable[[bytes], bytes]
Reply = tuple[int, bytes]


def main(arguments: list[str]) -> None:
    """Serve the connection with this file descriptor."""
    descriptor, name, memory, *readable = arguments
    connection = socket.socket(fileno=int(descriptor))
    confine(int(memory), map(Path, readable))
    function: Function | None = None
    while True:
        try:
            _, seconds, request = receive_frame(connection, lambda: None)
        except FrameError:
            return
        signal.alarm(math.ceil(seconds) + _GRACE)
        if function is None:
            # At the first request, so that its time counts, and the reason why there is no function has a reader.
            loaded = _loaded(name)
            if isinstance(loaded, tuple):
                send_frame(connection, *loaded)
                return
            function = loaded
        kind, data = _answer(function, request)
        del request
        connection.settimeout(None)
        try:
            send_frame(connection, kind, data)
        except OSError:
            return
        signal.alarm(0)


def _loaded(name: str) -> Function | Reply:
    module, _, attribute = name.partition(":")
    try:
        function: Function = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        return MISSING, (error.name or str(error)).encode(errors="replace")
    except MemoryError:
        return BROKEN, b"MemoryError"
    except Exception as error:  # noqa: BLE001 - the parent reports it
        return BROKEN, f"{type(error).__name__} while {module} was imported".encode()
    return function


def _answer(function: Function, request: bytes) -> Reply:
    try:
        return ANSWER, function(request)
    except OperationFailed as error:
        return FAILURE, f"{error.code}\0{error.message}".encode(errors="replace")
    except ImportError as error:
        return MISSING, (error.name or str(error)).encode(errors="replace")
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file can do to a library
        return BROKEN, type(error).__name__.encode(errors="replace")  # what it says may quote the file
