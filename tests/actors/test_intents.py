"""An action whose effect is not perdure's own: on disk before it begins, and what a crash then means."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.handlers import Handlers
from tests.support.puppet import Puppet, Puppets, Stopped
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorHooks, Admission, CancelToken, Exit, Hold, OperationCall, OperationFailed, Outcome
from perdure.actors.errors import UnreadableNow
from perdure.actors.messages import KillJob, ResolveDoubt, Run, encode_message
from perdure.store import DiskFull, IllegalTransition, Status
from perdure.store import events as ev
from perdure.store.errors import ActionInDoubt, NotInDoubt
from perdure.store.events import Inline, RetryPolicy

MakeRig = Callable[..., Rig]
SEND: Final = "action:send"


class Counted(ActorHooks):
    """What was counted of doubts."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, ...]] = []
        self.led = 0

    def in_doubt(self, effect: str, handling: str) -> None:
        self.facts.append((effect, handling))

    def doubt_resolved(self, resolution: str) -> None:
        self.facts.append((resolution,))

    def action_reused(self, extension: str) -> None:
        self.facts.append(("reused", extension))

    def replayed(self, extension: str, calls: int) -> None:
        self.led += calls


class Outside:
    """A handler ``send`` that the test lets go on; ``runs`` has the calls that began, ``done`` the keys of what it did.

    With ``deduplicates`` it does nothing twice under one key.
    """

    def __init__(self, effect: str) -> None:
        self.effect = effect
        self.runs: queue.SimpleQueue[OperationCall] = queue.SimpleQueue()
        self.tokens: queue.SimpleQueue[CancelToken] = queue.SimpleQueue()
        self.done: list[str] = []
        self.stops = False
        self.go_on = threading.Event()
        self.failure: OperationFailed | None = None

    def __call__(self, call: OperationCall, token: CancelToken) -> bytes:
        self.runs.put(call)
        self.tokens.put(token)
        if self.stops:
            assert self.go_on.wait(TIMEOUT)
        if self.failure is not None:
            raise self.failure
        self.done.append(call.effect_key)
        return b'{"sent": %d}' % len(self.done)


class Effected(Handlers):
    """`Handlers` whose actions have an effect of their own; ``refused`` says what `intended` raises."""

    def __init__(self, outside: Outside, **handlers: Any) -> None:
        super().__init__(60.0, send=outside, **handlers)
        self.outside = outside
        self.refused: Exception | None = None

    def admit(self, call: OperationCall) -> Admission | Hold:
        admitted = super().admit(call)
        if call.method == SEND and isinstance(admitted, Admission):
            return Admission(admitted.name, admitted.pool, admitted.seconds, False, self.outside.effect)
        return admitted

    def intended(self, call: OperationCall) -> ev.Recorded | None:
        if self.refused is not None:
            raise self.refused
        return None


class Stage:
    """A job whose guest sends, in one process after the other."""

    def __init__(self, make_rig: MakeRig, effect: str, **handlers: Any) -> None:
        self.make_rig = make_rig
        self.outside = Outside(effect)
        self.operations = Effected(self.outside, **handlers)
        self.hooks = Counted()
        self.puppets = Puppets()
        self.rig = make_rig(self.puppets, operations=self.operations, hooks=self.hooks)
        self.job_id: UUID = UUID(int=0)

    def job(self, **options: Any) -> Puppet:
        self.job_id = self.rig.dispatch(**options)
        return self.puppets.of(self.job_id)

    def next_process(self) -> Rig:
        """The process is killed, and the next one opens the log."""
        self.rig.crash()
        self.rig = self.make_rig(self.puppets, operations=self.operations, hooks=self.hooks, predecessor=self.rig)
        return self.rig

    def resolve(self, resolution: str, answer: bytes = b"", code: str = "", sequence: int | None = None) -> Status:
        intent = self.rig.job(self.job_id).intent
        at = sequence if sequence is not None else intent.sequence if intent is not None else 0
        word = ResolveDoubt(self.job_id, at, resolution, Inline(answer), code, "a test")
        status: Status = self.rig.system.supervisor.ask(word, TIMEOUT)
        return status

    def tags(self) -> list[str]:
        return self.rig.tags(self.job_id)

    def events(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.rig.events(self.job_id) if isinstance(event, kind)]


