from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.backoff import Backoff, backoff_of
from perdure.store.events import RetryPolicy

BACKOFFS = st.builds(
    Backoff,
    initial_ms=st.integers(0, 100_000),
    factor=st.floats(1.0, 10.0),
    maximum_ms=st.integers(0, 10_000_000),
    jitter=st.floats(0.0, 1.0),
)
FAILURES = st.integers(1, 1_000_000)
RANDOM = st.floats(0.0, 1.0, exclude_max=True)


def test_grows_by_its_factor_up_to_its_maximum() -> None:
    backoff = Backoff(initial_ms=100, factor=2.0, maximum_ms=1_000, jitter=0.0)

    assert [backoff.delay_ms(failures, 0.3) for failures in range(1, 7)] == [100, 200, 400, 800, 1_000, 1_000]


def test_spreads_evenly_around_the_delay() -> None:
    backoff = Backoff(initial_ms=1_000, factor=2.0, maximum_ms=60_000, jitter=0.1)

    assert [backoff.delay_ms(1, random) for random in (0.0, 0.5, 0.999_999)] == [900, 1_000, 1_100]


@given(BACKOFFS, FAILURES, RANDOM)
def test_stays_within_the_jitter_of_the_maximum(backoff: Backoff, failures: int, random: float) -> None:
    delay = backoff.delay_ms(failures, random)

    assert 0 <= delay <= backoff.maximum_ms * (1 + backoff.jitter) + 1


@given(BACKOFFS, FAILURES, RANDOM)
def test_never_shrinks_with_more_failures(backoff: Backoff, failures: int, random: float) -> None:
    assert backoff.delay_ms(failures, random) <= backoff.delay_ms(failures + 1, random)


@given(BACKOFFS, FAILURES)
def test_is_symmetric_around_the_middle(backoff: Backoff, failures: int) -> None:
    low, middle, high = (backoff.delay_ms(failures, random) for random in (0.25, 0.5, 0.75))

    assert abs((low + high) - 2 * middle) <= 2  # each is rounded to a millisecond


def test_is_what_the_dispatcher_asked_for() -> None:
    policy = RetryPolicy(attempts=7, initial_ms=5, factor=3.0, maximum_ms=40, jitter=0.0)

    assert [backoff_of(policy).delay_ms(failures, 0.9) for failures in (1, 2, 3)] == [5, 15, 40]
