"""What goes between a runtime and its worker processes: frames of a kind, a length and as many bytes.

The child is the side that may have been taken over: the runtime believes nothing of it but bytes of a bounded length.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Final

MAX_FRAME: Final = 256 << 20  # bytes

REQUEST: Final = 1  # to the child; before its bytes come the seconds it may take
ANSWER: Final = 2
FAILURE: Final = 3  # an `OperationFailed`: its code, a NUL, its message
MISSING: Final = 4  # a module that cannot be imported: its name
BROKEN: Final = 5  # another exception: its type

_HEAD: Final = struct.Struct(">BdQ")  # kind, seconds, length


class FrameError(Exception):
    """The other side ended, or sends what is no frame."""


def send_frame(connection: socket.socket, kind: int, data: bytes, seconds: float = 0.0) -> None:
    """Send one; the connection's time-out holds for all of it.

    Raises:
        OSError: it cannot be sent.
    """
    connection.sendall(_HEAD.pack(kind, seconds, len(data)))
    connection.sendall(data)


def receive_frame(connection: socket.socket, remaining: Callable[[], float | None]) -> tuple[int, float, bytes]:
    """Receive one: its kind, the seconds it says, its bytes.

    Args:
        connection: where from.
        remaining: the seconds that are left; None for no limit.

    Raises:
        TimeoutError: it did not come in time.
        FrameError: the other side ended, or what it sends is no frame.
    """
    kind, seconds, length = _HEAD.unpack(_exactly(connection, _HEAD.size, remaining))
    if length > MAX_FRAME:
        raise FrameError(f"a frame of {length} bytes")
    return kind, seconds, bytes(_exactly(connection, length, remaining))


def until(deadline: float) -> Callable[[], float]:
    """The seconds that are left until a monotonic time."""
    return lambda: deadline - time.monotonic()


def _exactly(connection: socket.socket, length: int, remaining: Callable[[], float | None]) -> bytearray:
    data = bytearray(length)
    view, filled = memoryview(data), 0
    while filled < length:
        left = remaining()
        if left is not None and left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        try:
            received = connection.recv_into(view[filled:])
        except ConnectionError as error:
            raise FrameError(str(error)) from None
        if not received:
            raise FrameError("it ended")
        filled += received
    return data
