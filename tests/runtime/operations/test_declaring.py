"""What can be declared as an operation, and how it is then called."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest

from perdure.runtime import (
    DEFAULT_LIBRARY,
    BadOperation,
    CallContext,
    DuplicateOperation,
    Effect,
    OperationError,
    Runtime,
    action,
    query,
)
from perdure.runtime.operations.declaration import operation_of


class Greet(msgspec.Struct):
    name: str


class Greeting(msgspec.Struct):
    text: str


@query("greet.politely")
def politely(context: CallContext, request: Greet) -> Greeting:
    """Greet."""
    return Greeting(f"Good day, {request.name}")


@query("greet.politely", version=2)
async def more_politely(context: CallContext, request: Greet) -> Greeting:
    """Greet, at more length."""
    return Greeting(f"A very good day, {request.name}")


@query("greet.shortly")
class Shortly:
    """Greet in one word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self, context: CallContext, request: Greet) -> Greeting:
        return Greeting(self.word)


class Desk:
    def __init__(self) -> None:
        self.seen: list[CallContext] = []

    @action("greet.note", effect=Effect.IDEMPOTENT, scope="core", timeout=7)
    def note(self, context: CallContext, request: Greet) -> Greeting:
        """Note who came."""
        self.seen.append(context)
        context.log.info("came")
        return Greeting("")


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.in_memory() as runtime:
        yield runtime


def test_two_versions_stand_side_by_side(runtime: Runtime) -> None:
    runtime.operations.register(politely, more_politely)
    for method in ("query:greet.politely", "query:greet.politely.v1", "query:greet.politely.input.v1"):
        assert runtime.call(method, Greet("Ada")) == Greeting("Good day, Ada")
    for method in ("query:greet.politely.v2", "query:greet.politely.input.v2"):
        assert runtime.call(method, {"name": "Ada"}) == Greeting("A very good day, Ada")
    with pytest.raises(OperationError) as caught:
        runtime.call("query:greet.politely.v3", Greet("Ada"))
    assert caught.value.code == "unknown_method"


def test_an_instance_of_a_class_is_a_handler(runtime: Runtime) -> None:
    runtime.operations.register(Shortly("Hi"))
    assert runtime.call("query:greet.shortly", b'{"name": "Ada"}') == Greeting("Hi")


def test_what_the_context_tells(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    runtime.operations.register(desk.note)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            runtime.call("action:greet.note", Greet("Ada"), library_id=UUID(int=5), caller="cli", effect_key="k")
        runtime.call("action:greet.note", Greet("Ada"))
    first, again, other = desk.seen
    assert (first.caller, first.extension, first.job_id, first.library_id) == ("cli", None, None, None)
    assert first.effect_key == again.effect_key == "k"
    assert other.effect_key not in ("", "k")
    assert 0 < first.deadline - runtime.clock.monotonic() <= 7
    assert not first.cancelled.cancelled
    assert "action:greet.note for the host: came" in caplog.text
    assert runtime.call("query:test.ping", {"message": ""}, library_id=DEFAULT_LIBRARY).count == 1


def test_there_is_one_of_a_name_and_version(runtime: Runtime) -> None:
    before = len(runtime.operations)
    with pytest.raises(DuplicateOperation):
        runtime.operations.register(more_politely, politely, politely)
    assert len(runtime.operations) == before, "all or none"


def undeclared(context: CallContext, request: Greet) -> Greeting:
    """Nobody declared it."""
    return Greeting("")


@query("greet.silently")
def without_docstring(context: CallContext, request: Greet) -> Greeting:
    return Greeting("")


@query("greet.somehow")
def without_types(context, request):  # type: ignore[no-untyped-def]  # that is what is tested
    """Greet somehow."""


@query("greet.number")
def of_a_number(context: CallContext, request: int) -> Greeting:
    """Greet a number."""
    return Greeting("")


@query("greet.alone")
def of_nothing(context: CallContext) -> Greeting:
    """Greet nobody."""
    return Greeting("")


@pytest.mark.parametrize("handler", [undeclared, without_docstring, without_types, of_a_number, of_nothing, Shortly])
def test_what_is_no_operation_is_refused(runtime: Runtime, handler: Callable[..., Any]) -> None:
    with pytest.raises(BadOperation):
        runtime.operations.register(handler)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Greet", {}),
        ("greet.", {}),
        ("greet.v2", {}),
        ("greet.input", {}),
        ("query:greet", {}),
        ("greet", {"version": 0}),
        ("greet", {"version": 10_000}),
        ("greet", {"scope": "world"}),
        ("greet", {"timeout": 0}),
        ("greet", {"timeout": float("nan")}),
        ("greet", {"callers": "nobody"}),
    ],
)
def test_a_declaration_that_makes_no_sense(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(BadOperation):
        query(name, **options)


def test_one_handler_of_many_runtimes_says_the_same() -> None:
    class Curtly(Shortly):
        """Greet, with a docstring of its own."""

    first, second, other = map(operation_of, (Shortly("Hi"), Shortly("Ho"), Curtly("Ha")))
    assert (first.input_type, first.output_type) == (second.input_type, second.output_type) == (Greet, Greeting)
    assert (first.handler(None, None), second.handler(None, None)) == (Greeting("Hi"), Greeting("Ho"))
    assert (first.summary, other.summary) == ("Greet in one word.", "Greet, with a docstring of its own.")


def test_a_handler_that_is_gone_leaves_nothing() -> None:
    def declared() -> weakref.ref[Callable[..., Any]]:
        @query("greet.once")
        def once(context: CallContext, request: Greet) -> Greeting:
            """Greet once."""
            return Greeting("")

        operation_of(once)
        return weakref.ref(once)

    handler = declared()
    gc.collect()
    assert handler() is None
