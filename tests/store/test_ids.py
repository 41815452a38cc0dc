from __future__ import annotations

from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st
from tests.support.job_events import START

from perdure.store.ids import uuid7

times = st.integers(0, ((1 << 48) - 1) * 1000 + 999)


@given(time=times)
def test_version_variant_and_time_are_where_rfc_9562_puts_them(time: int) -> None:
    made = uuid7(time)
    assert made.version == 7
    assert made.variant == RFC_4122
    assert made.int >> 80 == time // 1000


@given(earlier=times, step=st.integers(1, 10**15))
def test_a_later_microsecond_sorts_later(earlier: int, step: int) -> None:
    later = min(earlier + step, ((1 << 48) - 1) * 1000 + 999)
    if later > earlier:
        assert uuid7(earlier) < uuid7(later)
        assert str(uuid7(earlier)) < str(uuid7(later))
        assert uuid7(earlier).bytes < uuid7(later).bytes


def test_ids_of_one_microsecond_differ() -> None:
    assert len({uuid7(START) for _ in range(10_000)}) == 10_000
