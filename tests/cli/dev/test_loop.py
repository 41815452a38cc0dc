"""What `perdure dev` decides: events in, actions out, and a clock that only the test moves."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.cli.dev import loop
from perdure.cli.dev.loop import (
    Action,
    Build,
    Changed,
    Control,
    DevLoop,
    Dispatch,
    Dispatched,
    FindJob,
    Found,
    Happening,
    Install,
    JobView,
    Leave,
    NotBuilt,
    NotDispatched,
    OnChange,
    Pressed,
    Say,
    Seen,
    ShowEnd,
    ShowHelp,
    TakeUp,
    Ticked,
    WasBuilt,
    WasInstalled,
)
from perdure.cli.exit_codes import ExitCode
from perdure.store.lifecycle import Status

JOB, OTHER = UUID(int=1), UUID(int=2)
FOLDER = Path("built")
BROKEN = NotBuilt("clang refused it", ExitCode.BAD_EXTENSION, said="counter.c:3: error")


class Developer:
    """A loop, and the time."""

    def __init__(self, on_change: OnChange = OnChange.KEEP, *, once: bool = False) -> None:
        self.loop = DevLoop(once=once, on_change=on_change, patience=1.0)
        self.now = 100.0
        assert self.loop.start() == [Build()]

    def __call__(self, happening: Happening) -> list[Action]:
        """What is to be done, but for what is said."""
        return [action for action in self.loop.handle(happening, self.now) if not isinstance(action, Say)]

    def words(self, happening: Happening) -> str:
        """What is said."""
        return "\n".join(action.text for action in self.loop.handle(happening, self.now) if isinstance(action, Say))

    def installs(self, module: str) -> list[Action]:
        """A build and an install that succeed."""
        assert self(WasBuilt(FOLDER)) == [Install(FOLDER)]
        return self(WasInstalled(module))

    def runs(self, module: str = "a", *, has_checkpoint: bool = True) -> JobView:
        """The first job runs the first module."""
        assert self.installs(module) == [FindJob()]
        assert self(Found(None)) == [Dispatch()]
        assert self(Dispatched(job(Status.QUEUED, module))) == []
        running = job(module=module, has_checkpoint=has_checkpoint)
        assert self(Seen(running)) == []
        return running

    def saves(self, module: str) -> list[Action]:
        """A change, built and installed."""
        assert self(Changed(("counter.py",))) == [Build()]
        return self.installs(module)


def job(
    status: Status = Status.RUNNING,
    module: str = "a",
    *,
    job_id: UUID = JOB,
    has_checkpoint: bool = True,
    attempts: int = 1,
) -> JobView:
    return JobView(job_id=job_id, status=status, module=module, has_checkpoint=has_checkpoint, attempts=attempts)


def anew(developer: Developer, *, job_id: UUID = JOB) -> None:
    """The job is cancelled, and a new one dispatched once it has ended."""
    assert developer(Seen(job(Status.CANCELLED, job_id=job_id))) == [Dispatch()]


# --- building ---------------------------------------------------------------------------------------------------------


def test_it_builds_installs_and_dispatches() -> None:
    Developer().runs()


def test_what_changes_during_a_build_is_built_before_anything_is_installed() -> None:
    developer = Developer()
    assert developer(Changed(("counter.py",))) == []
    assert developer(WasBuilt(FOLDER)) == [Build()]
    assert developer.installs("a") == [FindJob()]


def test_what_changes_during_an_install_is_built_after_it() -> None:
    developer = Developer()
    assert developer(WasBuilt(FOLDER)) == [Install(FOLDER)]
    assert developer(Changed(("counter.py",))) == []
    assert developer(WasInstalled("a")) == [FindJob(), Build()]
    assert developer(Changed(("counter.py",))) == []  # one at a time


def test_a_failed_build_leaves_the_job_alone_and_shows_what_the_compiler_said() -> None:
    developer = Developer()
    developer.runs()
    assert developer(Changed(("counter.c",))) == [Build()]
    said = developer.loop.handle(BROKEN, developer.now)
    assert said == [Say("clang refused it; the version before goes on", bad=True, said="counter.c:3: error")]
    assert developer.saves("b") == []  # and it is mended


def test_a_first_build_that_fails_waits_for_a_change() -> None:
    developer = Developer()
    assert developer.words(BROKEN) == "clang refused it; waiting for a change"
    assert developer.saves("a") == [FindJob()]


def test_a_failure_that_is_out_of_date_is_not_shown() -> None:
    developer = Developer()
    developer.runs()
    developer(Changed(("counter.c",)))
    developer(Changed(("counter.c",)))
    assert developer(BROKEN) == [Build()]


def test_a_missing_tool_ends_it() -> None:
    developer = Developer()
    fatal = NotBuilt("zig is missing", ExitCode.BAD_EXTENSION, fatal=True)
    assert developer(fatal) == [Leave(ExitCode.BAD_EXTENSION)]


def test_the_same_module_changes_nothing() -> None:
    developer = Developer()
    developer.runs()
    assert developer.saves("a") == []
    assert developer(Ticked()) == []


def test_changed_files_are_named_but_not_all_of_them() -> None:
    developer = Developer()
    developer.runs()
    assert developer.words(Changed(("a", "b", "c", "d", "e"))) == "changed: a, b, c and 2 more"


# --- the job comes to the new code ------------------------------------------------------------------------------------


def test_a_job_moves_by_itself_at_a_checkpoint() -> None:
    developer = Developer()
    developer.runs()
    assert developer.saves("b") == []
    assert developer(Seen(job(module="b"))) == []
    developer.now += 60
    assert developer(Ticked()) == []


def test_a_job_that_takes_its_time_is_paused_and_goes_on_in_the_new_code() -> None:
    developer = Developer()
    developer.runs()
    developer.saves("b")
    developer.now += 0.9
    assert developer(Ticked()) == []
    developer.now += 0.1
    assert developer(Ticked()) == [Control(JOB, "pause")]
    assert developer(Ticked()) == []
    assert developer(Seen(job(Status.PAUSED))) == [Control(JOB, "resume")]
    assert developer(Seen(job(Status.QUEUED, "b"))) == []


def test_a_job_that_moved_when_it_was_told_to_pause_goes_on() -> None:
    developer = Developer()
    developer.runs()
    developer.saves("b")
    developer.now += 1
    assert developer(Ticked()) == [Control(JOB, "pause")]
    assert developer(Seen(job(Status.RUNNING, "b"))) == []
    assert developer(Seen(job(Status.PAUSED, "b"))) == [Control(JOB, "resume")]


def test_a_second_change_while_it_is_told_to_pause() -> None:
    developer = Developer()
    developer.runs()
    developer.saves("b")
    developer.now += 1
    assert developer(Ticked()) == [Control(JOB, "pause")]
    assert developer.saves("c") == []
    assert developer(Seen(job(Status.PAUSED))) == [Control(JOB, "resume")]


def test_a_job_without_a_checkpoint_begins_anew() -> None:
    developer = Developer()
    developer.runs(has_checkpoint=False)
    developer.saves("b")
    developer.now += 1
    assert developer(Ticked()) == [Control(JOB, "pause")]
    assert developer(Seen(job(Status.PAUSED, has_checkpoint=False))) == [Control(JOB, "cancel")]
    anew(developer)


def test_with_restart_a_change_cancels_and_dispatches() -> None:
    developer = Developer(OnChange.RESTART)
    developer.runs()
    assert developer.saves("b") == [Control(JOB, "cancel")]
    anew(developer)
    assert developer(Dispatched(job(Status.QUEUED, "b", job_id=OTHER))) == []


def test_a_change_on_the_way_to_a_restart_cancels_once() -> None:
    developer = Developer(OnChange.RESTART)
    developer.runs()
    assert developer.saves("b") == [Control(JOB, "cancel")]
    assert developer.saves("c") == []
    anew(developer)


def test_a_job_that_failed_goes_on_from_its_checkpoint() -> None:
    developer = Developer()
    developer.runs()
    assert ShowEnd() in developer(Seen(job(Status.FAILED)))
    assert developer.saves("b") == [Control(JOB, "retry")]
    # It may fail again before anybody has looked.
    assert ShowEnd() in developer(Seen(job(Status.FAILED, "b", attempts=2)))


@pytest.mark.parametrize(
    ("on_change", "status", "has_checkpoint"),
    [
        (OnChange.KEEP, Status.COMPLETED, True),
        (OnChange.KEEP, Status.CANCELLED, True),
        (OnChange.KEEP, Status.FAILED, False),
        (OnChange.RESTART, Status.FAILED, True),
    ],
)
def test_a_job_that_is_done_with_is_dispatched_anew(on_change: OnChange, status: Status, has_checkpoint: bool) -> None:
    developer = Developer(on_change)
    developer.runs()
    assert developer(Seen(job(status, has_checkpoint=has_checkpoint))) == [ShowEnd()]
    assert developer.saves("b") == [Dispatch()]


def test_a_job_that_ends_in_the_old_code_after_the_change_runs_again() -> None:
    developer = Developer()
    developer.runs()
    developer.saves("b")
    assert developer(Seen(job(Status.COMPLETED))) == [ShowEnd(), Dispatch()]


def test_a_job_that_moves_and_ends_before_anybody_has_looked_is_done() -> None:
    developer = Developer()
    developer.runs()
    developer.saves("b")
    assert developer(Seen(job(Status.COMPLETED, "b"))) == [ShowEnd()]


def test_an_end_is_shown_once() -> None:
    developer = Developer()
    developer.runs()
    assert developer(Seen(job(Status.COMPLETED))) == [ShowEnd()]
    assert developer(Seen(job(Status.COMPLETED))) == []


def test_a_paused_job_stays_paused() -> None:
    developer = Developer()
    developer.runs()
    developer(Seen(job(Status.PAUSED)))
    assert developer.saves("b") == []
    developer.now += 60
    assert developer(Ticked()) == []
    assert developer(Pressed("p")) == [Control(JOB, "resume")]


def test_a_job_that_waits_to_be_tried_again_is_tried_at_once() -> None:
    developer = Developer()
    developer.runs()
    developer(Seen(job(Status.BACKOFF)))
    assert developer.saves("b") == [Control(JOB, "retry")]


def test_a_job_that_could_not_be_dispatched_is_tried_with_the_next_change() -> None:
    developer = Developer()
    developer.installs("a")
    developer(Found(None))
    assert developer(NotDispatched("no such job", ExitCode.UNKNOWN)) == []
    assert developer.saves("b") == [Dispatch()]


# --- the job of an earlier process ------------------------------------------------------------------------------------


def test_a_job_that_waits_for_a_person_says_what_for() -> None:
    developer = Developer()
    developer.installs("a")
    found = job(Status.ATTENTION)
    assert developer(Found(found)) == [TakeUp(found), ShowEnd()]
    assert developer(Seen(found)) == []
    assert developer.saves("b") == []
    assert developer(Pressed("p")) == []
    assert developer(Pressed("r")) == [Control(JOB, "cancel")]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.SUSPENDED, Status.PAUSED, Status.QUEUED])
def test_an_unfinished_job_is_taken_up(status: Status) -> None:
    developer = Developer()
    developer.installs("a")
    found = job(status)
    assert developer(Found(found)) == [TakeUp(found)]


def test_an_unfinished_job_of_older_code_is_taken_up_too() -> None:
    developer = Developer()
    developer.installs("b")
    found = job(module="a")
    assert developer(Found(found)) == [TakeUp(found)]


def test_with_restart_only_one_of_the_same_code_is() -> None:
    developer = Developer(OnChange.RESTART)
    developer.installs("b")
    assert developer(Found(job(module="a"))) == [Control(JOB, "cancel")]
    anew(developer)


def test_a_job_with_another_state_is_not_taken_up() -> None:
    developer = Developer()
    developer.installs("a")
    assert developer(Found(job(), fits=False)) == [Control(JOB, "cancel")]
    anew(developer)


# --- once -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.COMPLETED, ExitCode.DONE),
        (Status.FAILED, ExitCode.JOB_FAILED),
        (Status.CANCELLED, ExitCode.JOB_CANCELLED),
    ],
)
def test_once_leaves_with_the_jobs_code(status: Status, code: ExitCode) -> None:
    developer = Developer(once=True)
    developer.runs()
    assert developer(Seen(job(status))) == [Leave(code)]


@pytest.mark.parametrize("status", [Status.PAUSED, Status.ATTENTION])
def test_once_does_not_wait_for_a_person(status: Status) -> None:
    developer = Developer(once=True)
    developer.runs()
    assert developer(Seen(job(status)))[-1] == Leave(ExitCode.JOB_WAITS)


def test_once_leaves_when_it_cannot_be_built_or_dispatched() -> None:
    developer = Developer(once=True)
    assert developer(BROKEN) == [Leave(ExitCode.BAD_EXTENSION)]
    developer = Developer(once=True)
    developer.installs("a")
    developer(Found(None))
    assert developer(NotDispatched("no such job", ExitCode.UNKNOWN)) == [Leave(ExitCode.UNKNOWN)]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_r_begins_anew() -> None:
    developer = Developer()
    assert developer(Pressed("r")) == []  # there is nothing to run yet
    developer.runs()
    assert developer(Pressed("r")) == [Control(JOB, "cancel")]
    assert developer(Pressed("r")) == []
    anew(developer)
    developer(Dispatched(job(Status.QUEUED, job_id=OTHER)))
    developer(Seen(job(Status.COMPLETED, job_id=OTHER)))
    assert developer(Pressed("R")) == [Dispatch()]


def test_p_pauses_and_resumes() -> None:
    developer = Developer()
    assert developer(Pressed("p")) == []
    developer.runs()
    assert developer(Pressed("p")) == [Control(JOB, "pause")]
    assert developer(Seen(job(Status.PAUSED))) == []
    assert developer(Pressed("p")) == [Control(JOB, "resume")]


def test_p_keeps_a_job_paused_that_was_on_its_way_to_new_code() -> None:
    developer = Developer()
    developer.runs()
    developer.saves("b")
    developer.now += 1
    assert developer(Ticked()) == [Control(JOB, "pause")]
    assert developer(Pressed("p")) == [Control(JOB, "pause")]
    assert developer(Seen(job(Status.PAUSED))) == []


def test_the_other_keys() -> None:
    developer = Developer()
    developer.runs()
    assert developer(Pressed("?")) == [ShowHelp()]
    assert developer(Pressed("x")) == []
    assert developer(Pressed("c")) == [Control(JOB, "cancel")]
    assert developer(Pressed("q")) == [Leave(ExitCode.DONE)]


# --- whatever happens -------------------------------------------------------------------------------------------------

HAPPENINGS = st.one_of(
    st.just(Changed(("a.py",))),
    st.builds(Pressed, st.sampled_from("rpcqx? ")),
    st.just(Ticked()),
    st.builds(
        Seen,
        st.builds(
            job,
            st.sampled_from(Status),
            st.sampled_from("ab"),
            has_checkpoint=st.booleans(),
            attempts=st.integers(1, 3),
        ),
    ),
    st.sampled_from([WasBuilt(FOLDER), BROKEN, WasInstalled("a"), WasInstalled("b")]),
)


@given(st.lists(HAPPENINGS, max_size=40), st.sampled_from(OnChange))
def test_one_build_at_a_time_and_no_change_is_forgotten(happenings: list[Happening], on_change: OnChange) -> None:
    developer = Developer(on_change)
    busy, changed = True, False  # as of the last build that began
    for happening in happenings:
        if isinstance(happening, WasBuilt | NotBuilt | WasInstalled) and not busy:
            continue  # nothing is being built, so nothing is done with it
        developer.now += 0.4
        actions = developer(happening)
        begun = [action for action in actions if isinstance(action, Build | Install)]
        assert len(begun) <= 1
        if isinstance(happening, Changed):
            assert busy or begun == [Build()]
            changed = busy
        elif isinstance(happening, WasBuilt | NotBuilt | WasInstalled):
            assert not changed or begun == [Build()]
            changed, busy = False, False
        busy = busy or bool(begun)


def test_every_action_and_happening_is_in_its_union() -> None:
    kinds = {kind for kind in vars(loop).values() if isinstance(kind, type) and kind.__module__ == loop.__name__}
    assert set(Happening.__args__) | set(Action.__args__) <= kinds
