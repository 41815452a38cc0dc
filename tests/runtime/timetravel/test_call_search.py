from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.timetravel.call_search import find_call

NUMBERS = st.integers(0, 30)


@given(st.sets(NUMBERS), NUMBERS, st.sets(NUMBERS), st.booleans())
def test_the_nearest_one_is_found(numbers: set[int], here: int, wanted: set[int], backward: bool) -> None:
    calls: list[Any] = [SimpleNamespace(call=number) for number in sorted(numbers)]
    good = numbers & wanted
    nearest = (
        max((n for n in good if n < here), default=None)
        if backward
        else min((n for n in good if n > here), default=None)
    )
    assert find_call(calls, here, lambda call: call.call in wanted, backward=backward) == nearest


def test_no_more_calls_are_read_than_it_takes() -> None:
    calls: Any = iter([SimpleNamespace(call=number) for number in range(1, 10)])
    assert find_call(calls, 2, lambda call: True, backward=False) == 3
    assert next(calls).call == 4
