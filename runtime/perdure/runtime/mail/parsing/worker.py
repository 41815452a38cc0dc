"""What runs in the worker process. The libraries for HTML and winmail.dat are imported here alone."""

from __future__ import annotations

import msgspec

from perdure.runtime.mail.parsing.messages import HeaderBlocks, Work
from perdure.runtime.mail.parsing.reading import read_headers, read_message

_decode = msgspec.msgpack.Decoder(Work).decode
_encode = msgspec.msgpack.Encoder().encode


def read(request: bytes) -> bytes:
    """Read header blocks, or a message."""
    work = _decode(request)
    if isinstance(work, HeaderBlocks):
        return _encode([read_headers(block) for block in work.blocks])
    return _encode(read_message(work))
