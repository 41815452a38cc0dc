"""A runtime, wherever it is: opened by this process, or behind the server that holds the data folder."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from perdure.api.unix_socket import short_name, socket_path

if TYPE_CHECKING:
    from perdure.client.client import Client
    from perdure.runtime import Runtime

AnyRuntime: TypeAlias = "Runtime | Client"

_PATIENCE: Final = 5.0  # seconds for the kernel to connect; a server that is busy has a queue for those who come


def server_listens(data: Path) -> bool:
    """Whether a server works on the data folder: its socket is there, and is not one that a dead process left."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(_PATIENCE)
        try:
            with short_name(socket_path(data)) as name:
                trial.connect(name)
        except OSError:
            return False
    return True