def send(host: PythonHost, payload: bytes = b"{}") -> bytes:
    return host.call(SEND, payload)


def code(answer: bytes) -> str:
    return str(json.loads(answer).get("code", ""))


# --- before the handler ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["idempotent", "non_idempotent"])
def test_the_intent_is_on_disk_before_the_handler_begins(make_rig: MakeRig, effect: str) -> None:
    stage = Stage(make_rig, effect)
    stage.outside.stops = True
    puppet = stage.job()
    answer = puppet.begin(send)
    call = stage.outside.runs.get(timeout=TIMEOUT)

    [intent] = stage.events(ev.ActionIntended)
    assert intent == ev.ActionIntended(1, 10, SEND, None, effect, call.effect_key, Inline(b"{}"))
    assert stage.rig.job(stage.job_id).intent is not None
    stage.outside.go_on.set()
    assert answer.result(TIMEOUT) == b'{"sent": 1}'
    assert stage.rig.job(stage.job_id).intent is None
    assert stage.tags() == ["dispatched", "started", "intent", "action"]


@pytest.mark.parametrize("effect", ["transactional", "query", "unknown"])
def test_other_effects_have_no_intent(make_rig: MakeRig, effect: str) -> None:
    stage = Stage(make_rig, effect)
    stage.job().do(send)
    assert stage.events(ev.ActionIntended) == []


def test_a_query_has_none_whatever_its_operation_says(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "idempotent", ask=lambda call, token: b"{}")
    stage.job().do(lambda host: host.call("query:ask"))
    assert "intent" not in stage.tags()


def test_an_action_that_is_refused_has_none(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    stage.operations.refused = OperationFailed("invalid_payload", "it makes no sense")
    puppet = stage.job()
    assert code(puppet.do(send)) == "invalid_payload"
    assert code(puppet.do(lambda host: host.call("action:nothing"))) == "unknown_method"
    puppet.end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)

    assert stage.tags() == ["dispatched", "started", "operation", "operation", "completed"]
    assert stage.outside.runs.empty()
    assert stage.rig.system._open_calls.all() == []


