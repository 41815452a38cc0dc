"""Jobs in plain Python: what they ask of their host, how they end, and what a test may say of the world."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import math
import random
import sys
from typing import Any, NotRequired, TypedDict
from uuid import UUID

import pytest

from perdure_sdk import (
    CallError,
    CheckpointRefused,
    Extension,
    ExtensionContext,
    ExtensionError,
    Interrupted,
    InvalidPayload,
    JobContext,
    LibraryDenied,
    NotFound,
    PermissionDenied,
    RateLimited,
    StateError,
    UnknownMethod,
)
from perdure_sdk.errors import call_error
from perdure_sdk.running import Stopped, run
from perdure_sdk.testing import (
    LIBRARY_ID,
    NOW,
    BytesCounted,
    CheckpointSaved,
    ItemsCounted,
    LogWritten,
    ProgressReported,
    WarningAdded,
    run_job,
)

NOTE = "query:notes.find"


@dataclasses.dataclass
class Count:
    current: int = 0
    target: int = 0


class Typed(TypedDict):
    current: int
    note: NotRequired[str]


@pytest.fixture
def ext() -> Extension:
    return Extension("acme", name="Acme", version="1.0", methods=["query:", "action:notes.create"])


# --- events ----------------------------------------------------------------------------------------------------------


def test_everything_in_its_order(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: Count) -> None:
        ctx.log("begin")
        ctx.report_progress(0.5, "half")
        ctx.increment_items()
        ctx.increment_bytes(7)
        ctx.add_warning("careful")
        state.current = 3
        ctx.checkpoint()
        ctx.log("end", "debug")

    result = run_job(work, {"target": 9})
    assert result.events == (
        LogWritten("info", "begin"),
        ProgressReported(0.5, "half"),
        ItemsCounted(1),
        BytesCounted(7),
        WarningAdded("careful"),
        CheckpointSaved({"current": 3, "target": 9}),
        LogWritten("debug", "end"),
        CheckpointSaved({"current": 3, "target": 9}),
    )
    assert result.state_as(Count) == Count(3, 9)
    assert (result.items, result.bytes, result.warnings) == (1, 7, ["careful"])


@pytest.mark.parametrize(("given", "said"), [(-1, 0.0), (2, 1.0), (math.nan, 0.0), (math.inf, 1.0), (True, 1.0)])
def test_progress_stays_between_nothing_and_all(ext: Extension, given: float, said: float) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.report_progress(given)

    assert run_job(work).progress == [ProgressReported(said, "")]


def test_progress_is_as_exact_as_on_the_wire(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.report_progress(1 / 3)

    (report,) = run_job(work).progress
    assert report.fraction == 0.3333333432674408


@pytest.mark.parametrize(
    ("count", "kind"), [(-1, ValueError), (2**63, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_counts_are_numbers_of_things(ext: Extension, count: Any, kind: type[Exception]) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        for increment in (ctx.increment_items, ctx.increment_bytes):
            with pytest.raises(kind):
                increment(count)
        ctx.increment_items(2**63 - 1)
        ctx.increment_items(0)

    assert run_job(work).completed


def test_half_a_surrogate_pair_in_a_message_is_replaced(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.log("a\ud800b")
        ctx.add_warning("\udfff")

    result = run_job(work)
    assert result.logs == [LogWritten("info", "a?b")]
    assert result.warnings == ["?"]


def test_no_other_level(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.log("x", "loud")  # type: ignore[arg-type]  # that is the point

    result = run_job(work)
    assert result.error is not None
    assert result.error.message == "the level is 'loud', it must be debug, info, warn or error"


def test_what_is_printed_and_logged_is_in_the_log(ext: Extension, capsys: pytest.CaptureFixture[str]) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        print("one\ntwo")
        print("oops", file=sys.stderr)
        logging.getLogger("mine").warning("at %d", 5)
        logging.getLogger().info("root")
        logging.getLogger("mine").debug("quiet")
        print("rest", end="")

    assert [(line.level, line.message) for line in run_job(work).logs] == [
        ("info", "one"),
        ("info", "two"),
        ("warn", "oops"),
        ("warn", "mine: at 5"),
        ("info", "root"),
        ("info", "rest"),
    ]
    assert "two" in capsys.readouterr().out
    assert logging.getLogger().level == logging.WARNING


# --- states ----------------------------------------------------------------------------------------------------------


def test_no_state_is_all_defaults(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: Count) -> None: ...

    assert run_job(work).state == {"current": 0, "target": 0}
    assert run_job(work, Count(1, 2)).state == {"current": 1, "target": 2}


def test_a_typed_dict(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: Typed) -> None:
        state["current"] += 1

    assert run_job(work, {"current": 1, "else": 2}).state == {"current": 2}


def test_a_dict(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: dict[str, Any]) -> None:
        state["seen"] = [*state.get("seen", ()), 1]

    assert run_job(work).state == {"seen": [1]}
    assert run_job(work, {"seen": [0], "else": None}).state == {"seen": [0, 1], "else": None}


def test_no_state_at_all(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None: ...

    result = run_job(work, {"given": 1})
    assert (result.checkpoints, result.state) == ([], {"given": 1})


def test_what_a_job_returns_is_its_final_state(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: Count) -> dict[str, object]:
        return {"sum": 3, "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "last": state}

    assert run_job(work).state == {"sum": 3, "at": "2026-01-01T00:00:00+00:00", "last": {"current": 0, "target": 0}}


def test_a_frozen_state_is_the_one_that_was_saved_last(ext: Extension) -> None:
    @dataclasses.dataclass(frozen=True)
    class Frozen:
        n: int = 0

    @ext.job
    def work(ctx: JobContext, state: Frozen) -> None:
        for _ in range(3):
            state = dataclasses.replace(state, n=state.n + 1)
            ctx.checkpoint(state)
        ctx.check_interrupt()

    assert run_job(work).state == {"n": 3}
    assert run_job(work, interrupt_at=1).checkpoints == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 3}]


def test_a_state_that_cannot_be_saved_fails_the_job(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: Count) -> None:
        state.current = "three"  # type: ignore[assignment]  # that is the point
        ctx.checkpoint()

    result = run_job(work, {"current": 1})
    assert result.error is not None
    assert result.error.message == "state.current: expected an integer, got 'three'"
    assert result.state == {"current": 1}


def test_a_checkpoint_that_is_refused(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext, state: Count) -> None:
        with pytest.raises(CheckpointRefused):
            ctx.checkpoint(Count(5))
        ctx.check_interrupt()

    class Full:
        def __init__(self) -> None:
            self.said: list[str] = []

        def checkpoint(self, state: str) -> bool:
            return False

        def check_interrupt(self) -> str:
            return "pause"

        def log(self, level: str, message: str) -> None:
            self.said.append(message)

    host: Any = Full()
    assert run(ext, host, "work", job_id=str(UUID(int=1)), library_id=str(UUID(int=0)), state=None) == Stopped()
    assert host.said == [
        "the state was not saved: the host could not store the state: it is too large, or the disk is full;"
        " the host's log says which"
    ]


# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["pause", "cancel"])
def test_an_interrupt_saves_the_state_and_passes_what_catches_exceptions(ext: Extension, wanted: Any) -> None:
    reasons: list[str] = []

    @ext.job
    def work(ctx: JobContext, state: Count) -> None:
        while True:
            state.current += 1
            try:
                ctx.check_interrupt()
            except Exception:  # what many write around a step
                reasons.append("swallowed")
            except Interrupted as signal:
                reasons.append(signal.reason)
                raise
            assert state.current < 10

    result = run_job(work, interrupt_at=4, interrupt=wanted)
    assert result.interrupted
    assert (result.state, reasons) == ({"current": 4, "target": 0}, [wanted])
    assert len(result.checkpoints) == 1


def test_a_failure_says_what_and_where(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        raise LookupError("one\ntwo")

    result = run_job(work)
    assert result.failed
    assert result.error is not None
    assert (result.error.kind, result.error.message) == ("LookupError", "one two")
    lines = result.error.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "')
    assert not lines[1].startswith('  File "/')
    assert "perdure_sdk" not in result.error.traceback
    assert result.logs == [LogWritten("error", "one\ntwo")]


def test_failures_without_words(ext: Extension) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    @ext.job
    def empty(ctx: JobContext) -> None:
        raise ValueError

    @ext.job
    def mute(ctx: JobContext) -> None:
        raise Mute

    for job, name in ((empty, "ValueError"), (mute, "Mute")):
        result = run_job(job)
        assert result.error is not None
        assert (result.error.kind, result.error.message) == (name, name)
        assert result.error.traceback


def test_leaving_the_interpreter_ends_the_job_only(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        sys.exit("enough")

    result = run_job(work)
    assert result.error is not None
    assert (result.error.kind, result.error.message) == ("SystemExit", "enough")


def test_a_person_who_stops_the_tests_stops_them(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(work)


def test_a_function_that_is_no_job() -> None:
    with pytest.raises(ExtensionError, match="is no job"):
        run_job(lambda ctx: None)


def test_a_job_that_is_not_there(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None: ...

    class Silent:
        def log(self, level: str, message: str) -> None: ...

    host: Any = Silent()
    outcome: Any = run(ext, host, "other", job_id=str(UUID(int=1)), library_id=str(UUID(int=0)), state=None)
    assert outcome.message == "acme offers no job 'other'; it offers work"


def test_initialisation_comes_first_and_may_fail(ext: Extension) -> None:
    ready: list[str] = []

    @ext.on_init
    def prepare(ctx: ExtensionContext) -> None:
        ctx.log("ready")
        ready.append("prepare")
        if len(ready) > 1:
            raise ValueError("not twice")

    @ext.job
    def work(ctx: JobContext) -> None:
        ready.append("work")

    result = run_job(work)
    assert (ready, result.logs) == (["prepare", "work"], [])
    failed = run_job(work)
    assert failed.error is not None
    assert failed.error.message == "the extension cannot work: ValueError: not twice"


# --- operations ------------------------------------------------------------------------------------------------------


def test_answers_are_values_or_functions(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> dict[str, Any]:
        return {"found": [ctx.call(NOTE, {"title": title}) for title in "ab"], "made": ctx.call("action:notes.create")}

    result = run_job(work, operations={NOTE: lambda payload: payload["title"] * 2, "action:notes.create": Count(1)})
    assert result.state == {"found": ["aa", "bb"], "made": {"current": 1, "target": 0}}
    assert [(call.method, call.payload, call.answer) for call in result.calls] == [
        (NOTE, {"title": "a"}, "aa"),
        (NOTE, {"title": "b"}, "bb"),
        ("action:notes.create", {}, {"current": 1, "target": 0}),
    ]


@pytest.mark.parametrize(
    ("fake", "kind", "code"),
    [
        (NotFound("no such note"), NotFound, "not_found"),
        (NotFound, NotFound, "not_found"),
        (lambda payload: InvalidPayload("no"), InvalidPayload, "invalid_payload"),
        (RateLimited("later", retry_after=2.5), RateLimited, "rate_limited"),
    ],
)
def test_errors_are_answers(ext: Extension, fake: Any, kind: type[CallError], code: str) -> None:
    @ext.job
    def work(ctx: JobContext) -> dict[str, Any]:
        with pytest.raises(kind) as refused:
            ctx.call(NOTE)
        error = refused.value
        return {"text": str(error), "method": error.method, "retry": error.retry_after, "answer": error.answer}

    result = run_job(work, operations={NOTE: fake})
    assert result.completed, result.error
    assert result.state["text"].startswith(f"{code}: ")
    assert result.state["method"] == NOTE
    assert result.state["answer"]["code"] == result.calls[0].code == code
    assert result.state["retry"] == (2.5 if kind is RateLimited else None)


def test_an_error_that_nobody_catches_fails_the_job_with_its_code(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.call(NOTE)

    result = run_job(work, operations={NOTE: NotFound("no such note")})
    assert result.error is not None
    assert (result.error.kind, result.error.message) == ("NotFound", "not_found: no such note")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("action:notes.delete", PermissionDenied),
        ("action:notes.delete.v1", PermissionDenied),
        ("query:other.thing", UnknownMethod),
        ("notes.find", UnknownMethod),
        ("action:notes.create", UnknownMethod),
    ],
)
def test_the_manifest_decides_as_in_a_host(ext: Extension, method: str, kind: type[CallError]) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        with pytest.raises(kind):
            ctx.call(method)

    assert run_job(work).completed
    assert run_job(work, operations={NOTE: {}}).calls[0].code == kind.CODE


def test_a_name_may_have_its_wire_suffix(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.call("action:notes.create.input.v1")

    assert run_job(work, operations={"action:notes.create": {}}).completed


def test_libraries_are_granted_one_by_one() -> None:
    ext = Extension("acme", name="Acme", version="1", methods=["query:"], libraries=[str(LIBRARY_ID)])

    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.call(NOTE)
        assert ctx.library_id == LIBRARY_ID
        with pytest.raises(LibraryDenied):
            ctx.call(NOTE, library_id=UUID(int=5))

    result = run_job(work, operations={NOTE: {}})
    assert result.completed, result.error
    assert [call.library_id for call in result.calls] == [None, str(UUID(int=5))]


def test_a_budget_that_is_used_up(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.call(NOTE)
        with pytest.raises(RateLimited) as refused:
            ctx.call(NOTE)
        assert refused.value.retry_after == 60.0

    result = run_job(work, operations={NOTE: {}}, requests=1)
    assert result.completed, result.error


def test_a_payload_that_json_cannot_say(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None:
        with pytest.raises(StateError, match=r"payload\.a\[1\]: a object cannot be said"):
            ctx.call(NOTE, {"a": [1, object()]})

    assert run_job(work).completed


def test_a_name_that_is_none_is_the_tests_mistake(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> None: ...

    with pytest.raises(ValueError, match="names no operation"):
        run_job(work, operations={"notes.find": {}})


@pytest.mark.parametrize("code", ["not_found", "strange"])
def test_codes_of_newer_hosts_are_errors_too(code: str) -> None:
    error = call_error(NOTE, code, "x", None, {"error": "x", "code": code, "more": 1})
    assert (error.code, error.answer["more"]) == (code, 1)


# --- the world outside -----------------------------------------------------------------------------------------------


def test_the_time_is_what_the_test_says(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> dict[str, Any]:
        return {"now": ctx.now()}

    assert run_job(work).state == {"now": NOW.isoformat()}
    moment = dt.datetime(2031, 5, 1, 12, 30, 1, 42, tzinfo=dt.UTC)
    assert run_job(work, now=moment).state == {"now": moment.isoformat()}


def test_random_numbers_are_the_same_from_the_same_seed(ext: Extension) -> None:
    @ext.job
    def work(ctx: JobContext) -> list[Any]:
        return [ctx.random.random(), ctx.uuid4(), ctx.uuid4()]

    first, again, other = run_job(work), run_job(work), run_job(work, seed=b"another")
    assert first.state == again.state != other.state
    assert len(first.calls) == 1  # it is seeded once
    ids = [UUID(text) for text in first.state[1:]]
    assert [one.version for one in ids] == [4, 4]
    assert first.state[0] == random.Random(bytes(range(32))).random()


def test_what_is_denied_says_what_the_manifest_lacks() -> None:
    ext = Extension("acme", name="Acme", version="1")

    @ext.job
    def work(ctx: JobContext) -> None:
        ctx.now()

    result = run_job(work)
    assert result.error is not None
    assert result.error.kind == "PermissionDenied"
    assert "put 'query:clock.now' into methods=[…] of the Extension" in result.error.traceback
