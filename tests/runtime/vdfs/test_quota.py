"""The quota's arithmetic: whatever the order, the sum of what is used stays within the limit, and no room is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.vdfs.quota import Amount, Pool, Shard, gather, give_back, take, total_used

amounts = st.builds(Amount, st.integers(0, 400), st.integers(0, 3))
limits = st.builds(Amount, st.integers(0, 2_000), st.integers(0, 20))
steps = st.lists(st.tuples(st.sampled_from(["take", "give", "limit"]), st.integers(0, 5), amounts, limits), max_size=60)


class Account:
    """What `Usage` does with the arithmetic, on dictionaries."""

    def __init__(self, limit: Amount) -> None:
        self.shards: dict[int, Shard] = {}
        self.pool = Pool(limit, limit)
        self.gathered = 0

    def take(self, number: int, need: Amount) -> bool:
        taken = take(self.pool, self.shards.get(number, Shard()), need)
        if taken is None:
            self.limit(self.pool.limit)
            self.gathered += 1
            taken = take(self.pool, self.shards.get(number, Shard()), need)
        if taken is not None:
            self.pool, self.shards[number] = taken
        return taken is not None

    def give(self, number: int, amount: Amount) -> None:
        self.pool, self.shards[number] = give_back(self.pool, self.shards.get(number, Shard()), amount)

    def limit(self, limit: Amount) -> None:
        self.pool, self.shards = gather(limit, None, self.shards)

    @property
    def used(self) -> Amount:
        return total_used(self.shards)


@given(limits, steps)
def test_the_quota_is_exact(limit: Amount, todo: list[tuple[str, int, Amount, Amount]]) -> None:
    account = Account(limit)
    model = Amount()
    for what, number, amount, other in todo:
        if what == "take":
            fits = all(
                need == 0 or used + need <= most
                for used, need, most in (
                    (model.bytes, amount.bytes, limit.bytes),
                    (model.entries, amount.entries, limit.entries),
                )
            )
            assert account.take(number, amount) == fits
            model = model + amount if fits else model
        elif what == "give":
            given = amount.at_most(model)
            account.give(number, given)
            model -= given
        else:
            limit = other
            account.limit(limit)
        assert account.used == model
        rooms = [shard.room for shard in account.shards.values()]
        assert all(room.bytes >= 0 and room.entries >= 0 for room in rooms)
        total = model + account.pool.free
        for room in rooms:
            total += room
        assert total == limit


def test_calls_in_different_shards_seldom_touch_the_pool() -> None:
    account = Account(Amount(64 << 30, 1_000_000))
    claims = 0
    for turn in range(1_000):
        before = account.pool
        assert account.take(turn % 8, Amount(10_000, 1))
        claims += account.pool != before
    assert claims == 8
    assert account.gathered == 0


def test_the_last_byte_can_be_used() -> None:
    account = Account(Amount(1_000, 1_000))
    assert all(account.take(number % 7, Amount(1, 1)) for number in range(1_000))
    assert not account.take(0, Amount(1, 0))
    assert account.take(0, Amount(0, 0))
