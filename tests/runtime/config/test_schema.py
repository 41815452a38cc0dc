"""Schemas of configurations: which may be used, what they fill in, and that none of them keeps the host busy."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from perdure.runtime import ManifestError
from perdure.runtime.config.schema import MAX_SCHEMA_BYTES, MAX_SUBSCHEMAS, checked_schema

# A second is a hundred times what any of these takes; without bounds they take hours.
LONG = 10.0


def faults(schema: dict[str, Any], values: dict[str, Any]) -> list[str]:
    return [str(fault.problem) for fault in checked_schema(schema).faults(values)]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "text"}, "config_schema.type"),
        ({"type": "array"}, "config_schema.type"),
        ({"properties": {"a": {"type": "strnig"}}}, "config_schema.properties.a.type"),
        ({"properties": {"a b": {"minimum": "1"}}}, 'config_schema.properties["a b"].minimum'),
        ({"properties": {"a": {"default": "x", "type": "integer"}}}, "config_schema.properties.a.default"),
        (
            {"properties": {"a": {"allOf": [{"default": 5, "maximum": 4}]}}},
            "config_schema.properties.a.allOf[0].default",
        ),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "config_schema.$schema"),
        ({"properties": {"a": {"$ref": "https://example.com/schema.json"}}}, "config_schema.properties.a.$ref"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "config_schema.properties.a.$ref"),
        ({"properties": {"a": {"$ref": "#/$defs/missing"}}}, "config_schema.properties.a.$ref"),
        # A place that is no schema: what stands there was not checked.
        ({"x": {"pattern": "("}, "allOf": [{"$ref": "#/x"}]}, "config_schema.allOf[0].$ref"),
        ({"properties": {"a": {"$ref": "#anchor"}}}, "config_schema.properties.a.$ref"),
        ({"properties": {"a": {"$dynamicRef": "#a"}}}, "config_schema.properties.a.$dynamicRef"),
        ({"properties": {"a": {"$id": "https://example.com/a"}}}, "config_schema.properties.a.$id"),
        (
            {"properties": {"a": {"$schema": "http://json-schema.org/draft-04/schema#"}}},
            "config_schema.properties.a.$schema",
        ),
        ({"properties": {"a": {"pattern": "("}}}, "config_schema.properties.a.pattern"),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "config_schema.properties.a.pattern"),
        ({"patternProperties": {"(a{1000}){1000}": {}}}, "config_schema.patternProperties"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "config_schema.unevaluatedProperties"),
        ({"properties": {str(number): {} for number in range(MAX_SUBSCHEMAS)}}, "config_schema"),
        ({"description": "a" * MAX_SCHEMA_BYTES}, "config_schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_at_its_place(schema: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestError) as caught:
        checked_schema(schema)
    assert caught.value.field == field
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/config",
            "type": "object",
        },
        {"type": ["object", "null"], "title": "a", "examples": [{"$ref": "no reference"}]},
        {"properties": {"$ref": {"type": "string"}, "pattern": {"const": {"$ref": "x"}}}},
        {"$id": "https://example.com/a", "properties": {"a": {"$ref": "#/definitions/b"}}, "definitions": {"b": True}},
        {"properties": {"a/b": {"type": "integer"}, "c": {"$ref": "#/properties/a~1b"}}},
        {"properties": {"children": {"type": "array", "items": {"$ref": "#"}}}},
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
    ],
)
def test_a_schema_that_can_be_used(schema: dict[str, Any]) -> None:
    checked = checked_schema(schema)
    assert checked.faults({}) == []
    assert checked.completed({}) == {}


def test_faults_have_their_path() -> None:
    schema = {
        "properties": {
            "server": {"properties": {"ports": {"items": {"type": "integer"}}, "odd name": {"enum": [1]}}},
            "a": {"$ref": "#/$defs/short"},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"short": {"maxLength": 2}},
    }
    assert faults(schema, {"a": "xyz", "server": {"ports": [1, "2"], "odd name": 2}, "b": 1, "c": 2}) == [
        "$.server.ports[1]: '2' is not of type 'integer'",
        '$.server["odd name"]: 2 is not one of [1]',
        "$.a: 'xyz' is too long",
        "$.b: there is no such setting",
        "$.c: there is no such setting",
    ]
    assert faults(schema, {}) == ["$: 'a' is a required property"]


def test_secrets_have_no_place_in_a_configuration() -> None:
    schema = {"properties": {"a": {"type": "string", "format": "password"}, "b": {"writeOnly": True, "default": "x"}}}
    found = faults(schema, {"a": "hunter2", "b": {"c": 1}})
    assert [line.partition(":")[0] for line in found] == ["$.a", "$.b"]
    assert "hunter2" not in str(found)
    assert checked_schema(schema).completed({}) == {}


COMPLETED = [
    ({"a": {"default": 1}}, {}, {"a": 1}),
    ({"a": {"default": 1}}, {"a": 2}, {"a": 2}),
    ({"a": {"default": None}}, {}, {"a": None}),
    ({"a": {"default": 1}}, {"a": None}, {"a": None}),
    ({"o": {"properties": {"a": {"default": 1}}}}, {"o": {"b": 2}}, {"o": {"a": 1, "b": 2}}),
    ({"o": {"properties": {"p": {"properties": {"a": {"default": 1}}}}}}, {}, {"o": {"p": {"a": 1}}}),
    # An object that defaults alone do not make valid is left out until somebody says the rest.
    ({"o": {"properties": {"a": {"default": 1}, "b": {}}, "required": ["b"]}}, {}, {}),
    (
        {"o": {"properties": {"a": {"default": 1}, "b": {}}, "required": ["b"]}},
        {"o": {"b": 2}},
        {"o": {"a": 1, "b": 2}},
    ),
    ({"o": {"default": {}, "properties": {"a": {"default": 1}}}}, {}, {"o": {"a": 1}}),
    ({"l": {"items": {"properties": {"a": {"default": 1}}}}}, {"l": [{}, {"a": 2}]}, {"l": [{"a": 1}, {"a": 2}]}),
    ({"t": {"prefixItems": [{"properties": {"a": {"default": 1}}}]}}, {"t": [{}, {}]}, {"t": [{"a": 1}, {}]}),
    ({"m": {"additionalProperties": {"properties": {"a": {"default": 1}}}}}, {"m": {"x": {}}}, {"m": {"x": {"a": 1}}}),
    ({"a": {"allOf": [{"properties": {"b": {"default": 1}}}]}}, {}, {"a": {"b": 1}}),
    ({"a": {"$ref": "#/$defs/d"}}, {}, {"a": 7}),
    ({"a": {"$ref": "#/$defs/o"}}, {}, {"a": {"b": 7}}),
]


@pytest.mark.parametrize(("properties", "values", "completed"), COMPLETED)
def test_defaults_are_filled_in(properties: dict[str, Any], values: dict[str, Any], completed: dict[str, Any]) -> None:
    definitions = {"d": {"default": 7}, "o": {"properties": {"b": {"$ref": "#/$defs/d"}}}}
    before = json.dumps(values)
    assert checked_schema({"properties": properties, "$defs": definitions}).completed(values) == completed
    assert json.dumps(values) == before


def test_two_configurations_share_no_default() -> None:
    schema = checked_schema({"properties": {"a": {"default": []}}})
    schema.completed({})["a"].append(1)
    assert schema.completed({}) == {"a": []}


def doubling(depth: int, part: Any) -> dict[str, Any]:
    """Each definition refers to the next one twice."""
    definitions = {f"d{number}": part(f"#/$defs/d{number + 1}") for number in range(depth)}
    return {**part("#/$defs/d0"), "$defs": {**definitions, f"d{depth}": {"type": "object"}}}


def test_a_schema_that_multiplies_checks_is_refused_soon() -> None:
    begun = time.monotonic()
    with pytest.raises(ManifestError, match="too long"):
        checked_schema(doubling(40, lambda to: {"allOf": [{"$ref": to}, {"$ref": to}]}))
    assert time.monotonic() - begun < LONG


def test_a_schema_that_multiplies_defaults_is_refused_soon() -> None:
    begun = time.monotonic()
    with pytest.raises(ManifestError, match="too long"):
        checked_schema(doubling(25, lambda to: {"properties": {"a": {"$ref": to}, "b": {"$ref": to, "default": {}}}}))
    assert time.monotonic() - begun < LONG


def test_a_schema_that_multiplies_only_with_a_value_is_stopped_soon() -> None:
    bomb = doubling(40, lambda to: {"anyOf": [{"$ref": to}, {"$ref": to}]})
    schema = checked_schema({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": bomb["$defs"]})
    begun = time.monotonic()
    assert [str(fault.problem) for fault in schema.faults({"a": 1})] == ["$: it takes too long to check"]
    assert time.monotonic() - begun < LONG


def test_references_in_a_circle() -> None:
    with pytest.raises(ManifestError, match="too long"):
        checked_schema({"$ref": "#"})
    schema = checked_schema({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}})
    assert [str(fault.problem) for fault in schema.faults({"a": 1})] == ["$: it takes too long to check"]
    # A schema that holds itself: what is there is completed, and nothing is made for ever.
    tree = {"properties": {"a": {"$ref": "#"}, "n": {"default": 1}}}
    assert checked_schema(tree).completed({"a": {"a": {}}}) == {"n": 1, "a": {"n": 1, "a": {"n": 1}}}


BOMBS = [
    ({"pattern": "^(a+)+$"}, "a" * 60_000 + "!"),
    ({"patternProperties": {"^(a|aa)+$": False}}, {"a" * 30_000 + "!": 1}),
    ({"uniqueItems": True}, [{"a": number} for number in range(8_000)]),
    ({"items": {"enum": list(range(10_000))}}, [-1] * 20_000),
    ({"anyOf": [{"type": "string"}] * 1_500}, {str(number): "x" * 50 for number in range(1_000)}),
    ({"items": {"anyOf": [{"const": str(number)} for number in range(1_000)]}}, ["x"] * 10_000),
    ({"multipleOf": 1e-300}, 10**18),
    ({"contains": {"const": 1}, "minContains": 10**9}, [0] * 20_000),
]


@pytest.mark.parametrize(
    ("schema", "value"), BOMBS, ids=lambda part: next(iter(part)) if isinstance(part, dict) else ""
)
def test_a_check_ends_soon(schema: dict[str, Any], value: Any) -> None:
    checked = checked_schema({"properties": {"a": schema}})
    begun = time.monotonic()
    for fault in checked.faults({"a": value}):
        assert len(fault.problem.message) < 400
    assert time.monotonic() - begun < LONG


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 1.5]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
_SCHEMAS = st.recursive(
    st.sampled_from(
        [
            True, False, {"type": "integer"}, {"type": "string"}, {"minimum": 1}, {"pattern": "^a"}, {"const": 1},
            {"enum": ["a", 2]}, {"required": ["a"]}, {"uniqueItems": True}, {"maxLength": 1}, {"minItems": 1},
        ]
    ),
    lambda inner: st.fixed_dictionaries({}, optional={
        "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
        "additionalProperties": inner,
        "items": inner,
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "not": inner,
    }),
    max_leaves=8,
)  # fmt: skip


@given(schema=_SCHEMAS, value=_VALUES)
def test_a_value_fits_where_it_does_for_jsonschema(schema: Any, value: Any) -> None:
    ours = checked_schema({"properties": {"v": schema}}).faults({"v": value})
    assert (not ours) is Draft202012Validator(schema).is_valid(value)
