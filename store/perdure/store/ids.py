"""Job ids: UUID version 7, whose order is the order of dispatch to the millisecond (RFC 9562, section 5.7)."""

from __future__ import annotations

import secrets
from uuid import UUID


def uuid7(time_us: int) -> UUID:
    """A new id for something that happens at ``time_us`` (microseconds since 1970)."""
    milliseconds, micro = divmod(time_us, 1000)
    # rand_a carries the sub-millisecond part (RFC 9562, section 6.2, method 3), so that a burst keeps its order.
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 7 << 76
    value |= (micro * 4096 // 1000) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(62)
    return UUID(int=value)
