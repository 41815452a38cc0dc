from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.slots import SlotPool


def pool_of(limit: int, *loaded: str) -> SlotPool:
    pool = SlotPool(limit)
    for extension in loaded:
        pool.join(extension)
    return pool


def take_all(pool: SlotPool, extension: str) -> int:
    """How many slots it gets one after another."""
    count = 0
    while pool.try_acquire(extension):
        count += 1
    return count


def test_has_as_many_slots_as_it_says() -> None:
    assert take_all(pool_of(2), "a") == 2


def test_whoever_asked_first_is_next() -> None:
    pool = pool_of(1)
    pool.try_acquire("a")
    pool.try_acquire("b")
    pool.try_acquire("c")
    pool.try_acquire("b")  # asking again does not change the order

    pool.release("a")

    assert pool.next() == "b"


def test_nobody_overtakes_whoever_waits() -> None:
    pool = pool_of(1)
    pool.try_acquire("a")
    pool.try_acquire("b")
    pool.release("a")

    assert not pool.try_acquire("a"), "b asked first"
    assert pool.try_acquire("b")
    pool.release("b")
    assert pool.next() == "a"


def test_a_slot_beyond_those_that_others_wait_for_is_free_for_all() -> None:
    pool = pool_of(2)
    assert take_all(pool, "a") == 2
    pool.try_acquire("b")
    pool.release("a")
    pool.release("a")

    assert pool.next() == "a", "it asked once more before b did"
    assert pool.try_acquire("a")
    assert pool.try_acquire("b")


def test_nobody_is_next_while_all_slots_are_taken() -> None:
    pool = pool_of(1)
    pool.try_acquire("a")
    pool.try_acquire("b")

    assert pool.next() is None


def test_one_that_no_longer_wants_a_slot_makes_way() -> None:
    pool = pool_of(1)
    pool.try_acquire("a")
    pool.try_acquire("b")
    pool.try_acquire("c")
    pool.release("a")

    pool.leave("b")

    assert pool.next() == "c"
    pool.leave("never seen")
    pool.part("c")
    assert pool.next() is None


@pytest.mark.parametrize(
    ("limit", "others", "taken"),
    [(1, 1, 1), (2, 1, 1), (2, 5, 1), (3, 5, 2), (4, 5, 3), (8, 1, 7), (8, 5, 6), (64, 3, 61), (64, 100, 48)],
)
def test_room_is_kept_for_the_first_jobs_of_others(limit: int, others: int, taken: int) -> None:
    pool = pool_of(limit, "greedy", *(f"other-{number}" for number in range(others)))

    assert take_all(pool, "greedy") == taken

    served = sum(pool.try_acquire(f"other-{number}") for number in range(others))
    assert served == limit - taken
    assert pool.next() is None


def test_no_room_is_kept_for_those_that_are_not_loaded_or_run_already() -> None:
    pool = pool_of(4, "greedy", "gone", "busy")
    assert pool.try_acquire("busy")
    pool.part("gone")

    assert take_all(pool, "greedy") == 3


def test_a_slot_that_is_kept_is_given_to_a_first_job_before_those_in_front_of_it() -> None:
    pool = pool_of(2, "greedy", "late")
    assert take_all(pool, "greedy") == 1
    assert pool.next() is None, "the greedy one stands in line for its second"

    assert pool.try_acquire("late")
    pool.release("late")
    assert pool.next() is None
    pool.part("late")
    assert pool.next() == "greedy"


def test_thousand_queued_jobs_do_not_starve_the_first_of_another() -> None:
    """However long the jobs of the one are: none of them ever ends here."""
    for limit in range(2, 70):
        pool = pool_of(limit, "greedy", "late")
        queued = 1_000
        while queued and pool.try_acquire("greedy"):
            queued -= 1
        assert pool.try_acquire("late"), f"with {limit} slots"


def test_with_one_slot_they_take_turns() -> None:
    pool = pool_of(1, "greedy", "late")
    queued, served = {"greedy": 1_000, "late": 3}, []
    assert pool.try_acquire("greedy")
    running = "greedy"
    assert not pool.try_acquire("late")
    for _ in range(8):
        pool.release(running)
        asks = [running, *(name for name in queued if name != running)]  # the one whose job ended is sooner
        running = next(name for name in asks if queued[name] and pool.try_acquire(name))
        queued[running] -= 1
        served.append(running)
    assert served == ["late", "greedy"] * 3 + ["greedy"] * 2


@given(limit=st.integers(1, 9), wishes=st.lists(st.sampled_from("abcd"), max_size=40))
def test_everybody_is_served_and_first_jobs_find_room(limit: int, wishes: list[str]) -> None:
    """Extensions as queues of jobs, which hand slots on as the actors do; a job ends when all slots are taken."""
    pool = pool_of(limit, *"abcd")
    queues = dict.fromkeys("abcd", 0)
    running: deque[str] = deque()
    served: Counter[str] = Counter()

    def pump(name: str) -> None:
        while queues[name]:
            if not pool.try_acquire(name):
                break
            queues[name] -= 1
            running.append(name)
            served[name] += 1
        else:
            pool.leave(name)
        if (following := pool.next()) is not None:
            assert queues[following], f"{following} is offered a slot that it does not want"
            pump(following)

    def end() -> None:
        ended = running.popleft()
        pool.release(ended)
        if (following := pool.next()) is not None:
            pump(following)
        pump(ended)

    for name in wishes:
        others = set(running) - {name}
        first = name not in running and not queues[name]
        queues[name] += 1
        pump(name)
        assert len(running) <= limit
        if first and len(others) <= (max(limit // 4, 1) if limit > 1 else 0):
            assert name in running
    for _ in range(10 * len(wishes)):
        if running:
            end()

    assert served == Counter(wishes)
    assert not running
