"""Cancels of families: random trees of jobs, crashes and full disks, against a model of a few lines.

The model is the issue's sentence: cancelling a job cancels all that descend from it; the end of a job ends no other.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.actor_rig import ACME, Rig, nudge
from tests.support.job_events import LIBRARY, MODULE
from tests.support.puppet import Puppet, Puppets
from tests.support.python_guest import PythonExtension, PythonOperations
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import OperationCall, Outcome, RestartLimit
from perdure.store import DiskFull, Effects, IllegalTransition, SideAppend, Status, check
from perdure.store import events as ev
from perdure.store.errors import StoreError
from perdure.store.events import JobCancelled, JobDispatched, JobLimits, JobLinked, RetryPolicy, RowWrite, job_stream
from perdure.store.family import child_key, children_of
from perdure.store.ids import uuid7

FULL = DiskFull(Path("somewhere"))
MANY = RestartLimit(deaths=1_000, seconds=1e9)
DISPATCH = "action:dispatch"


def child_of(call: OperationCall) -> Outcome:
    """What `jobs.dispatch` does, without its checks: the child is an effect of its dispatch."""
    assert call.job_id is not None
    child = uuid7(time.time_ns() // 1000)
    dispatched = JobDispatched(
        child,
        f"{ACME}:count",
        ACME,
        "1",
        MODULE,
        "execute_count",
        LIBRARY,
        True,
        ev.Inline(b""),
        JobLimits(),
        RetryPolicy(),
    )
    bodies = ev.encode(dispatched), ev.encode(JobLinked(call.job_id, call.call))
    return Outcome(
        answer=json.dumps(str(child)).encode(),
        action=True,
        writes=(RowWrite(child_key(call.job_id, child), b""),),
        effects=Effects(appends=(SideAppend(job_stream(child), bodies, 0),)),
    )


def family_rig(puppets: Puppets, predecessor: Rig | None = None, slots: int = 100) -> Rig:
    return Rig(
        puppets,
        predecessor=predecessor,
        extensions={ACME: PythonExtension(concurrent_jobs=slots)},
        operations=PythonOperations(dispatch=child_of),
        restarts=MANY,
    )


def dispatch_child(puppet: Puppet) -> UUID:
    return UUID(json.loads(puppet.do(lambda host: host.call(DISPATCH))))


class Families(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.puppets = Puppets()
        self.rig = family_rig(self.puppets)
        self.parents: dict[UUID, UUID | None] = {}
        self.ends: dict[UUID, Status] = {}

    def pick(self, number: int) -> UUID:
        jobs = list(self.parents)
        return jobs[number % len(jobs)]

    def puppet(self, job: UUID) -> Puppet | None:
        if job in self.ends:
            return None
        eventually(lambda: job in self.puppets.current and not self.puppets.current[job].over.is_set())
        return self.puppets.current[job]

    @initialize()
    def first(self) -> None:
        self.dispatch()

    @precondition(lambda self: len(self.parents) < 12)
    @rule()
    def dispatch(self) -> None:
        self.parents[self.rig.dispatch()] = None

    @precondition(lambda self: len(self.parents) < 12)
    @rule(number=st.integers(0, 100))
    def child(self, number: int) -> None:
        parent = self.pick(number)
        puppet = self.puppet(parent)
        if puppet is not None:
            self.parents[dispatch_child(puppet)] = parent

    @rule(number=st.integers(0, 100))
    def cancel(self, number: int) -> None:
        job = self.pick(number)
        if job in self.ends:
            with contextlib.suppress(IllegalTransition):
                self.rig.control(job, "cancel")
                raise AssertionError("it had ended")
            return
        self.rig.control(job, "cancel")
        self.taken_along(job)
        self.rig.advance(6.0)  # puppets do not listen

    def taken_along(self, job: UUID) -> None:
        """The model."""
        self.ends.setdefault(job, Status.CANCELLED)
        for child, parent in self.parents.items():
            if parent == job:
                self.taken_along(child)

    @rule(number=st.integers(0, 100))
    def cancel_on_a_full_disk(self, number: int) -> None:
        """All of it, or nothing."""
        job = self.pick(number)
        if job in self.ends:
            return
        for other in self.parents:
            self.puppet(other)  # one that begins now would begin anew later
        self.rig.store.fail_with(FULL)
        with contextlib.suppress(StoreError):
            self.rig.control(job, "cancel")
            raise AssertionError("the disk was full")
        self.rig.store.fail_with(None)

    @rule(number=st.integers(0, 100))
    def cancel_and_die(self, number: int) -> None:
        """The process dies after the cancel's commit, before anybody was told."""
        job = self.pick(number)
        if job in self.ends:
            return
        self.rig.control(job, "cancel")
        self.taken_along(job)
        self.crash()

    @rule(number=st.integers(0, 100))
    def finish(self, number: int) -> None:
        job = self.pick(number)
        puppet = self.puppet(job)
        if puppet is not None:
            puppet.end()
            self.rig.wait(job, Status.COMPLETED)
            self.ends[job] = Status.COMPLETED

    @rule()
    def crash(self) -> None:
        self.rig.crash()
        self.rig = family_rig(self.puppets, predecessor=self.rig)

    @invariant()
    def agree(self) -> None:
        for job in self.parents:
            end = self.ends.get(job)
            if end is not None:
                self.rig.wait(job, end)
            else:
                state = self.rig.job(job)
                assert not state.finished
                assert not state.cancel_requested
                assert state.parent == self.parents[job]
                assert list(children_of(self.rig.store, job)) == sorted(
                    child for child, parent in self.parents.items() if parent == job
                )

    def teardown(self) -> None:
        self.rig.store.fail_with(None)
        self.rig.crash()
        assert check(self.rig.store.inner).problems == []


