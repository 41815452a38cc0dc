"""What types are made of: read once, whatever they are."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from perdure.runtime.type_info import json_decoder, remembered, type_info


class Note(msgspec.Struct):
    text: str


def test_a_type_is_read_once() -> None:
    assert type_info(Note) is type_info(Note)
    assert json_decoder(Note) is json_decoder(Note)
    assert json_decoder(Note)(b'{"text": "a"}') == Note("a")


def test_what_is_said_of_a_type_is_remembered() -> None:
    asked: list[Any] = []

    @remembered
    def name(kind: Any) -> str:
        asked.append(kind)
        return str(kind.__name__)

    assert [name(Note), name(Note), name(int)] == ["Note", "Note", "int"]
    assert asked == [Note, int]


def test_types_of_one_name_are_not_taken_for_each_other() -> None:
    def made(kind: type) -> type:
        return msgspec.defstruct("Made", [("field", kind)])

    text, number = made(str), made(int)
    assert json_decoder(text)(b'{"field": "1"}') == text("1")
    assert json_decoder(number)(b'{"field": 1}') == number(1)
    assert type_info(text) != type_info(number)


def test_what_cannot_be_hashed_is_read_all_the_same() -> None:
    kind: Any = Annotated[Note, ["unhashable"]]
    with pytest.raises(TypeError, match="unhashable"):
        hash(kind)
    assert type_info(kind) == type_info(Note)
    assert json_decoder(kind)(b'{"text": "a"}') == Note("a")


def test_what_is_no_type_says_so_each_time() -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="not supported"):
            type_info(object())
        with pytest.raises(TypeError, match="not supported"):
            json_decoder(object())
