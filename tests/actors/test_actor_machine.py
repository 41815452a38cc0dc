"""Random lives of a few jobs, with crashes, a full disk and dying actors.

Each guest counts items and checkpoints the number, so that what it says it did can be compared with what the log says.
After every step the log is clean; in the end every job finishes, with the number of items that its guest counted.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tests.support.actor_rig import Rig, nudge
from tests.support.puppet import Puppet, Puppets, Stopped
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorRestarted, Exit, RestartLimit
from perdure.store import DiskFull, IllegalTransition, Status, check
from perdure.store import events as ev
from perdure.store.events import JobRecovered, JobResumed, RetryPolicy

FULL = DiskFull(Path("somewhere"))
MANY = RestartLimit(deaths=1_000, seconds=1e9)


class Defect(Exception):
    """What an actor dies of."""


class Work:
    """What a guest does that counts."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, host: PythonHost) -> None:
        host.increment_items(self.count)


class Actors(RuleBasedStateMachine):
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.puppets = Puppets()
        self.rig = Rig(self.puppets, restarts=MANY)
        self.known: list[UUID] = []
        self.acknowledged: defaultdict[UUID, set[int]] = defaultdict(set)
        self.counted: dict[int, int] = {}  # by the identity of a puppet
        self.completed: dict[UUID, int] = {}

    # --- a person ----------------------------------------------------------------------------------------------------

    @initialize(target=jobs)
    def first(self) -> UUID:
        return self.dispatch_job(attempts=1)

    @rule(target=jobs, attempts=st.sampled_from((1, 3)))
    def dispatch(self, attempts: int) -> UUID:
        if len(self.known) >= 4:
            return self.known[0]
        self.rig.store.fail_with(None)
        return self.dispatch_job(attempts)

    def dispatch_job(self, attempts: int) -> UUID:
        while True:
            with contextlib.suppress(ActorRestarted):
                job_id = self.rig.dispatch(b"0", retry=RetryPolicy(attempts=attempts, initial_ms=2_000))
                self.known.append(job_id)
                self.settle()
                return job_id
            self.rig.advance(20.0)

    @rule(job=jobs, action=st.sampled_from(("pause", "resume", "cancel", "retry")))
    def control(self, job: UUID, action: str) -> None:
        with contextlib.suppress(IllegalTransition, DiskFull, ActorRestarted, Defect):
            self.rig.control(job, action)
        self.settle()

    @rule(seconds=st.sampled_from((0.1, 1.0, 6.0, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self.rig.advance(seconds)
        self.settle()

    # --- the guests --------------------------------------------------------------------------------------------------

    def puppet(self, job: UUID) -> Puppet | None:
        puppet = self.puppets.current.get(job)
        if puppet is None or puppet.over.is_set():
            return None
        if id(puppet) not in self.counted:
            assert puppet.ready.wait(TIMEOUT)
            done = (action.count for action in puppet.script if isinstance(action, Work))
            self.counted[id(puppet)] = counted = int(puppet.state) + sum(done)
            if not puppet.over.is_set():
                assert counted >= max(self.acknowledged[job], default=0), "an acknowledged checkpoint was lost"
        return puppet

    @rule(job=jobs, count=st.integers(1, 9))
    def work(self, job: UUID, count: int) -> None:
        puppet = self.puppet(job)
        if puppet is not None:
            with contextlib.suppress(Stopped):
                puppet.do(Work(count))
                self.counted[id(puppet)] += count

    @rule(job=jobs)
    def save(self, job: UUID) -> None:
        puppet = self.puppet(job)
        if puppet is not None:
            number = self.counted[id(puppet)]
            with contextlib.suppress(Stopped):
                if puppet.do(lambda host: host.checkpoint(b"%d" % number)):
                    self.acknowledged[job].add(number)

    @rule()
    def buffers_are_due(self) -> None:
        """Wait for the log writer's next try, if there is anything to write."""
        tries = self.rig.store.attempts
        with contextlib.suppress(AssertionError):
            lanes = self.rig.system.mailbox_depths
            eventually(lambda: self.rig.store.attempts > tries or not lanes()["lanes"], 0.1, every=0.001)

    @rule(job=jobs)
    def ask(self, job: UUID) -> None:
        puppet = self.puppet(job)
        if puppet is not None:
            with contextlib.suppress(Stopped):
                if puppet.do(lambda host: host.check_interrupt()):
                    puppet.end(Exit.INTERRUPTED)
        self.settle()

    @rule(job=jobs, how=st.sampled_from(("completes", "fails", "explodes")))
    def finish(self, job: UUID, how: str) -> None:
        puppet = self.puppet(job)
        if puppet is not None:
            if how == "completes":
                self.completed[job] = self.counted[id(puppet)]
                puppet.end()
            elif how == "fails":
                puppet.fail()
            else:
                puppet.explode(Defect())
        self.settle()

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    @rule()
    def disk_is_full(self) -> None:
        self.rig.store.fail_with(FULL)

    @rule()
    def disk_has_room(self) -> None:
        self.rig.store.fail_with(None)

    @rule()
    def log_writer_dies(self) -> None:
        self.rig.store.fail_once_with(Defect())

    @rule()
    def process_dies(self) -> None:
        self.rig.crash()
        self.next_process()

    @rule()
    def process_ends(self) -> None:
        self.rig.store.fail_with(None)
        self.rig.shutdown(grace=0.0)
        self.next_process()

    def next_process(self) -> None:
        self.rig = Rig(self.puppets, predecessor=self.rig, restarts=MANY)
        self.settle()

    # --- what always holds -------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until nothing moves by itself, as far as that can be seen from here; what is checked holds anyway."""
        nudge(self.rig.system.extension_address("acme"))
        with contextlib.suppress(AssertionError):
            eventually(self.is_quiet, 0.05, every=0.001)

    def is_quiet(self) -> bool:
        depths = self.rig.system.mailbox_depths()
        if any(depths[kind] for kind in ("log", "supervisor", "extension")):
            return False
        running = [self.puppets.current.get(job) for job in self.rig.system.jobs.ids()]
        return all(puppet is not None and not puppet.over.is_set() for puppet in running)

    @invariant()
    def log_is_clean(self) -> None:
        assert check(self.rig.store.inner).problems == []

    @invariant()
    def acknowledged_checkpoints_are_in_the_log(self) -> None:
        for job in self.known:
            saved = {
                int(event.state.data)
                for event in self.rig.events(job)
                if isinstance(event, ev.CheckpointSaved) and isinstance(event.state, ev.Inline)
            }
            assert self.acknowledged[job] <= saved

    @invariant()
    def a_cancel_is_never_forgotten_by_the_host(self) -> None:
        for job in self.known:
            wanted = False
            for event in self.rig.events(job):
                if isinstance(event, ev.JobCancelRequested):
                    wanted = True
                elif isinstance(event, ev.JobCancelled | ev.JobCompleted | ev.JobFailed):
                    wanted = False
                elif isinstance(event, JobResumed | JobRecovered):
                    assert not (wanted and event.cause in ("recovery", "restart")), "a cancel was forgotten"
                    wanted = False

    def teardown(self) -> None:
        try:
            self.everything_ends()
            for job, counted in self.completed.items():
                if self.rig.status(job) is Status.COMPLETED:
                    assert self.rig.job(job).items == counted
            assert check(self.rig.store.inner).problems == []
        finally:
            self.rig.__exit__()

    def everything_ends(self) -> None:
        """Every job that is let go on comes to its end, whatever happened to it."""
        self.rig.store.fail_with(None)
        deadline = time.monotonic() + TIMEOUT
        while True:
            left = [job for job in self.known if not self.rig.job(job).finished]
            if not left:
                return
            assert time.monotonic() < deadline, f"jobs that never end: {[self.rig.tags(job) for job in left]}"
            for job in left:
                if self.rig.status(job) in (Status.PAUSED, Status.SUSPENDED):
                    with contextlib.suppress(IllegalTransition, ActorRestarted):
                        self.rig.control(job, "resume")
                puppet = self.puppet(job)
                if puppet is not None:
                    self.completed[job] = self.counted[id(puppet)]
                    puppet.end()
            self.settle()
            self.rig.advance(20.0)


Actors.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestActors = pytest.mark.long(Actors.TestCase)