TestFamilies = Families.TestCase
TestFamilies.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


class _Held:
    """A dispatch that is held back between its handler and its outcome."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, call: OperationCall) -> Outcome:
        outcome = child_of(call)
        self.reached.set()
        assert self.go.wait(TIMEOUT)
        return outcome


def test_a_child_that_comes_after_the_cancel_never_begins() -> None:
    puppets, held = Puppets(), _Held()
    rig = Rig(puppets, operations=PythonOperations(dispatch=held))
    with rig:
        parent = rig.dispatch()
        future = puppets.of(parent).begin(lambda host: host.call(DISPATCH))
        assert held.reached.wait(TIMEOUT)
        rig.control(parent, "cancel")
        held.go.set()
        child = UUID(json.loads(future.result(TIMEOUT)))
        rig.wait(child, Status.CANCELLED)
        assert rig.tags(child) == ["dispatched", "linked", "cancelled"]
        assert child in rig.ended


def test_nor_in_the_next_process() -> None:
    """The process dies between the commit that dispatches the child and all that follows."""
    puppets, held = Puppets(), _Held()
    rig = Rig(puppets, operations=PythonOperations(dispatch=held))
    parent = rig.dispatch()
    puppet = puppets.of(parent)
    puppet.begin(lambda host: host.call(DISPATCH))
    assert held.reached.wait(TIMEOUT)
    rig.control(parent, "cancel")
    nudge(rig.system.supervisor)
    rig.system._dispatched = lambda state: None  # type: ignore[method-assign]  # it dies before this
    held.go.set()
    eventually(lambda: list(children_of(rig.store, parent)))
    (child,) = children_of(rig.store, parent)
    rig.crash()
    with Rig(puppets, predecessor=rig) as after:
        after.wait(child, Status.CANCELLED)
        assert after.tags(child) == ["dispatched", "linked", "cancelled"]
        assert after.status(parent) is Status.CANCELLED


def test_a_child_that_comes_during_the_cancel_is_taken_along() -> None:
    """The cancel was computed, and the child is in the log before it: the store refuses the cancel as it is."""
    puppets = Puppets()
    with family_rig(puppets) as rig:
        parent = rig.dispatch()
        puppet = puppets.of(parent)
        dispatch_child(puppet)
        late: list[UUID] = []

        def before(requests: object) -> None:
            for request in rig.store.held or requests:  # type: ignore[attr-defined]
                is_cancel = request.stream == job_stream(parent) and b"cancel-requested" in request.bodies[0]
                if is_cancel and not late:
                    late.append(_append_child(rig, parent))

        rig.store.before = before
        rig.control(parent, "cancel")
        assert len(late) == 1
        rig.advance(6.0)
        for job in (parent, *children_of(rig.store, parent)):
            rig.wait(job, Status.CANCELLED)
        assert len(list(children_of(rig.store, parent))) == 2


def _append_child(rig: Rig, parent: UUID) -> UUID:
    """A child that gets in front, and runs at once."""
    call = OperationCall(
        caller="job",
        extension=ACME,
        job_id=parent,
        job_type=f"{ACME}:count",
        library_id=LIBRARY,
        call=9,
        method=DISPATCH,
        payload=b"",
        effect_key="k",
    )
    outcome = child_of(call)
    assert outcome.effects is not None
    (side,) = outcome.effects.appends
    inner = rig.store.inner
    request = ev.ActionAnswered(9, 90, DISPATCH, None, "k", ev.Inline(b""), ev.Inline(b""), "", outcome.writes)
    inner.append(job_stream(parent), [request])
    child = UUID(side.stream.removeprefix("job:"))
    inner.append(side.stream, [ev.decode(body) for body in side.bodies], 0)
    inner.append(side.stream, [ev.JobStarted(1, 1)])
    return child


def test_a_retried_child_of_a_cancelled_job_goes_on_also_after_a_crash() -> None:
    puppets = Puppets()
    rig = family_rig(puppets)
    parent = rig.dispatch()
    child = dispatch_child(puppets.of(parent))
    puppets.of(child)
    rig.control(parent, "cancel")
    rig.advance(6.0)
    rig.wait(child, Status.CANCELLED)
    rig.wait(parent, Status.CANCELLED)
    rig.over(child)
    rig.control(child, "retry")
    puppets.of(child)
    rig.crash()
    with family_rig(puppets, predecessor=rig) as after:
        puppets.of(child).end()
        after.wait(child, Status.COMPLETED)


def test_a_large_family_is_one_commit() -> None:
    puppets = Puppets()
    with family_rig(puppets, slots=1) as rig:
        parent = rig.dispatch()
        puppet = puppets.of(parent)
        children = [dispatch_child(puppet) for _ in range(50)]
        rig.control(parent, "pause")
        rig.advance(6.0)
        rig.wait(parent, Status.PAUSED)
        running = puppets.of(children[0])  # the slot was free then
        batches = len(rig.store.batches)
        rig.control(parent, "cancel")
        assert {rig.status(child) for child in children[1:]} == {Status.CANCELLED}
        assert any(
            len(request.effects.appends) == 50
            for batch in rig.store.batches[batches:]
            for request in batch
            if request.effects is not None
        )
        rig.advance(6.0)
        assert running.over.wait(TIMEOUT)
        rig.wait(children[0], Status.CANCELLED)
        assert [type(event) for event in rig.events(children[0])][-1] is JobCancelled
        assert set(children) <= set(rig.ended)
