"""Counters never go back and never count twice, whenever a scrape comes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from tests.support.samples import sample, samples
from tests.support.waiting import TIMEOUT

from perdure.actors import HOST_FUNCTIONS, JobMeter
from perdure.metrics import PrometheusHooks

FUEL = "perdure_fuel_consumed_total"
CALLS = "perdure_host_calls_total"


def fuel_of(hooks: PrometheusHooks) -> float:
    return sum(samples(hooks.registry, FUEL).values())


# One step: which of three meters, what happens to it, and how much it uses before that.
STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["use", "end", "scrape"]), st.integers(0, 1_000)))


@given(STEPS)
def test_the_sum_is_what_all_meters_used_and_never_falls(steps: list[tuple[int, str, int]]) -> None:
    hooks = PrometheusHooks()
    meters: dict[int, JobMeter] = {}
    used, last = 0, 0.0
    for number, action, amount in steps:
        if number not in meters:
            meters[number] = JobMeter(f"extension-{number % 2}", "count")
            hooks.attempt_started(meters[number], "dispatch")
        meters[number].fuel += amount
        meters[number].calls[amount % len(HOST_FUNCTIONS)] += 1
        used += amount
        if action == "end":
            hooks.attempt_ended(meters.pop(number))
        elif action == "scrape":
            assert last <= fuel_of(hooks) == used
            last = used

    assert fuel_of(hooks) == used
    assert sum(samples(hooks.registry, CALLS).values()) == len(steps)


def test_an_attempt_that_ends_with_less_than_was_read_takes_nothing_back() -> None:
    hooks = PrometheusHooks()
    meter = JobMeter("acme", "acme:count")
    hooks.attempt_started(meter, "dispatch")
    meter.fuel = 500
    assert fuel_of(hooks) == 500

    meter.fuel = 400
    assert fuel_of(hooks) == 500
    hooks.attempt_ended(meter)
    assert fuel_of(hooks) == 500


def test_a_meter_that_was_not_started_or_ends_twice_changes_nothing() -> None:
    hooks = PrometheusHooks()
    meter = JobMeter("acme", "acme:count")
    meter.fuel = 5
    hooks.attempt_ended(meter)
    assert fuel_of(hooks) == 0

    hooks.attempt_started(meter, "dispatch")
    hooks.attempt_ended(meter)
    hooks.attempt_ended(meter)
    assert fuel_of(hooks) == 5


class HeldMeter(JobMeter):
    """A meter whose first reading waits until the test lets it go on."""

    def __init__(self) -> None:
        self.being_read = threading.Event()
        self.go_on = threading.Event()
        super().__init__("acme", "acme:count")

    @property
    def fuel(self) -> int:
        self.being_read.set()
        assert self.go_on.wait(TIMEOUT)
        return 100

    @fuel.setter
    def fuel(self, value: int) -> None:
        pass


def test_a_meter_that_ends_during_a_scrape_is_counted_once() -> None:
    hooks = PrometheusHooks()
    meter = HeldMeter()
    hooks.attempt_started(meter, "dispatch")
    with ThreadPoolExecutor(2) as threads:
        scrape = threads.submit(fuel_of, hooks)
        assert meter.being_read.wait(TIMEOUT)
        end = threads.submit(hooks.attempt_ended, meter)
        meter.go_on.set()
        assert scrape.result(TIMEOUT) == 100
        end.result(TIMEOUT)

    assert fuel_of(hooks) == 100


def test_scrapes_beside_busy_jobs_see_counters_that_only_grow() -> None:
    hooks = PrometheusHooks()
    attempts, steps, workers = 50, 40, 3

    def work(number: int) -> None:
        for _ in range(attempts):
            meter = JobMeter("acme", f"acme:count-{number}")
            hooks.attempt_started(meter, "dispatch")
            for _ in range(steps):
                meter.fuel += 1
                meter.calls[0] += 1
            hooks.attempt_ended(meter)

    with ThreadPoolExecutor(workers) as threads:
        running = [threads.submit(work, number) for number in range(workers)]
        seen = [0.0]
        while not all(job.done() for job in running):
            seen.append(fuel_of(hooks))
        for job in running:
            job.result(TIMEOUT)

    assert seen == sorted(seen)
    assert fuel_of(hooks) == attempts * steps * workers
    assert sample(hooks.registry, CALLS, extension="acme", function="log") == attempts * steps * workers
