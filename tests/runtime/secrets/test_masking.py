"""What is shown of a payload: everything but its secrets, and nothing where that is not sure."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.operations.declaration import Sensitive
from perdure.runtime.secrets.masking import MASK, Mask, harmless

Secret = Annotated[str, Sensitive]


class Key(msgspec.Struct, tag="key"):
    key: Secret


class Login(msgspec.Struct, tag="login", rename="camel"):
    user_name: str
    pass_word: Annotated[str, Sensitive, msgspec.Meta(min_length=1)]


class Tree(msgspec.Struct):
    name: str
    key: Secret = ""
    children: list[Tree] = []


class Pair(msgspec.Struct, array_like=True):
    name: str
    key: Secret


class Plain(msgspec.Struct):
    name: str
    tags: list[str] = []
    tree: dict[str, list[int | None]] = {}
    self: Plain | None = None


class All(msgspec.Struct):
    name: str = ""
    number: Annotated[int, Sensitive] = 0
    maybe: Secret | None = None
    optional: Annotated[str | None, Sensitive] = None
    listed: list[Secret] = []
    named: dict[str, Secret] = {}
    keyed: dict[Secret, int] = {}
    whole: Annotated[dict[str, int], Sensitive] = {}
    either: Key | Login | None = None
    several: list[Key | Login] = []
    pair: Pair | None = None
    tree: Tree | None = None
    twin: tuple[str, Secret] | None = None
    choice: int | Secret = 0
    loose: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"name": "n"}, {"name": "n"}),
        ({"number": 5}, {"number": MASK}),
        ({"maybe": "s"}, {"maybe": MASK}),
        ({"maybe": None}, {"maybe": None}),
        ({"optional": None}, {"optional": MASK}),
        ({"listed": ["s", "t"]}, {"listed": [MASK, MASK]}),
        ({"named": {"a": "s"}}, {"named": {"a": MASK}}),
        ({"keyed": {"s": 1}}, {"keyed": MASK}),
        ({"whole": {"a": 1}}, {"whole": MASK}),
        ({"either": {"type": "key", "key": "s"}}, {"either": {"type": "key", "key": MASK}}),
        (
            {"either": {"type": "login", "userName": "u", "passWord": "s"}},
            {"either": {"type": "login", "userName": "u", "passWord": MASK}},
        ),
        ({"either": {"type": "key", "key": "s", "kye": "s"}}, {"either": {"type": "key", "key": MASK}}),
        ({"several": [{"type": "key", "key": "s"}]}, {"several": [{"type": "key", "key": MASK}]}),
        ({"pair": ["n", "s"]}, {"pair": MASK}),
        (
            {"tree": {"name": "a", "children": [{"name": "b", "key": "s"}]}},
            {"tree": {"name": "a", "children": [{"name": "b", "key": MASK}]}},
        ),
        ({"twin": ["n", "s"]}, {"twin": ["n", MASK]}),
        ({"choice": "s"}, {"choice": MASK}),
        ({"choice": 5}, {"choice": MASK}),
        ({"loose": {"a": [1, {"b": None}]}}, {"loose": {"a": [1, {"b": None}]}}),
        ({"passwrod": "s"}, {}),
    ],
)
def test_what_is_shown(given: dict[str, Any], shown: dict[str, Any]) -> None:
    assert json.loads(Mask(All).shown(json.dumps(given).encode())) == shown


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"s", b'{"name": 5, "maybe": "s"}', b'{"maybe": 5}', b'"s"', b"[" * 5000, b'{"maybe": "\xff"}'],
)
def test_of_what_does_not_fit_nothing_is_shown(payload: bytes) -> None:
    assert json.loads(Mask(All).shown(payload)) == MASK


def test_of_what_is_secret_as_a_whole_nothing_is_shown() -> None:
    mask = Mask(Plain, whole=True)
    assert mask.hides
    assert json.loads(mask.shown(b'{"name": "s"}')) == MASK


@pytest.mark.parametrize(
    ("kind", "hides"), [(Plain, False), (All, True), (Tree, True), (Pair, True), (Key | Login, True), (Login, True)]
)
def test_types_with_secrets_are_known(kind: Any, hides: bool) -> None:
    assert Mask(kind).hides is hides


secrets = st.text("§", min_size=1, max_size=5)  # a letter that nothing else contains
names = st.text("abc", max_size=3)
trees = st.recursive(
    st.builds(lambda name, key: {"name": name, "key": key}, names, secrets),
    lambda inner: st.builds(lambda name, more: {"name": name, "children": more}, names, st.lists(inner, max_size=3)),
    max_leaves=8,
)
choices = st.one_of(
    st.builds(lambda key: {"type": "key", "key": key}, secrets),
    st.builds(lambda name, key: {"type": "login", "userName": name, "passWord": key}, names, secrets),
)


@given(
    st.fixed_dictionaries(
        {"name": names},
        optional={
            "maybe": st.none() | secrets,
            "optional": st.none() | secrets,
            "listed": st.lists(secrets),
            "named": st.dictionaries(names, secrets),
            "keyed": st.dictionaries(secrets, st.integers(0, 5)),
            "either": choices,
            "several": st.lists(choices, max_size=3),
            "pair": st.tuples(names, secrets),
            "tree": trees,
            "twin": st.tuples(names, secrets),
            "choice": secrets,
        },
    )
)
def test_no_secret_is_ever_shown(value: dict[str, Any]) -> None:
    data = json.dumps(value, ensure_ascii=False).encode()
    shown = Mask(All).shown(data).decode()
    assert "§" not in shown
    assert json.loads(shown)["name"] == value["name"]
    msgspec.json.decode(data, type=All)  # it was a value of the type, not one that shows nothing anyway


class Colour(msgspec.Struct):
    colour: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")]
    kind: Key | Login | None = None


@pytest.mark.parametrize(
    "payload",
    [b'{"colour": "S3"}', b'{"colour": 5}', b'{"colour": "a", "kind": {"type": "S3"}}', b'{"kind": {}}', b"S3", b""],
)
def test_messages_about_bad_values_do_not_hold_them(payload: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError) as caught:
        msgspec.json.decode(payload, type=Colour)
    assert "S3" not in harmless(str(caught.value))


def test_messages_say_what_they_can() -> None:
    assert harmless("Expected `str`, got `int` - at `$.colour`") == "Expected `str`, got `int` - at `$.colour`"
    assert harmless("Invalid value 'S3' - at `$.kind.type`") == "it is not valid - at `$.kind.type`"
    assert harmless("Object contains unknown field `S3` - at `$.a[...].b`") == "it is not valid - at `$.a[...].b`"
    assert harmless("JSON is malformed: invalid character (byte 0)") == "it is not valid"
