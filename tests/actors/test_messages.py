from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors import messages
from perdure.actors.messages import AnyMessage, LaneReady, Message, decode_message, encode_message

KINDS = get_args(AnyMessage)
SIGNED_64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# msgpack keeps 64 bits, and its text is UTF-8; that holds inside of other types as well.


def any_message() -> st.SearchStrategy[Message]:
    def of(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
        fields = {field.name: _field(field.type) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)

    def _field(kind: Any) -> st.SearchStrategy[Any]:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return of(kind)
        if get_origin(kind) in (Union, UnionType):
            return st.one_of([_field(each) for each in get_args(kind)])
        if get_origin(kind) is tuple:
            return st.lists(_field(get_args(kind)[0]), max_size=3).map(tuple)
        if get_origin(kind) is list:
            return st.lists(_field(get_args(kind)[0]), max_size=3)
        return {int: SIGNED_64, str: TEXT}.get(kind, st.from_type(kind))

    return st.one_of([of(kind) for kind in KINDS])


@given(any_message())
def test_every_message_survives_the_way(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


def test_every_message_that_there_is_can_be_decoded() -> None:
    defined = {value for value in vars(messages).values() if isinstance(value, type) and issubclass(value, Message)} - {
        Message
    }

    assert defined == set(KINDS)


def test_a_message_is_a_short_array_with_its_name_in_front() -> None:
    assert encode_message(LaneReady("job:1")) == b"\x92\xa9LaneReady\xa5job:1"


@pytest.mark.parametrize("data", [b"", b"\x91\xa9LaneReady", b"\x91\xa7Unknown"])
def test_a_message_that_is_cut_or_unknown_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_message(data)
