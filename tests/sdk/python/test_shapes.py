"""Values of types, to JSON and back: what fits, what does not, and where."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import enum
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure_sdk import ExtensionError, StateError
from perdure_sdk.json_text import from_text, to_text
from perdure_sdk.shapes import JSON_NAME, from_json, to_json


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclasses.dataclass
class Item:
    name: str
    price: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)


class Options(TypedDict):
    depth: int
    quiet: NotRequired[bool]


@dataclasses.dataclass
class Everything:
    flag: bool = False
    number: int = 0
    fraction: float = 0.5
    text: str = ""
    nothing: None = None
    data: bytes = b""
    when: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    who: UUID | None = None
    maybe: Item | None = None
    items: list[Item] = dataclasses.field(default_factory=list)
    pair: tuple[int, str] = (0, "")
    many: tuple[int, ...] = ()
    by_name: dict[str, Item] = dataclasses.field(default_factory=dict)
    choice: Literal["a", "b", 3] = "a"
    colour: Colour = Colour.RED
    either: int | str = 0
    options: Options = dataclasses.field(default_factory=lambda: Options(depth=1))
    noted: Annotated[int, "a note"] = 0
    anything: Any = None


@dataclasses.dataclass
class Tree:
    value: int = 0
    children: list[Tree] = dataclasses.field(default_factory=list)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
integers = st.integers(-(2**70), 2**70)
floats = st.floats(allow_nan=False, allow_infinity=False)
items = st.builds(Item, texts, floats, st.lists(texts, max_size=2))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | integers | floats | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
everything = st.builds(
    Everything,
    flag=st.booleans(),
    number=integers,
    fraction=floats,
    text=texts,
    data=st.binary(max_size=5),
    when=st.datetimes(timezones=st.just(dt.UTC)),
    who=st.uuids(),
    maybe=st.none() | items,
    items=st.lists(items, max_size=2),
    pair=st.tuples(integers, texts),
    many=st.lists(integers, max_size=3).map(tuple),
    by_name=st.dictionaries(texts, items, max_size=2),
    choice=st.sampled_from(["a", "b", 3]),
    colour=st.sampled_from(Colour),
    either=integers | texts,
    options=st.builds(lambda depth: Options(depth=depth, quiet=True), integers),
    noted=integers,
    anything=json_values,
)


@given(everything)
def test_what_is_written_reads_back_the_same(value: Everything) -> None:
    text = to_text(to_json(value, "state", Everything), "state")
    assert from_json(Everything, from_text(text, "state"), "state") == value
    assert list(json.loads(text)) == [field.name for field in dataclasses.fields(Everything)]


@given(json_values)
def test_no_json_breaks_a_reader(value: Any) -> None:
    with contextlib.suppress(StateError):
        from_json(Everything, value, "state")


def test_the_text_is_compact_and_in_order() -> None:
    assert to_text(to_json(Item("ä", 1.5, ["x"]), "state"), "state") == '{"name":"ä","price":1.5,"tags":["x"]}'


def test_what_is_missing_takes_its_default_and_what_is_unknown_is_passed_over() -> None:
    assert from_json(Item, {"name": "a", "unknown": [1]}, "state") == Item("a")
    assert from_json(Options, {"depth": 2, "unknown": 1}, "state") == {"depth": 2}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"number": "3"}, "state.number: expected an integer, got '3'"),
        ({"number": 3.0}, "state.number: expected an integer, got 3.0"),
        ({"number": True}, "state.number: expected an integer, got true"),
        ({"flag": 1}, "state.flag: expected true or false, got 1"),
        ({"fraction": "x"}, "state.fraction: expected a number, got 'x'"),
        ({"text": None}, "state.text: expected a text, got null"),
        ({"data": "ä"}, "state.data: expected base64, got 'ä'"),
        ({"when": "soon"}, "state.when: expected a time, got 'soon'"),
        ({"who": "me"}, "state.who: expected a UUID, got 'me'"),
        ({"maybe": 1}, "state.maybe: expected a Item or null, got 1"),
        ({"maybe": {"name": 1}}, "state.maybe.name: expected a text, got 1"),
        (
            {"items": [{"name": "a"}, {"name": "b", "price": []}]},
            "state.items[1].price: expected a number, got a list of 0",
        ),
        ({"items": [{}]}, "state.items[0].name: it is missing, and has no default"),
        ({"items": {}}, "state.items: expected a list, got an object"),
        ({"pair": [1]}, "state.pair: expected a list of 2, got a list of 1"),
        ({"pair": [1, 2]}, "state.pair[1]: expected a text, got 2"),
        ({"by_name": {"a b": 1}}, "state.by_name['a b']: expected an object, got 1"),
        ({"choice": "c"}, "state.choice: expected 'a' or 'b' or 3, got 'c'"),
        ({"colour": "green"}, "state.colour: expected 'red' or 2, got 'green'"),
        ({"either": 1.5}, "state.either: expected an integer or a text, got 1.5"),
        ({"options": {}}, "state.options.depth: it is missing; mark it as NotRequired if it may be"),
        ([], "state: expected an object, got a list of 0"),
        ({"text": 10**30}, "state.text: expected a text, got a large number"),
        ({"number": "x" * 100}, "state.number: expected an integer, got a text of 100 characters"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(StateError) as refused:
        from_json(Everything, value, "state")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": "3"}, "state.number: expected an integer, got '3'"),
        ({"fraction": float("nan")}, "state.fraction: nan is not a number of JSON"),
        ({"anything": {"a": [float("inf")]}}, "state.anything.a[0]: inf is not a number of JSON"),
        ({"anything": {1: 2}}, "state.anything: the keys of an object in JSON are texts, not int"),
        ({"anything": object()}, "state.anything: a object cannot be said in JSON"),
        ({"maybe": Item(1)}, "state.maybe.name: expected a text, got 1"),  # type: ignore[arg-type]  # that is the point
        ({"options": {"depth": 1, "deep": 2}}, "state.options.deep: Options has no such field"),
        ({"colour": "red"}, "state.colour: expected a Colour, got 'red'"),
    ],
)
def test_what_cannot_be_saved_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StateError) as refused:
        to_json(Everything(**change), "state", Everything)
    assert str(refused.value) == message


def test_a_text_that_is_no_unicode_cannot_be_saved() -> None:
    with pytest.raises(StateError, match="half a surrogate pair"):
        to_text({"a": "\ud800"}, "state")


def test_what_holds_itself_cannot_be_saved() -> None:
    holding: dict[str, Any] = {}
    holding["self"] = holding
    with pytest.raises((StateError, RecursionError)):
        to_text(to_json(holding, "state"), "state")


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(StateError):
        from_text(text, "state")


def test_a_type_may_hold_itself() -> None:
    tree = Tree(1, [Tree(2), Tree(3, [Tree(4)])])
    assert from_json(Tree, to_json(tree, "state"), "state") == tree


def test_a_field_may_have_a_name_that_python_keeps() -> None:
    @dataclasses.dataclass
    class Message:
        from_: str = dataclasses.field(default="", metadata={JSON_NAME: "from"})

    assert to_json(Message("me"), "state") == {"from": "me"}
    assert from_json(Message, {"from": "me"}, "state") == Message("me")


def test_what_a_class_refuses_is_said() -> None:
    @dataclasses.dataclass
    class Positive:
        number: int = 1

        def __post_init__(self) -> None:
            if self.number < 1:
                raise ValueError("number must be positive")

    with pytest.raises(StateError, match="state: number must be positive"):
        from_json(Positive, {"number": 0}, "state")


@pytest.mark.parametrize("kind", [set[int], complex, dict[int, str], Callable[[], None], list[object | complex]])
def test_other_types_are_refused_with_what_there_is(kind: Any) -> None:
    with pytest.raises(ExtensionError, match=r"has no meaning in JSON|keys of an object"):
        from_json(kind, {}, "state")
