"""What a program hands over, as what can be sent."""

from __future__ import annotations

from typing import Any

import msgspec

from perdure.runtime.errors import InvalidState


def json_value(value: object) -> Any:
    """A state as the server takes it: anything JSON can say, or JSON as bytes.

    Raises:
        InvalidState: it cannot be said in JSON.
    """
    if value is None:
        return None
    try:
        if isinstance(value, bytes | bytearray | memoryview):
            return msgspec.json.decode(bytes(value))
        return msgspec.to_builtins(value)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise InvalidState(str(error)) from None
