"""Which jobs a module offers, and which one a name means."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.guests.job_types import MAX_JOB_TYPES, JobRegistry, is_job_name, offered_jobs, resolve_job
from perdure.store.events import JobType

EXPORTS = frozenset({"execute_a", "execute_b", "go"})


@given(st.text(string.printable + "äß\0\ufffd", max_size=70))
def test_a_name_is_safe_to_print_and_to_join(name: str) -> None:
    allowed = string.ascii_letters + string.digits + "_.-"
    expected = 1 <= len(name) <= 64 and all(letter in allowed for letter in name) and name[0] not in ".-"
    assert is_job_name(name) == expected


def test_a_job_is_registered_once() -> None:
    registry = JobRegistry(EXPORTS)
    assert registry.register("a", "execute_a", resumable=True) == ""
    assert "taken" in registry.register("a", "execute_b", resumable=False)
    assert registry.register("b", "execute_a", resumable=False) == "", "two names may share a function"
    assert registry.registered == (JobType("a", "execute_a", True), JobType("b", "execute_a", False))


@pytest.mark.parametrize(("name", "export"), [("", "go"), ("a b", "go"), ("a", "stop"), ("a", "")])
def test_what_is_refused(name: str, export: str) -> None:
    registry = JobRegistry(EXPORTS)
    assert registry.register(name, export, resumable=True)
    assert registry.registered == ()


def test_there_is_an_end_to_job_types() -> None:
    registry = JobRegistry(EXPORTS)
    for number in range(MAX_JOB_TYPES):
        assert registry.register(f"job{number}", "go", resumable=True) == ""
    assert registry.register("one-more", "go", resumable=True)


def test_a_module_that_registers_nothing_has_a_job_for_each_export() -> None:
    assert offered_jobs((), ["a", "b"]) == (JobType("a", "execute_a", True), JobType("b", "execute_b", True))


def test_a_module_that_registers_something_has_only_that() -> None:
    registered = (JobType("counter", "execute_a", False),)
    assert offered_jobs(registered, ["a", "b"]) == registered


def test_a_name_means_the_job_first_and_then_its_export() -> None:
    jobs = (JobType("counter", "execute_count", True), JobType("count", "execute_other", True))
    assert resolve_job(jobs, "counter") == jobs[0]
    assert resolve_job(jobs, "count") == jobs[1], "a job's own name comes before an export's"
    assert resolve_job(jobs, "other") == jobs[1]
    assert resolve_job(jobs, "execute_other") is None
    assert resolve_job(jobs, "") is None


def test_an_export_that_several_jobs_share_means_the_first() -> None:
    jobs = (JobType("slow", "execute_scan", True), JobType("fast", "execute_scan", True))
    assert resolve_job(jobs, "scan") == jobs[0]
