from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.slots import SlotPool


def test_has_as_many_slots_as_it_says() -> None:
    pool = SlotPool(2)

    assert [pool.try_acquire("a") for _ in range(3)] == [True, True, False]


def test_whoever_asked_first_is_next() -> None:
    pool = SlotPool(1)
    pool.try_acquire("a")
    pool.try_acquire("b")
    pool.try_acquire("c")
    pool.try_acquire("b")  # asking again does not change the order

    pool.release()

    assert pool.next() == "b"


def test_nobody_overtakes_whoever_waits() -> None:
    pool = SlotPool(1)
    pool.try_acquire("a")
    pool.try_acquire("b")
    pool.release()

    assert not pool.try_acquire("a"), "b asked first"
    assert pool.try_acquire("b")
    pool.release()
    assert pool.next() == "a"


def test_a_slot_beyond_those_that_others_wait_for_is_free_for_all() -> None:
    pool = SlotPool(2)
    for _ in range(2):
        pool.try_acquire("a")
    pool.try_acquire("b")
    pool.release()
    pool.release()

    assert pool.try_acquire("a")
    assert pool.try_acquire("b")


def test_nobody_is_next_while_all_slots_are_taken() -> None:
    pool = SlotPool(1)
    pool.try_acquire("a")
    pool.try_acquire("b")

    assert pool.next() is None


def test_one_that_no_longer_wants_a_slot_makes_way() -> None:
    pool = SlotPool(1)
    pool.try_acquire("a")
    pool.try_acquire("b")
    pool.try_acquire("c")
    pool.release()

    pool.leave("b")

    assert pool.next() == "c"
    pool.leave("never seen")


@given(limit=st.integers(1, 3), wishes=st.lists(st.sampled_from("abcd"), max_size=40))
def test_everybody_is_served_in_the_order_of_asking(limit: int, wishes: list[str]) -> None:
    """Extensions as queues of jobs, which hand slots on as the actors do."""
    pool = SlotPool(limit)
    queues = dict.fromkeys("abcd", 0)
    running: deque[str] = deque()
    line: list[str] = []
    served: list[str] = []

    def pump(name: str) -> None:
        while queues[name]:
            if not pool.try_acquire(name):
                if name not in line:
                    line.append(name)
                break
            assert not line or line[0] == name, f"{name} overtook {line[0]}"
            line[:1] = []
            queues[name] -= 1
            running.append(name)
            served.append(name)
        else:
            pool.leave(name)
        if (following := pool.next()) is not None:
            pump(following)

    for name in wishes:
        queues[name] += 1
        pump(name)
        assert len(running) <= limit
    while running:
        ended = running.popleft()
        pool.release()
        if (following := pool.next()) is not None:
            pump(following)
        pump(ended)

    assert sorted(served) == sorted(wishes)
