"""A library's account, in rows: what `quota` decides on, read and written in a call's transaction."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from typing import Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.data import Data
from perdure.runtime.vdfs.quota import SHARDS, Amount, Pool, Shard, gather, give_back, take, total_used
from perdure.runtime.vdfs.records import Keys, decode_row, encode_row

_REMEMBERED: Final = 4_096  # callers


class ShardChoice:
    """Which shard a caller changes: one after the other, so that callers at the same time have different ones.

    Thread-safe. It is only a matter of speed: any shard is right.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = itertools.count()
        self._by_caller: OrderedDict[str, int] = OrderedDict()

    def of(self, caller: str) -> int:
        """The caller's shard, the same as long as it is remembered."""
        with self._lock:
            if caller not in self._by_caller:
                self._by_caller[caller] = next(self._next) % SHARDS
                if len(self._by_caller) > _REMEMBERED:
                    self._by_caller.popitem(last=False)
            return self._by_caller[caller]


class Usage:
    """The account of one library in one call.

    Args:
        default: the runtime's limit, for a library without one of its own.
        shard: the number of the shard that the call changes.
    """

    def __init__(self, data: Data, keys: Keys, default: Amount, shard: int) -> None:
        self._data = data
        self._keys = keys
        self._default = default
        self._number = shard

    def take(self, need: Amount) -> None:
        """Use more.

        Raises:
            OperationFailed: the library has no room for it; the message has what is used and the limit.
        """
        pool = self._pool()
        taken = take(pool, self._shard(), need)
        if taken is None:
            # As the last resort all shards are read: whoever changes one of them meanwhile makes this run again.
            pool = self._gather(pool.limit, pool.override)
            taken = take(pool, self._shard(), need)
        if taken is None:
            raise _exceeded(pool.limit, pool.limit - pool.free, need)
        self._write(pool, *taken)

    def give_back(self, amount: Amount) -> None:
        """Use less."""
        pool = self._pool()
        self._write(pool, *give_back(pool, self._shard(), amount))

    def exchange(self, old: Amount, new: Amount) -> None:
        """Use ``new`` in place of ``old``. Raises as `take`."""
        if (need := (new - old).at_least(0)) != Amount():
            self.take(need)
        if (surplus := (old - new).at_least(0)) != Amount():
            self.give_back(surplus)

    def total(self) -> Amount:
        """What is used."""
        return total_used(self._shards())

    def limit(self) -> tuple[Amount, bool]:
        """The limit, and whether it is the library's own."""
        data = self._data.get(self._keys.pool)
        override = decode_row(data, Pool).override if data is not None else None
        return override or self._default, override is not None

    def override(self, limit: Amount | None) -> None:
        """Give the library a limit of its own; None: the runtime's again."""
        self._gather(limit or self._default, limit)

    def _pool(self) -> Pool:
        data = self._data.get(self._keys.pool)
        pool = decode_row(data, Pool) if data is not None else None
        limit = (pool.override if pool is not None else None) or self._default
        if pool is None or pool.limit != limit:
            return self._gather(limit, pool.override if pool is not None else None)
        return pool

    def _gather(self, limit: Amount, override: Amount | None) -> Pool:
        pool, shards = gather(limit, override, self._shards())
        self._data.put(self._keys.pool, encode_row(pool))
        for number, shard in shards.items():
            self._data.put(self._keys.shard(number), encode_row(shard))
        return pool

    def _shards(self) -> dict[int, Shard]:
        # One by one and not as a range: a call that only moves within its own shard is then the only one it meets.
        found = {number: self._data.get(self._keys.shard(number)) for number in range(SHARDS)}
        return {number: decode_row(data, Shard) for number, data in found.items() if data is not None}

    def _shard(self) -> Shard:
        data = self._data.get(self._keys.shard(self._number))
        return decode_row(data, Shard) if data is not None else Shard()

    def _write(self, before: Pool, pool: Pool, shard: Shard) -> None:
        if pool != before:
            self._data.put(self._keys.pool, encode_row(pool))
        self._data.put(self._keys.shard(self._number), encode_row(shard))


def _exceeded(limit: Amount, used: Amount, need: Amount) -> OperationFailed:
    if need.entries > 0 and used.entries + need.entries > limit.entries:
        what = f"the library has {used.entries} entries and may have {limit.entries}"
    else:
        what = f"the library uses {used.bytes} bytes and may use {limit.bytes}; this needs {need.bytes} more"
    return OperationFailed("failed", f"quota exceeded: {what}; delete entries, or have the quota raised")
