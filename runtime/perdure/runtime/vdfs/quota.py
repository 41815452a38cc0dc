"""The quota of a library: pure arithmetic on counters that many calls change at once.

One counter would make every two calls that change a library meet. So the library's account is split: a *pool* holds
what nobody has claimed, and each of `SHARDS` *shards* holds what was used through it and the room it may still use. A
call belongs to one shard and changes that shard alone; when its room is gone it claims some from the pool, and when the
pool is empty as well, all room is gathered back. So a call is refused only when the library as a whole has no room, and
the sum of what is used never exceeds the limit:

    sum of used + sum of room + free == limit          (``free`` is negative after the limit was lowered below the use)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import msgspec

SHARDS: Final = 64
# A claim is at least this part of the limit, so that claims are rare; half of it remains for uneven shards.
_CLAIM: Final = SHARDS * 2


class Amount(msgspec.Struct, array_like=True, frozen=True):
    """So many bytes and so many entries."""

    bytes: int = 0
    entries: int = 0

    def __add__(self, other: Self) -> Amount:
        return Amount(self.bytes + other.bytes, self.entries + other.entries)

    def __sub__(self, other: Self) -> Amount:
        return Amount(self.bytes - other.bytes, self.entries - other.entries)

    def at_least(self, least: int) -> Amount:
        """Both, where they are more than ``least``."""
        return Amount(max(self.bytes, least), max(self.entries, least))

    def at_most(self, other: Self) -> Amount:
        """The smaller of both, each."""
        return Amount(min(self.bytes, other.bytes), min(self.entries, other.entries))

    def covers(self, need: Self) -> bool:
        """Whether ``need`` fits. What is not needed always does, also where there is less than nothing."""
        return (need.bytes <= 0 or need.bytes <= self.bytes) and (need.entries <= 0 or need.entries <= self.entries)


class Pool(msgspec.Struct, array_like=True, frozen=True):
    """What no shard has claimed. ``override`` is the library's own limit, None while the runtime's applies."""

    limit: Amount
    free: Amount
    override: Amount | None = None


class Shard(msgspec.Struct, array_like=True, frozen=True):
    """What was used through this shard (less than nothing, if others' was given back here), and its room."""

    used: Amount = Amount()
    room: Amount = Amount()


def take(pool: Pool, shard: Shard, need: Amount) -> tuple[Pool, Shard] | None:
    """Use ``need``, none of it negative, through a shard; None if its room and the pool do not hold so much."""
    if not (shard.room + pool.free.at_least(0)).covers(need):
        return None
    short = (need - shard.room).at_least(0)
    claimed = Amount()
    if short != Amount():
        usual = Amount(pool.limit.bytes // _CLAIM, pool.limit.entries // _CLAIM)
        wanted = Amount(
            max(short.bytes, usual.bytes) if short.bytes else 0,
            max(short.entries, usual.entries) if short.entries else 0,
        )
        claimed = wanted.at_most(pool.free.at_least(0))
        pool = Pool(pool.limit, pool.free - claimed, pool.override)
    return pool, Shard(shard.used + need, shard.room + claimed - need)


def give_back(pool: Pool, shard: Shard, amount: Amount) -> tuple[Pool, Shard]:
    """Use ``amount``, none of it negative, less. A pool below nothing is filled up first."""
    debt = (Amount() - pool.free).at_least(0).at_most(amount)
    if debt != Amount():
        pool = Pool(pool.limit, pool.free + debt, pool.override)
    return pool, Shard(shard.used - amount, shard.room + amount - debt)


def gather(limit: Amount, override: Amount | None, shards: Mapping[int, Shard]) -> tuple[Pool, dict[int, Shard]]:
    """The account under ``limit``, with all room back in the pool."""
    free = limit - total_used(shards)
    return Pool(limit, free, override), {number: Shard(shard.used) for number, shard in shards.items()}


def total_used(shards: Mapping[int, Shard]) -> Amount:
    """What the library uses."""
    used = Amount()
    for shard in shards.values():
        used += shard.used
    return used
