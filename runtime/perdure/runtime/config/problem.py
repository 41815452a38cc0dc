"""What is wrong with a configuration."""

from __future__ import annotations

import msgspec


class ConfigProblem(msgspec.Struct, frozen=True):
    """What is wrong with a value. ``path`` is its JSON path, like ``$.server.port``."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"