def test_what_cannot_be_recorded_is_not_run(make_rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.rig.store.fail_with(DiskFull("/disk"))  # type: ignore[arg-type]  # any path will do
    answer = puppet.begin(send)
    eventually(lambda: "a commit failed" in caplog.text)
    assert stage.outside.runs.empty()
    assert stage.rig.system.held_calls() == 0, "it does not wait for a budget"

    stage.rig.store.fail_with(None)

    assert answer.result(TIMEOUT) == b'{"sent": 1}'
    assert stage.tags() == ["dispatched", "started", "intent", "action"]


def test_a_kill_ends_the_wait_for_the_disk_and_nothing_is_in_doubt(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.rig.store.fail_with(DiskFull("/disk"))  # type: ignore[arg-type]  # as above
    answer = puppet.begin(send)
    stage.rig.system.jobs.kill(stage.job_id, KillJob("timeout"))
    assert isinstance(answer.exception(TIMEOUT), Stopped)

    stage.rig.store.fail_with(None)

    stage.rig.wait(stage.job_id, Status.FAILED)
    assert "intent" not in stage.tags()
    assert stage.outside.runs.empty()
    eventually(lambda: stage.rig.system._open_calls.all() == [])


def test_a_kill_while_the_intent_is_being_committed_leaves_no_doubt(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.rig.store.block()
    answer = puppet.begin(send)
    assert stage.rig.store.blocked.acquire(timeout=TIMEOUT)
    stage.rig.system.jobs.kill(stage.job_id, KillJob("timeout"))
    stage.rig.store.unblock()

    assert isinstance(answer.exception(TIMEOUT), Stopped)
    stage.rig.wait(stage.job_id, Status.FAILED)
    eventually(lambda: stage.rig.system._open_calls.all() == [])
    assert stage.tags()[2:4] == ["intent", "resolved"]
    [resolved] = stage.events(ev.DoubtResolved)
    assert (resolved.resolution, resolved.by) == ("again", "host")
    assert stage.outside.runs.empty()
    stage.rig.over(stage.job_id)
    assert stage.rig.control(stage.job_id, "retry") is not Status.ATTENTION


def test_a_router_that_dies_before_the_action_begins_leaves_no_doubt(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.rig.store.block()
    answer = puppet.begin(send)
    assert stage.rig.store.blocked.acquire(timeout=TIMEOUT)
    router = stage.rig.system.router.ref
    assert router is not None
    router.tell(encode_message(Run()))  # no message of a router's
    eventually(lambda: not router.is_alive())
    stage.rig.store.unblock()
    eventually(lambda: stage.tags()[-1] == "intent")
    stage.rig.advance(1.0)  # the next router

    assert code(answer.result(TIMEOUT)) == "unavailable"
    assert stage.outside.runs.empty()
    assert [event.code for event in stage.events(ev.ActionAnswered)] == ["unavailable"]
    assert puppet.do(send) == b'{"sent": 1}'


def test_a_pause_that_comes_before_the_action_begins_lets_it_begin(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.rig.store.block()
    answer = puppet.begin(send)
    assert stage.rig.store.blocked.acquire(timeout=TIMEOUT)
    stage.rig.system.suspend_jobs([stage.job_id], "the runtime closes")
    nudge(stage.rig.system.router)
    stage.rig.store.unblock()
    assert answer.result(TIMEOUT) == b'{"sent": 1}', "it waited for nothing but the disk"


def test_an_attempt_that_ends_in_its_action_tells_the_handler(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "idempotent")
    stage.outside.stops = True
    answer = stage.job().begin(send)
    stage.outside.runs.get(timeout=TIMEOUT)
    actor = stage.rig.system.jobs.get(stage.job_id)
    assert actor is not None
    actor.stop(block=False)
    assert isinstance(answer.exception(TIMEOUT), Stopped)
    token = stage.outside.tokens.get(timeout=TIMEOUT)
    eventually(lambda: token.cancelled)
    stage.outside.go_on.set()


# --- after a crash ---------------------------------------------------------------------------------------------------


def test_an_idempotent_action_in_doubt_is_run_again_under_its_key(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "idempotent")
    puppet = stage.job()
    puppet.do(send)
    stage.outside.stops = True
    puppet.begin(send)
    for _ in range(2):
        stage.outside.runs.get(timeout=TIMEOUT)
    stage.outside.stops = False
    stage.next_process()
    second = stage.puppets.of(stage.job_id)
    again = stage.outside.runs.get(timeout=TIMEOUT)
    assert stage.hooks.led == 1
    second.end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)

    assert again.again == 1, "so that no budget is charged"
    intents = stage.events(ev.ActionIntended)
    assert [intent.call for intent in intents] == [1, 2], "it has its intent already"
    assert again.effect_key == intents[1].effect_key != intents[0].effect_key
    assert [event.call for event in stage.events(ev.ActionAnswered)] == [1, 2]
    assert stage.hooks.facts == [("idempotent", "retried")]
    stage.outside.go_on.set()


def stage_in_doubt(make_rig: MakeRig) -> Stage:
    """A process died while an action ran that must not be done twice."""
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.outside.stops = True
    puppet.begin(send)
    stage.outside.runs.get(timeout=TIMEOUT)
    stage.outside.stops = False
    stage.next_process()
    stage.rig.wait(stage.job_id, Status.ATTENTION)
    stage.outside.go_on.set()
    return stage


def test_another_one_waits_for_a_person(make_rig: MakeRig) -> None:
    stage = stage_in_doubt(make_rig)
    assert stage.tags()[-2:] == ["intent", "in-doubt"]
    assert stage.hooks.facts == [("non_idempotent", "attention")]

    stage.next_process()

    assert stage.tags()[-1] == "in-doubt", "and the next process waits too"
    assert stage.outside.runs.empty()
    assert len(stage.hooks.facts) == 1


def test_it_succeeded(make_rig: MakeRig) -> None:
    stage = stage_in_doubt(make_rig)
    stage.resolve("succeeded", b'{"sent": 7}')
    puppet = stage.puppets.of(stage.job_id)
    stage.outside.go_on.set()
    assert puppet.do(send) == b'{"sent": 2}', "the next one"
    puppet.end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)

    assert stage.tags()[3:6] == ["in-doubt", "resolved", "recovered"]
    [resolved] = stage.events(ev.DoubtResolved)
    assert resolved == ev.DoubtResolved(1, "succeeded", Inline(b'{"sent": 7}'), "", "a test")
    keys = [intent.effect_key for intent in stage.events(ev.ActionIntended)]
    assert len(set(keys)) == 2, "the one that succeeded has used its key up"
    assert stage.hooks.facts == [("non_idempotent", "attention"), ("succeeded",)]


@pytest.mark.parametrize(("resolution", "runs"), [("failed", 0), ("again", 1)])
def test_it_failed_or_is_to_run_again(make_rig: MakeRig, resolution: str, runs: int) -> None:
    stage = stage_in_doubt(make_rig)
    [first] = stage.events(ev.ActionIntended)
    if resolution == "failed":
        stage.resolve("failed", b'{"error": "no", "code": "failed"}', "failed")
    else:
        stage.resolve("again")
    puppet = stage.puppets.of(stage.job_id)
    puppet.end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)

    assert stage.outside.runs.qsize() == runs
    intents = stage.events(ev.ActionIntended)
    assert len(intents) == 1 + runs, "what runs has its intent"
    assert {intent.effect_key for intent in intents} == {first.effect_key}
    assert len(stage.events(ev.ActionAnswered)) == runs


def test_what_came_of_it_is_not_said_twice_nor_of_another_one(make_rig: MakeRig) -> None:
    stage = stage_in_doubt(make_rig)
    for sequence in (0, 2, 4):
        with pytest.raises(NotInDoubt):
            stage.resolve("again", sequence=sequence)
    stage.resolve("succeeded", b"{}")
    with pytest.raises(NotInDoubt):
        stage.resolve("succeeded", b"{}", sequence=3)
    assert stage.tags().count("resolved") == 1


@pytest.mark.parametrize("wish", ["pause", "resume", "retry"])
def test_wishes_that_would_not_help_say_what_does(make_rig: MakeRig, wish: str) -> None:
    stage = stage_in_doubt(make_rig)
    with pytest.raises(ActionInDoubt, match="perdure jobs resolve"):
        stage.rig.control(stage.job_id, wish)
    assert stage.tags()[-1] == "in-doubt"


def test_a_cancelled_job_asks_again_when_it_is_retried(make_rig: MakeRig) -> None:
    stage = stage_in_doubt(make_rig)
    assert stage.rig.control(stage.job_id, "cancel") is Status.CANCELLED
    assert stage.rig.control(stage.job_id, "retry") is Status.ATTENTION
    stage.resolve("succeeded", b'{"sent": 7}')
    puppet = stage.puppets.of(stage.job_id)
    assert puppet.do(send) == b'{"sent": 7}', "a new run: the action is done, and answered"
    assert stage.outside.runs.empty()
    assert stage.hooks.facts[-1] == ("reused", "acme")


# --- within one process ----------------------------------------------------------------------------------------------


def stopped_in_its_action(make_rig: MakeRig, effect: str, stop: Callable[[Stage], None], **options: Any) -> Stage:
    """A job whose attempt was stopped while its action ran, which then ends all the same."""
    stage = Stage(make_rig, effect)
    stage.outside.stops = True
    answer = stage.job(**options).begin(send)
    stage.outside.runs.get(timeout=TIMEOUT)
    stop(stage)
    assert isinstance(answer.exception(TIMEOUT), Stopped)
    stage.rig.over(stage.job_id)
    stage.outside.stops = False
    stage.outside.go_on.set()
    return stage


def force_a_pause(stage: Stage) -> None:
    stage.rig.control(stage.job_id, "pause")
    stage.rig.advance(5.0)
    stage.rig.wait(stage.job_id, Status.PAUSED)


def run_out_of_time(stage: Stage) -> None:
    stage.rig.system.jobs.kill(stage.job_id, KillJob("timeout"))
    stage.rig.wait(stage.job_id, Status.BACKOFF, Status.FAILED)


def test_a_forced_pause_leaves_a_doubt(make_rig: MakeRig) -> None:
    stage = stopped_in_its_action(make_rig, "non_idempotent", force_a_pause)
    assert stage.rig.control(stage.job_id, "resume") is Status.ATTENTION
    assert stage.outside.runs.empty()


def test_a_forced_pause_of_an_idempotent_action_runs_it_again(make_rig: MakeRig) -> None:
    stage = stopped_in_its_action(make_rig, "idempotent", force_a_pause)
    stage.rig.control(stage.job_id, "resume")
    assert stage.outside.runs.get(timeout=TIMEOUT).again == 1
    stage.puppets.of(stage.job_id).end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)
    assert len(set(stage.outside.done)) == 1


def test_a_retry_after_a_time_limit_asks_first(make_rig: MakeRig) -> None:
    later = RetryPolicy(attempts=5, initial_ms=1_000, jitter=0.0)
    stage = stopped_in_its_action(make_rig, "non_idempotent", run_out_of_time, retry=later)
    stage.rig.advance(1.0)
    stage.rig.wait(stage.job_id, Status.ATTENTION)
    assert stage.rig.job(stage.job_id).failures == 1
    stage.resolve("again")
    puppet = stage.puppets.of(stage.job_id)
    puppet.do(send)
    assert stage.outside.runs.qsize() == 1


def test_a_retry_after_a_time_limit_runs_an_idempotent_one_again(make_rig: MakeRig) -> None:
    stage = stopped_in_its_action(make_rig, "idempotent", run_out_of_time)
    stage.rig.control(stage.job_id, "retry")
    puppet = stage.puppets.of(stage.job_id)
    puppet.do(send)
    assert len(set(stage.outside.done)) == 1, "another run, the same key"
    assert stage.hooks.facts == [("idempotent", "retried")]
    assert len(stage.events(ev.ActionIntended)) == 2


# --- a new run from a checkpoint -------------------------------------------------------------------------------------


def test_what_was_done_since_the_checkpoint_is_not_done_again(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent", write=lambda call, token: Outcome(answer=b'{"n": 1}', action=True))
    puppet = stage.job()
    puppet.do(send)
    puppet.do(lambda host: host.checkpoint(b"1"))
    since = [puppet.do(send), puppet.do(lambda host: host.call("action:write")), puppet.do(send)]
    runs = stage.outside.runs.qsize()
    puppet.fail()
    stage.rig.wait(stage.job_id, Status.FAILED)
    stage.rig.over(stage.job_id)
    for _ in range(2):  # of the retry too
        stage.rig.control(stage.job_id, "retry")
        puppet = stage.puppets.of(stage.job_id)
        puppet.do(lambda host: host.log(1, "a new run"))
        again = [puppet.do(send), puppet.do(lambda host: host.call("action:write")), puppet.do(send)]
        assert again == since
        puppet.end(Exit.FAILED, error=ev.JobError("guest_failed", "once more"))
        stage.rig.wait(stage.job_id, Status.FAILED)
        stage.rig.over(stage.job_id)

    assert stage.outside.runs.qsize() == runs == 3
    outcomes = [event.sequence for event in stage.events(ev.ActionReused)]
    assert outcomes[:3] == outcomes[3:]
    assert len(set(outcomes[:3])) == 3
    assert stage.hooks.facts == [("reused", "acme")] * 6


def test_a_run_that_reuses_is_taken_up_as_any_other(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    first = puppet.do(send)
    puppet.fail()
    stage.rig.wait(stage.job_id, Status.FAILED)
    stage.rig.over(stage.job_id)
    stage.rig.control(stage.job_id, "retry")
    puppet = stage.puppets.of(stage.job_id)
    assert puppet.do(send) == first
    assert puppet.do(send) == b'{"sent": 2}'

    stage.next_process()

    puppet = stage.puppets.of(stage.job_id)
    assert puppet.do(send) == b'{"sent": 3}'
    puppet.end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)
    assert len(set(stage.outside.done)) == 3
    assert stage.tags().count("reused") == 1


def test_what_failed_is_tried_again(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    stage.outside.failure = OperationFailed("failed", "no luck")
    puppet.do(send)
    stage.outside.failure = None
    puppet.fail()
    stage.rig.wait(stage.job_id, Status.FAILED)
    stage.rig.over(stage.job_id)
    stage.rig.control(stage.job_id, "retry")
    assert stage.puppets.of(stage.job_id).do(send) == b'{"sent": 1}'
    assert stage.outside.runs.qsize() == 2


def test_other_actions_and_those_after_the_next_checkpoint_are_done(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    puppet.do(send)
    puppet.do(lambda host: send(host, b'{"to": 1}'))
    puppet.fail()
    stage.rig.wait(stage.job_id, Status.FAILED)
    stage.rig.over(stage.job_id)
    stage.rig.control(stage.job_id, "retry")
    puppet = stage.puppets.of(stage.job_id)
    assert puppet.do(lambda host: send(host, b'{"to": 2}')) == b'{"sent": 3}'
    assert puppet.do(send) == b'{"sent": 1}'
    puppet.do(lambda host: host.checkpoint(b"1"))
    assert puppet.do(lambda host: send(host, b'{"to": 1}')) == b'{"sent": 4}'


@pytest.mark.parametrize("passes", [True, False])
def test_a_payload_that_is_lost_ends_the_job_and_nothing_is_done_again(make_rig: MakeRig, passes: bool) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job()
    puppet.do(send)
    puppet.fail()
    stage.rig.wait(stage.job_id, Status.FAILED)
    stage.rig.over(stage.job_id)
    opened, tried = stage.operations.opened, threading.Event()

    def lost(recorded: ev.Recorded) -> bytes:
        if recorded == Inline(b"{}") and not (passes and tried.is_set()):
            tried.set()
            raise UnreadableNow("the keyring is locked") if passes else ValueError("its key was destroyed")
        return opened(recorded)

    stage.operations.opened = lost  # type: ignore[method-assign]  # as a key that is destroyed, or locked away
    stage.rig.control(stage.job_id, "retry")
    answer = stage.puppets.of(stage.job_id).begin(lambda host: send(host, b'{"to": "another"}'))
    assert isinstance(answer.exception(TIMEOUT), Stopped)
    if passes:
        stage.rig.over(stage.job_id)
        stage.rig.advance(60.0)
        puppet = stage.puppets.of(stage.job_id)
        assert puppet.do(send) == b'{"sent": 1}'
        assert puppet.do(lambda host: send(host, b'{"to": "another"}')) == b'{"sent": 2}'
        assert stage.outside.runs.qsize() == 2
        return
    state = stage.rig.wait(stage.job_id, Status.FAILED)
    assert state.error is not None
    assert state.error.kind == "unreplayable"
    assert stage.outside.runs.qsize() == 1


def test_an_answer_that_is_lost_ends_the_job_and_nothing_is_done_again(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    puppet = stage.job(retry=RetryPolicy(attempts=9, initial_ms=1_000, jitter=0.0))
    puppet.do(send)
    puppet.fail()
    stage.rig.wait(stage.job_id, Status.BACKOFF)
    stage.rig.over(stage.job_id)
    opened = stage.operations.opened

    def lost(recorded: ev.Recorded) -> bytes:
        if recorded == Inline(b'{"sent": 1}'):
            raise ValueError("its key was destroyed")
        return opened(recorded)

    stage.operations.opened = lost  # type: ignore[method-assign]  # as a key that is destroyed does
    stage.rig.advance(1.0)
    answer = stage.puppets.of(stage.job_id).begin(send)

    assert isinstance(answer.exception(TIMEOUT), Stopped)
    state = stage.rig.wait(stage.job_id, Status.FAILED)
    assert state.error is not None
    assert (state.error.kind, state.error.blame) == ("unreplayable", "host")
    assert stage.outside.runs.qsize() == 1


def test_a_job_that_has_ended_is_not_resolved(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, "non_idempotent")
    stage.job().end()
    stage.rig.wait(stage.job_id, Status.COMPLETED)
    with pytest.raises(IllegalTransition, match="completed"):
        stage.resolve("again")
