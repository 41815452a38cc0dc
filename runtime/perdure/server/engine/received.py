"""What comes with a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Request = TypeVar("Request", bound=msgspec.Struct)


@dataclass(frozen=True)
class Received(Generic[Request]):
    """A request, and the file that came with it: whoever gets it may move it; what is left is deleted."""

    request: Request
    file: Path
