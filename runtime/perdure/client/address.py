"""Where a server is, and what is shown to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perdure.api.unix_socket import socket_path


@dataclass(frozen=True)
class Address:
    """A server: by its data folder on this machine (then no token is needed), or by its URL."""

    base: str
    data: Path | None = None
    token: str | None = None

    def __str__(self) -> str:
        return str(socket_path(self.data)) if self.data is not None else self.base

    def __repr__(self) -> str:
        return f"Address({self})"

    @property
    def headers(self) -> dict[str, str]:
        """What every request has."""
        return {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
