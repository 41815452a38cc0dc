"""What decides without I/O: pieces of texts, phrases and scores of labels, choices of schemas, settings."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime import AiEndpoint, AiSettings, InvalidLimits, RuntimeSettings
from perdure.runtime.ai.chat import wrapped
from perdure.runtime.ai.choices import choices_of, put_together
from perdure.runtime.ai.chunks import MOST, chunks
from perdure.runtime.ai.endpoint import retry_after
from perdure.runtime.ai.labels import LONGEST_QUESTION, TextLabel, phrases, scores

# --- pieces ----------------------------------------------------------------------------------------------------------


def test_a_short_text_is_one_piece() -> None:
    assert chunks("  Hello\tworld.\n") == ["Hello world."]
    assert chunks(" \n\t ") == []


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One line is here\nand another\n\nA new one begins", ["One line is here and another", "A new one begins"]),
        ("A sentence ends here. Another one is", ["A sentence ends here.", "Another one is"]),
        ("abcdefghijk abcdefghijk abcdefghijk", ["abcdefghijk abcdefghijk", "abcdefghijk"]),
        ("x" * 70, ["x" * 32, "x" * 32, "x" * 6]),
        ("今天天气很好我们去公园散步吧真的很开心。明天见", ["今天天气很好我们去公园散步吧真的很开心。明天见"]),
    ],
)
def test_a_long_text_is_cut_where_it_may_be(text: str, pieces: list[str]) -> None:
    assert chunks(text, 32) == pieces


@given(text=st.text(alphabet=st.sampled_from("ab .\n\t\u00a0。"), max_size=300), size=st.integers(8, 60))
def test_nothing_is_lost_between_pieces(text: str, size: int) -> None:
    found = chunks(text, size, most=1_000)
    assert all(0 < len(piece) <= size for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_of_a_very_long_text_some_pieces() -> None:
    found = chunks("".join(f"{number:07d}. " for number in range(10_000)), 20)
    assert len(found) == MOST
    assert found[0].startswith("0000000.")
    assert found[-1].endswith("0009999.")
    assert found == sorted(found)


# --- labels ----------------------------------------------------------------------------------------------------------


def test_phrases_of_a_label() -> None:
    label = TextLabel(label="sick_note", description="somebody is ill, or hurt: no work")
    assert phrases(label, None) == (
        "sick note",
        "somebody is ill, or hurt: no work",
        "somebody is ill",
        "or hurt",
        "no work",
    )
    assert phrases(TextLabel(label="receipt"), "What is it?") == ("What is it? receipt",)


def test_a_long_instruction_does_not_drown_the_labels() -> None:
    assert phrases(TextLabel(label="receipt"), "x" * (LONGEST_QUESTION + 1)) == ("receipt",)


@given(
    similarities=st.lists(st.floats(-2, 2), min_size=1, max_size=20),
    spread=st.floats(0, 1),
    shift=st.floats(-1, 1),
)
def test_scores_are_shares(similarities: list[float], spread: float, shift: float) -> None:
    found = scores(similarities, spread)
    assert math.isclose(sum(found), 1, rel_tol=1e-9)
    assert all(0 <= share <= 1 for share in found)
    assert found[similarities.index(max(similarities))] == max(found)


def test_labels_that_are_near_each_other_need_less_of_a_difference() -> None:
    near, far = scores([0.31, 0.3], 0.1)[0], scores([0.31, 0.3], 0.8)[0]
    assert 0.5 < far < near < 1


# --- choices ---------------------------------------------------------------------------------------------------------


def names(schema: dict[str, Any]) -> Any:
    found = choices_of(schema)
    return found and [(choice.name, [label.label for label in choice.labels]) for choice in found]


@pytest.mark.parametrize(
    ("schema", "choices"),
    [
        ({"enum": ["a", "b", "a"]}, [(None, ["a", "b"])]),
        ({"type": "string", "const": "a"}, [(None, ["a"])]),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, [(None, ["a", "b"])]),
        ({"type": "object", "properties": {"label": {"enum": ["a", "b"]}}}, [("label", ["a", "b"])]),
        (
            {"properties": {"x": {"$ref": "#/$defs/X"}}, "$defs": {"X": {"enum": ["a"], "type": "string"}}},
            [("x", ["a"])],
        ),
        (
            {"properties": {"x": {"enum": ["a"]}, "y": {"enum": ["b"]}, "z": {"type": "integer"}}, "required": ["x"]},
            [("x", ["a"]), ("y", ["b"])],
        ),
        ({"properties": {"x": {"enum": ["a"]}, "z": {"type": "integer"}}, "required": ["x", "z"]}, None),
        ({"properties": {"x": {"enum": ["a"]}}, "required": ["other"]}, None),
        ({"type": "string"}, None),
        ({"type": "boolean"}, None),
        ({"enum": [1, 2]}, None),
        ({"enum": ["a", None]}, None),
        ({"type": "array", "items": {"enum": ["a"]}}, None),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, None),
        ({"$ref": "#/$defs/missing"}, None),
        ({}, None),
        ({"properties": {"x": True}}, None),
    ],
)
def test_what_can_be_chosen(schema: dict[str, Any], choices: Any) -> None:
    assert names(schema) == choices


def test_what_a_choice_knows_of_its_labels() -> None:
    schema = {
        "properties": {
            "kind": {
                "description": "What is it?",
                "anyOf": [{"const": "r", "title": "Receipt", "description": "something was paid"}, {"const": "o"}],
            }
        }
    }
    (choice,) = choices_of(schema) or ()
    assert choice.question == "What is it?"
    assert [label.description for label in choice.labels] == ["Receipt. something was paid", None]
    assert put_together((choice,), ["r"]) == {"kind": "r"}


def test_references_lead_to_the_same_places_in_a_schema_that_is_put_into_another() -> None:
    schema = {"$schema": "x", "type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"$ref": "#"}}}
    inner = wrapped(schema)["properties"]["answer"]
    assert inner == {
        "type": "array",
        "items": {"$ref": "#/properties/answer/$defs/a"},
        "$defs": {"a": {"$ref": "#/properties/answer"}},
    }


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "localhost:11434"),
        ("base_url", "https://user:sk-planted@host/v1"),
        ("base_url", "https://host/v1?key=sk-planted"),
        ("model", ""),
        ("model", "local"),
        ("embedding_model", "local"),
        ("api_key", "sk-planted\n"),
        ("headers", {"X-Key": "sk-planted\n"}),
        ("headers", {"Host": "sk-planted"}),
        ("timeout", 0.0),
    ],
)
def test_settings_that_make_no_sense(field: str, value: Any) -> None:
    with pytest.raises(InvalidLimits) as caught:
        AiEndpoint(**{"base_url": "https://host/v1", "model": "m", field: value})
    assert caught.value.field == field
    assert "sk-planted" not in str(caught.value)


def test_an_endpoint_that_is_not_there_cannot_be_the_default() -> None:
    with pytest.raises(InvalidLimits, match="endpoint has to be given"):
        AiSettings(default="endpoint")


def test_settings_do_not_show_their_secrets() -> None:
    endpoint = AiEndpoint(base_url="https://host/v1", model="m", api_key="sk-planted", headers={"X-Key": "sk-planted"})
    for shown in (repr(endpoint), repr(RuntimeSettings(ai=AiSettings(endpoint=endpoint)))):
        assert "sk-planted" not in shown
        assert "https://host/v1" in shown


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("12", 12.0),
        (" 0 ", 0.0),
        ("-3", None),
        ("soon", None),
        ("٣", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
    ],
)
def test_when_to_come_back(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, datetime.datetime(2026, 10, 21, 7, 28, tzinfo=datetime.UTC)) == seconds
