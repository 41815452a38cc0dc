from __future__ import annotations

from uuid import UUID

from perdure.actors.locked_jobs import LockedJobs

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def test_those_that_wait_for_it_go_on_once() -> None:
    woken: list[tuple[UUID, int]] = []
    jobs = LockedJobs(lambda lock: True, lambda job_id, attempts: woken.append((job_id, attempts)))
    jobs.wait(ONE, 1, "acme")
    jobs.wait(TWO, 4, "vault")
    jobs.wait(THREE, 2, "acme")
    assert jobs.all() == {ONE: "acme", TWO: "vault", THREE: "acme"}
    jobs.forget(THREE)  # somebody let it go on
    jobs.unlocked("acme")
    jobs.unlocked("acme")
    assert woken == [(ONE, 1)]
    assert jobs.all() == {TWO: "vault"}


def test_one_that_comes_when_it_was_unlocked_meanwhile_does_not_wait() -> None:
    woken: list[UUID] = []
    jobs = LockedJobs(lambda lock: False, lambda job_id, attempts: woken.append(job_id))
    jobs.wait(ONE, 1, "acme")
    assert (woken, jobs.all()) == ([ONE], {})
