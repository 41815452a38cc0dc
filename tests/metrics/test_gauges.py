"""Gauges are read from the open runtimes at each scrape, and summed."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.fixed_gauges import FixedGauges
from tests.support.samples import sample, samples
from tests.support.waiting import TIMEOUT

from perdure.metrics import PrometheusHooks


def test_before_a_runtime_opens_there_is_none() -> None:
    hooks = PrometheusHooks()

    assert sample(hooks.registry, "perdure_runtimes") == 0
    assert samples(hooks.registry, "perdure_jobs") == {}


def test_what_a_runtime_says() -> None:
    hooks = PrometheusHooks()
    gauges = FixedGauges(
        jobs={"running": 2, "queued": 0},
        mailboxes={"log": 1, "job": 4},
        usage=(4096, 65536),
        tokens={"acme": 998.0},
        held=3,
        lost=2,
    )
    hooks.opened(gauges)

    assert sample(hooks.registry, "perdure_runtimes") == 1
    assert samples(hooks.registry, "perdure_jobs") == {("running",): 2, ("queued",): 0}
    assert samples(hooks.registry, "perdure_mailbox_depth") == {("log",): 1, ("job",): 4}
    assert sample(hooks.registry, "perdure_log_map_used_bytes") == 4096
    assert sample(hooks.registry, "perdure_log_map_size_bytes") == 65536
    assert samples(hooks.registry, "perdure_rate_limit_tokens") == {("acme",): 998}
    assert sample(hooks.registry, "perdure_operations_held") == 3
    assert sample(hooks.registry, "perdure_operation_threads_lost") == 2

    gauges.jobs = {"running": 0, "queued": 0}
    assert sample(hooks.registry, "perdure_jobs", status="running") == 0


def test_a_log_in_memory_has_no_map() -> None:
    hooks = PrometheusHooks()
    hooks.opened(FixedGauges(usage=None))

    assert sample(hooks.registry, "perdure_log_map_used_bytes") is None
    assert sample(hooks.registry, "perdure_unreadable_gauges_total") == 0


def test_two_runtimes_are_summed_until_one_closes() -> None:
    hooks = PrometheusHooks()
    first = FixedGauges(jobs={"running": 2}, usage=(100, 1000), tokens={"acme": 10.0, "one": 1.0})
    second = FixedGauges(jobs={"running": 3}, usage=(20, 200), tokens={"acme": 5.0})
    hooks.opened(first)
    hooks.opened(second)
    hooks.opened(second)  # once more changes nothing

    assert sample(hooks.registry, "perdure_runtimes") == 2
    assert samples(hooks.registry, "perdure_jobs") == {("running",): 5}
    assert sample(hooks.registry, "perdure_log_map_used_bytes") == 120
    assert samples(hooks.registry, "perdure_rate_limit_tokens") == {("acme",): 15, ("one",): 1}

    hooks.closed(first)
    hooks.closed(first)
    assert sample(hooks.registry, "perdure_runtimes") == 1
    assert samples(hooks.registry, "perdure_jobs") == {("running",): 3}
    assert samples(hooks.registry, "perdure_rate_limit_tokens") == {("acme",): 5}


def test_a_gauge_that_cannot_be_read_is_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    hooks = PrometheusHooks()
    hooks.opened(FixedGauges(jobs={"running": 1}, tokens={"acme": 1.0}))
    broken = FixedGauges(jobs=OSError("the disk is gone"), tokens={"acme": 2.0})
    hooks.opened(broken)

    with caplog.at_level(logging.ERROR):
        assert samples(hooks.registry, "perdure_jobs") == {}, "a sum that lacks a runtime would be wrong"
    assert "perdure_jobs could not be read" in caplog.text
    assert "the disk is gone" in caplog.text
    assert samples(hooks.registry, "perdure_rate_limit_tokens") == {("acme",): 3}, "the rest of the scrape is there"
    assert sample(hooks.registry, "perdure_unreadable_gauges_total") == 3, "one for each of three scrapes so far"

    broken.jobs = {"running": 1}
    assert samples(hooks.registry, "perdure_jobs") == {("running",): 2}


class HeldGauges(FixedGauges):
    """Gauges whose reading waits until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__(jobs={"running": 1})
        self.order: list[str] = []
        self.being_read = threading.Event()
        self.go_on = threading.Event()

    def jobs_by_status(self) -> dict[str, int]:
        self.being_read.set()
        assert self.go_on.wait(TIMEOUT)
        self.order.append("read")
        return super().jobs_by_status()


def test_a_runtime_that_closes_waits_for_the_scrape_that_reads_it() -> None:
    """Afterwards its store is closed, and nobody may read from that."""
    hooks = PrometheusHooks()
    gauges = HeldGauges()
    hooks.opened(gauges)
    begun = threading.Event()

    def close() -> None:
        begun.set()
        hooks.closed(gauges)
        gauges.order.append("closed")

    with ThreadPoolExecutor(2) as threads:
        scrape = threads.submit(samples, hooks.registry, "perdure_jobs")
        assert gauges.being_read.wait(TIMEOUT)
        closing = threads.submit(close)
        assert begun.wait(TIMEOUT)
        gauges.go_on.set()
        assert scrape.result(TIMEOUT) == {("running",): 1}
        closing.result(TIMEOUT)

    assert gauges.order == ["read", "closed"]

    gauges.being_read.clear()
    assert samples(hooks.registry, "perdure_jobs") == {}
    assert not gauges.being_read.is_set()
