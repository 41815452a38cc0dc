"""Handlers that do what they must not: whoever calls is answered, the host's log says which operation it was."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.actors.backoff import Backoff
from perdure.runtime import OperationError, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.operations import host_calls
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.store import StoreClosed, check
from perdure.store import events as ev
from perdure.store.ids import uuid7

CALLS = ev.CALLS_STREAM
HIDDEN = "the operation failed on the host"


class Nothing(msgspec.Struct):
    pass


class Note(msgspec.Struct, frozen=True):
    text: str = ""
    count: int = 0
    at: datetime | None = None
    weight: float = 0.0


class LongNote(Note, frozen=True):
    internal: str = "the secret"


class Put(msgspec.Struct):
    value: str


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.in_memory(consent=grant_as_asked) as runtime:
        yield runtime
        assert check(runtime.store).problems == []


def failure(runtime: Runtime, method: str, request: object = None, **options: Any) -> OperationError:
    with pytest.raises(OperationError) as caught:
        runtime.call(method, request, **options)
    return caught.value


def write_rows(runtime: Runtime, **rows: bytes) -> None:
    """Write rows, as another action does."""
    writes = tuple(ev.RowWrite(key.encode(), value) for key, value in rows.items())
    empty = ev.Inline(b"{}")
    runtime._system.append(
        CALLS, [ev.HostActionAnswered("python", None, "action:x", None, empty, empty, "", "", writes)]
    )


# --- answers ---------------------------------------------------------------------------------------------------------

ITSELF: list[Any] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"text": "x", "count": 1},
        Nothing(),
        LongNote(),
        Note(text=5),  # type: ignore[arg-type]  # that is the point
        Note(text="\ud800"),
        Note(weight=float("nan")),
        Note(weight=float("inf")),
        Note(text=ITSELF),  # type: ignore[arg-type]  # as above
        Note(text=object()),  # type: ignore[arg-type]  # as above
        Note,
    ],
)
@pytest.mark.parametrize("changes", [False, True])
def test_an_answer_of_another_type_fails_and_the_log_names_the_operation(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, wrong: object, changes: bool
) -> None:
    def handler(context: CallContext, request: Nothing) -> Note:
        """Answer wrongly."""
        if changes:
            context.data.put(b"k", b"v")
        return wrong  # type: ignore[return-value]  # that is the point

    declare = action("test.wrong", effect=Effect.TRANSACTIONAL) if changes else query("test.wrong")
    runtime.operations.register(declare(handler))
    failed = failure(runtime, "action:test.wrong" if changes else "query:test.wrong")
    assert (failed.code, failed.message) == ("failed", HIDDEN)
    assert "test.wrong.v1 gave a wrong answer" in caplog.text or "test.wrong gave a wrong answer" in caplog.text
    assert runtime.store.row(b"k") is None


class Bright(msgspec.Struct, tag=True):
    pass


class Dark(msgspec.Struct, tag=True):
    pass


def test_one_of_several_types_is_right(runtime: Runtime) -> None:
    @query("test.either")
    def either(context: CallContext, request: Put) -> Bright | Dark:
        """Say which."""
        return Bright() if request.value == "bright" else Dark()

    runtime.operations.register(either)
    assert isinstance(runtime.call("query:test.either", Put("bright")), Bright)
    assert isinstance(runtime.call("query:test.either", Put("dark")), Dark)


def test_an_answer_that_is_larger_than_what_the_guest_may_send_reaches_it(runtime: Runtime, tmp_path: Path) -> None:
    @query("test.large")
    def large(context: CallContext, request: Nothing) -> Note:
        """Say much."""
        return Note("x" * 3_000_000)

    runtime.operations.register(large)
    jobs = PythonJobs(runtime, tmp_path, methods=["query:"])
    assert len(jobs.call("query:test.large", {})["text"]) == 3_000_000


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RuntimeError("/secret"), KeyboardInterrupt("/secret"), SystemExit(3), StopIteration()]
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_any_error_of_a_handler_is_answered(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, error: BaseException, asynchronous: bool
) -> None:
    @query("test.fails")
    def fails(context: CallContext, request: Nothing) -> Nothing:
        """Fail."""
        raise error

    @query("test.fails")
    async def fails_later(context: CallContext, request: Nothing) -> Nothing:
        """Fail."""
        raise error

    runtime.operations.register(fails_later if asynchronous else fails)
    failed = failure(runtime, "query:test.fails")
    assert (failed.code, failed.message) == ("failed", HIDDEN)
    assert "operation query:test.fails" in caplog.text


def test_a_payload_that_does_not_fit_is_refused_and_no_action(runtime: Runtime) -> None:
    @action("test.put", effect=Effect.NON_IDEMPOTENT)
    def put(context: CallContext, request: Put) -> Nothing:
        """Never run."""
        raise AssertionError(request)

    runtime.operations.register(put)
    assert failure(runtime, "action:test.put", {"value": 5}).code == "invalid_payload"
    assert not [stored for stored in runtime.store.read_all() if isinstance(stored.event, ev.HostActionAnswered)]


# --- what a handler may do to the store ------------------------------------------------------------------------------


def misbehave(runtime: Runtime, effect: Effect | None, body: Any) -> type[BaseException] | None:
    """What the body raises in a handler of such an operation."""
    raised: list[type[BaseException] | None] = []

    def handler(context: CallContext, request: Nothing) -> Nothing:
        """Misbehave."""
        try:
            body(context)
        except BaseException as error:
            raised.append(type(error))
            raise
        raised.append(None)
        return Nothing()

    declare = query("test.bad") if effect is None else action("test.bad", effect=effect)
    runtime.operations.register(declare(handler))
    method = "query:test.bad" if effect is None else "action:test.bad"
    with contextlib.suppress(OperationError):
        runtime.call(method)
    (only,) = raised
    return only


PUBLISHED = ev.LibraryEventPublished("x", ev.Inline(b"{}"), None, None)
STREAM = ev.library_stream(UUID(int=3))


@pytest.mark.parametrize(
    ("effect", "body", "error"),
    [
        (Effect.TRANSACTIONAL, lambda context: context.data.put(b"x" * 481, b""), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.data.put(b"", b""), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.data.put("x", b""), TypeError),
        (Effect.TRANSACTIONAL, lambda context: context.data.put(b"x", "text"), TypeError),
        (Effect.TRANSACTIONAL, lambda context: context.data.delete(b""), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.data.put(b"budget\0acme", b""), ValueError),
        (Effect.NON_IDEMPOTENT, lambda context: context.data.put(b"x", b""), PermissionError),
        (None, lambda context: context.data.put(b"x", b""), PermissionError),
        (None, lambda context: context.data.delete(b"x"), PermissionError),
        (None, lambda context: context.publish("x", {}), PermissionError),
        (None, lambda context: context.append(STREAM, [PUBLISHED]), PermissionError),
        (Effect.NON_IDEMPOTENT, lambda context: context.append(STREAM, [PUBLISHED]), PermissionError),
        (Effect.TRANSACTIONAL, lambda context: context.append(STREAM, [ev.JobCompleted(1)]), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.append("nonsense", [PUBLISHED]), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.append(CALLS, []), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.publish("x", "y" * 70_000), ValueError),
        (Effect.TRANSACTIONAL, lambda context: context.publish("x", object()), TypeError),
        (Effect.NON_IDEMPOTENT, lambda context: context.publish("x", {}), None),
        (Effect.TRANSACTIONAL, lambda context: context.append(STREAM, []), None),
    ],
)
def test_what_the_log_would_not_take_is_refused_where_it_is_written(
    runtime: Runtime, effect: Effect | None, body: Any, error: type[BaseException] | None
) -> None:
    assert misbehave(runtime, effect, body) is error


def test_effects_that_the_log_refuses_fail_the_call_and_not_the_job(
    runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Past the context's own checks: a stream that no job has, with an end for a beginning.
    child = ev.job_stream(uuid7(1))

    @action("test.unfit", effect=Effect.TRANSACTIONAL)
    def unfit(context: CallContext, request: Nothing) -> Nothing:
        """Bring what the log cannot take."""
        context.data.put(b"k", b"v")
        context._appends[child] = ([b"\xc1"], None)
        return Nothing()

    runtime.operations.register(unfit)
    assert failure(runtime, "action:test.unfit").code == "failed"
    jobs = PythonJobs(runtime, tmp_path, methods=["action:"])
    assert jobs.call("action:test.unfit", {})["code"] == "failed"
    assert "cannot be stored" in caplog.text
    assert runtime.store.row(b"k") is None
    assert runtime.store.head(child) is None
    (job,) = runtime.jobs().jobs
    assert job.attempts == 1


def test_an_append_that_a_job_s_state_does_not_allow_is_tried_anew_and_ends(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_calls, "CONTENTION", Backoff(0, 1.0, 0, 0.0))
    child, runs = ev.job_stream(uuid7(1)), []

    @action("test.end", effect=Effect.TRANSACTIONAL)
    def end(context: CallContext, request: Nothing) -> Nothing:
        """End a job that there is not."""
        runs.append(context.effect_key)
        context.append(child, [ev.JobCompleted(1)])
        return Nothing()

    runtime.operations.register(end)
    assert failure(runtime, "action:test.end", effect_key="k").code == "unavailable"
    assert set(runs) == {"k"}
    assert 1 < len(runs) <= 32


def test_publish_and_append_to_one_stream_are_one_append(runtime: Runtime) -> None:
    library = UUID(int=3)

    @action("test.tell", effect=Effect.TRANSACTIONAL)
    def tell(context: CallContext, request: Nothing) -> Nothing:
        """Tell the library thrice."""
        begin = runtime.store.head(STREAM)
        at = begin.sequence if begin is not None else 0
        context.append(STREAM, [PUBLISHED], at)
        context.publish("second", [2])
        context.append(STREAM, [PUBLISHED], at + 2)
        with pytest.raises(ValueError, match="was expected at sequence"):
            context.append(STREAM, [PUBLISHED], at)
        return Nothing()

    runtime.operations.register(tell)
    for _ in range(2):
        runtime.call("action:test.tell", library_id=library)
    told = [stored.event for stored in runtime.store.read(STREAM)]
    assert [event.topic for event in told if isinstance(event, ev.LibraryEventPublished)] == ["x", "second", "x"] * 2


def test_an_action_that_may_not_be_repeated_is_not_whatever_others_write(runtime: Runtime) -> None:
    runs: list[bytes | None] = []

    @action("test.once", effect=Effect.NON_IDEMPOTENT)
    def once(context: CallContext, request: Nothing) -> Nothing:
        """Read, let another one write there, and publish."""
        runs.append(context.data.get(b"k"))
        write_rows(runtime, k=b"%d" % len(runs))
        runs.append(context.data.get(b"k"))
        context.publish("done", {})
        return Nothing()

    runtime.operations.register(once)
    runtime.call("action:test.once", library_id=UUID(int=3))
    assert runs == [None, b"1"], "it reads what is so at the moment"
    assert runtime.store.head(STREAM) is not None


# --- one moment ------------------------------------------------------------------------------------------------------


class Mirrors:
    """Two rows that are always equal; ``interfere`` changes both between the reads of whoever reads them."""

    def __init__(self, runtime: Runtime, times: int) -> None:
        self.runtime, self.left = runtime, times
        self.number = 0
        self.write()

    def write(self) -> None:
        self.number += 1
        value = b"%d" % self.number
        write_rows(self.runtime, left=value, right=value)

    def read(self, context: CallContext) -> tuple[bytes | None, bytes | None]:
        left = context.data.get(b"left")
        if self.left:
            self.left -= 1
            self.write()
        return left, context.data.get(b"right")


def test_a_query_that_saw_two_moments_runs_again(runtime: Runtime) -> None:
    mirrors, seen = Mirrors(runtime, 3), []

    @query("test.compare")
    def compare(context: CallContext, request: Nothing) -> Note:
        """Compare."""
        seen.append(mirrors.read(context))
        return Note(str(seen[-1][0] == seen[-1][1]))

    runtime.operations.register(compare)
    assert runtime.call("query:test.compare").text == "True"
    assert len(seen) == 4


@pytest.mark.parametrize("effect", [None, Effect.TRANSACTIONAL, Effect.IDEMPOTENT])
def test_a_handler_that_fails_of_two_moments_runs_again(runtime: Runtime, effect: Effect | None) -> None:
    mirrors = Mirrors(runtime, 2)

    def handler(context: CallContext, request: Nothing) -> Note:
        """Compare, and be astonished."""
        left, right = mirrors.read(context)
        if left != right:
            raise AssertionError("rows that are always equal differ")
        return Note("equal")

    declare = query("test.compare") if effect is None else action("test.compare", effect=effect)
    runtime.operations.register(declare(handler))
    assert runtime.call("query:test.compare" if effect is None else "action:test.compare").text == "equal"


def test_a_handler_that_swallows_its_stale_read_runs_again(runtime: Runtime) -> None:
    mirrors, seen = Mirrors(runtime, 1), []

    @query("test.stubborn")
    def stubborn(context: CallContext, request: Nothing) -> Note:
        """Read one row twice, come what may."""
        first = context.data.get(b"left")
        if mirrors.left:
            mirrors.left -= 1
            mirrors.write()
        try:
            second = context.data.get(b"left")
        except Exception:
            second = None
        seen.append((first, second))
        return Note(str(first == second))

    runtime.operations.register(stubborn)
    assert runtime.call("query:test.stubborn").text == "True"
    assert len(seen) == 2


def test_a_failure_of_one_moment_is_one(runtime: Runtime) -> None:
    runs = []

    @query("test.missing")
    def missing(context: CallContext, request: Nothing) -> Note:
        """Fail, for all reads agree."""
        runs.append(context.data.get(b"a") or context.data.get(b"b"))
        raise LookupError("neither")

    runtime.operations.register(missing)
    assert failure(runtime, "query:test.missing").code == "failed"
    assert len(runs) == 1


# --- the end ---------------------------------------------------------------------------------------------------------


def test_closing_while_a_handler_is_stuck(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = threading.Event(), threading.Event()
    found: list[BaseException] = []

    @action("test.stuck", effect=Effect.TRANSACTIONAL)
    def stuck(context: CallContext, request: Nothing) -> Nothing:
        """Be stuck, then go on in a runtime that is not there any more."""
        context.data.put(b"k", b"v")
        begun.set()
        assert go_on.wait(TIMEOUT)
        try:
            context.data.get(b"other")
        except StoreClosed as error:
            found.append(error)
            raise
        return Nothing()

    settings = RuntimeSettings(shutdown_grace=0.05)
    with Runtime.open(tmp_path / "data", settings=settings, consent=grant_as_asked) as runtime:
        runtime.operations.register(stuck)
        jobs = PythonJobs(runtime, tmp_path, methods=["action:"])

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            host.call("action:test.stuck")

        jobs.body = body
        job_id = jobs.start().job_id
        assert begun.wait(TIMEOUT)
    go_on.set()
    eventually(lambda: found)

    with Runtime.open(tmp_path / "data", recover=False) as after:
        assert after.job(job_id).status is Status.SUSPENDED
        assert after.store.row(b"k") is None
        assert check(after.store).problems == []


def test_the_answer_of_a_guest_is_json(runtime: Runtime, tmp_path: Path) -> None:
    @query("test.fails")
    def fails(context: CallContext, request: Nothing) -> Nothing:
        """Fail."""
        raise RuntimeError

    runtime.operations.register(fails)
    jobs = PythonJobs(runtime, tmp_path, methods=["query:"])
    assert jobs.call("query:test.fails", {}) == {"error": HIDDEN, "code": "failed"}
