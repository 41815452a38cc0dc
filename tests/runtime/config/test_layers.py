"""What a configuration is, from what was set in two layers."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.runtime.config.layers import effective, merged
from perdure.runtime.config.schema import checked_schema

SCHEMA = {
    "properties": {
        "port": {"type": "integer", "default": 80},
        "server": {"properties": {"host": {"type": "string"}, "tls": {"type": "boolean", "default": True}}},
        "names": {"items": {"type": "string"}},
        "id": {"type": "string"},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([], {}),
        ([{"a": 1}, {}], {"a": 1}),
        ([{"a": 1}, {"a": 2}], {"a": 2}),
        ([{"a": {"x": 1, "y": 1}}, {"a": {"y": 2, "z": 2}}], {"a": {"x": 1, "y": 2, "z": 2}}),
        ([{"a": [1, 2]}, {"a": [3]}], {"a": [3]}),
        ([{"a": {"x": 1}}, {"a": 5}], {"a": 5}),
        ([{"a": 5}, {"a": {"x": 1}}], {"a": {"x": 1}}),
        ([{"a": {"x": 1}}, {"a": None}], {"a": None}),
    ],
)
def test_layers_are_laid_over_each_other(layers: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert merged(layers) == expected


def test_what_does_not_fit_falls_back_setting_by_setting() -> None:
    found = effective(checked_schema(SCHEMA), [{"port": 8080, "gone": 1}, {"port": "x", "id": "a", "names": [1]}])
    # In the library the port is no number, so the one that holds everywhere does; the names have nothing below them.
    assert found.values == {"port": 8080, "id": "a", "server": {"tls": True}}
    assert [[problem.path for problem in layer] for layer in found.left_out] == [["$.gone"], ["$.port", "$.names[0]"]]
    assert found.problems == ()


def test_a_merge_that_does_not_fit_loses_the_upper_part_first() -> None:
    found = effective(checked_schema(SCHEMA), [{"server": {"host": "a"}}, {"server": {"host": 1}}])
    assert found.values["server"] == {"host": "a", "tls": True}
    assert [len(layer) for layer in found.left_out] == [0, 1]


def test_what_nobody_can_mend_is_a_problem() -> None:
    schema = checked_schema({**SCHEMA, "required": ["id", "port"]})
    found = effective(schema, [{"port": "x"}])
    assert found.values == {"port": 80, "server": {"tls": True}}
    assert [str(problem) for problem in found.problems] == ["$: 'id' is a required property"]
