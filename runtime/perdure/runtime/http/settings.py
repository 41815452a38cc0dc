"""What an embedder may choose about requests to other hosts."""

from __future__ import annotations

import msgspec

from perdure.runtime.errors import InvalidLimits
from perdure.runtime.http.addresses import networks


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, for each request.

    Attributes:
        private_networks: networks that extensions may reach although they are not of the public internet, for hosts
            that were granted to them: ``("127.0.0.0/8", "::1/128")``. Empty: none.
        ca_file: a PEM file with the certificate authorities to trust, instead of the usual ones.
        max_request_bytes, max_answer_bytes: the largest bodies; an answer's is counted after decompression.
        connections: how many connections one extension may have at once; further requests wait.

    Raises:
        InvalidLimits: a value makes no sense.
    """

    private_networks: tuple[str, ...] = ()
    ca_file: str | None = None
    max_request_bytes: int = 4 * 1024 * 1024
    max_answer_bytes: int = 4 * 1024 * 1024
    connections: int = 64

    def __post_init__(self) -> None:
        for index, entry in enumerate(self.private_networks):
            try:
                networks((entry,))
            except ValueError:
                expected = "a network such as 127.0.0.0/8 or fd00::/8"
                raise InvalidLimits(f"private_networks[{index}]", entry, expected) from None
        for field in ("max_request_bytes", "max_answer_bytes", "connections"):
            if getattr(self, field) < 1:
                raise InvalidLimits(field, getattr(self, field), "at least 1")
