"""How consent is asked over HTTP: the server says what a version asks for, the client comes again with an answer."""

from __future__ import annotations

import hashlib

import msgspec

from perdure.runtime.consent import ConsentRequest
from perdure.runtime.errors import ConsentRequired


class ConsentNeeded(ConsentRequired):
    """Somebody has to agree to what the version asks for; nothing was recorded.

    ``request`` has what it asks; ask again with the answer, and with ``digest``, which names this request.
    """

    def __init__(self, request: ConsentRequest, digest: str) -> None:
        super().__init__(request)
        self.digest = digest


def digest_of(request: ConsentRequest) -> str:
    """What names a request: SHA-256, in hexadecimal digits. It is computed by the server only."""
    return hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()
