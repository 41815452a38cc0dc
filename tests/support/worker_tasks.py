"""What worker processes are given to do in tests."""

from __future__ import annotations

import os
import socket  # noqa: F401 - for `attempt`
import threading
import time

import msgspec

from perdure.actors.operations import OperationFailed


def turn(request: bytes) -> bytes:
    """The request backwards."""
    return request[::-1]


def who(request: bytes) -> bytes:
    """Which process it is."""
    return str(os.getpid()).encode()


def refuse(request: bytes) -> bytes:
    """Say no."""
    raise OperationFailed("invalid_payload", "no: \N{SNOWMAN}")


def quote(request: bytes) -> bytes:
    """Fail with the request's own words."""
    raise ValueError(request.decode())


def die(request: bytes) -> bytes:
    """What a decoder does that met a hostile file."""
    os.abort()


def hang(request: bytes) -> bytes:
    """Work for ever."""
    while True:
        threading.Event().wait(3600)


def grow(request: bytes) -> bytes:
    """Take more memory than there is."""
    return bytes(int(request))[:1]


def write(request: bytes) -> bytes:
    """Write a file."""
    try:
        with open(request, "wb") as file:  # noqa: PTH123
            file.write(b"hello")
    except OSError as error:
        return type(error).__name__.encode()
    return b"written"


def attempt(request: bytes) -> bytes:
    """Evaluate an expression of a test's: what it gives, or the error that it meets."""
    try:
        return repr(eval(request)).encode()
    except Exception as error:
        return type(error).__name__.encode()


def environment(request: bytes) -> bytes:
    """What it knows of its surroundings."""
    return "\n".join(os.environ).encode()


def burn(request: bytes) -> bytes:
    """Work without rest for so many seconds, the GIL held."""
    end = time.monotonic() + float(request)
    while time.monotonic() < end:
        pass
    return b"done"


def cursed_picture(request: bytes) -> bytes:
    """`perdure.runtime.media.worker.picture`, with two pictures that its decoders do not survive."""
    from perdure.runtime.media.messages import PictureTask
    from perdure.runtime.media.worker import picture

    data = msgspec.msgpack.decode(request, type=PictureTask).picture
    if data == b"die":
        die(request)
    return hang(request) if data == b"hang" else picture(request)
