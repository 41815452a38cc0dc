from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.vdfs.errors import BadMetadata
from perdure.runtime.vdfs.metadata import MAX_METADATA_BYTES, decoded_metadata, encoded_metadata, patched

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=4)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@given(objects)
def test_metadata_come_back(metadata: dict[str, Any]) -> None:
    assert decoded_metadata(encoded_metadata(metadata)) == metadata


def test_equal_metadata_are_equal_bytes() -> None:
    assert encoded_metadata({"a": 1, "b": {"c": 2, "d": 3}}) == encoded_metadata({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [  # RFC 7396, appendix A, as far as both sides are objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch(before: dict[str, Any], patch: dict[str, Any], after: dict[str, Any]) -> None:
    assert patched(before, patch) == after


@given(objects, objects)
def test_a_patch_does_not_change_what_it_is_applied_to_and_is_the_same_twice(
    before: dict[str, Any], patch: dict[str, Any]
) -> None:
    kept = encoded_metadata(before)
    after = patched(before, patch)
    assert encoded_metadata(before) == kept
    assert patched(after, patch) == after


def test_bounds() -> None:
    encoded_metadata(nested(32))
    patched({}, nested(32))
    encoded_metadata({"a": "x" * (MAX_METADATA_BYTES - 8)})
    for refused in (nested(33), nested(5_000), {"a": [[[nested(30)]]]}, {"a": "x" * MAX_METADATA_BYTES}):
        with pytest.raises(BadMetadata):
            encoded_metadata(refused)
    with pytest.raises(BadMetadata):
        patched({}, nested(5_000))
    with pytest.raises(BadMetadata):
        encoded_metadata({"a": [{"b": 2**64}]})
    encoded_metadata({"a": [{"b": 2**64 - 1, "c": -(2**63)}]})
