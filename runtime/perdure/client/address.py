"""Where a server is, and what is shown to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from perdure.api.errors import BadRequest
from perdure.api.unix_socket import socket_path


@dataclass(frozen=True)
class Address:
    """A server: by its data folder on this machine (then no token is needed), or by its URL."""

    base: str
    data: Path | None = None
    token: str | None = None

    @classmethod
    def of_folder(cls, path: str | os.PathLike[str]) -> Address:
        """The server that works on a data folder of this machine."""
        return cls("http://perdure", Path(path).absolute())

    @classmethod
    def of_url(cls, url: str, token: str) -> Address:
        """The server at a URL, for whoever has the token.

        Raises:
            BadRequest: this is no address of a server, or no token; what was given is not repeated.
        """
        try:
            read = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise BadRequest(str(error), "url") from None
        if read.scheme not in ("http", "https") or not read.host:
            raise BadRequest("give it as http://HOST:PORT or https://HOST", "url")
        if read.userinfo:
            raise BadRequest("leave the name and password out; the token says who asks", "url")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise BadRequest("it has characters that no token has, perhaps a line break at its end", "token")
        return cls(url.rstrip("/"), token=token)

    def __str__(self) -> str:
        return str(socket_path(self.data)) if self.data is not None else self.base

    def __repr__(self) -> str:
        return f"Address({self})"

    @property
    def headers(self) -> dict[str, str]:
        """What every request has."""
        return {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
