"""The manifest: what is accepted, what is refused and how, what is kept."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.runtime.errors import ManifestError, PerdureError
from perdure.runtime.manifest import (
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_MANIFEST_BYTES,
    MAX_WARNINGS,
    Manifest,
    ManifestPermissions,
    RateLimits,
    parse_manifest,
)

MINIMAL: dict[str, Any] = {"id": "counter", "name": "Counter", "version": "1.0.0", "wasm_file": "counter.wasm"}

# The example of the contract.
FULL: dict[str, Any] = {
    "id": "test-extension",
    "name": "Test Extension",
    "version": "0.1.0",
    "description": "…",
    "author": "…",
    "homepage": "…",
    "wasm_file": "test_extension.wasm",
    "permissions": {
        "methods": ["query:", "action:vdfs.", "query:ai.ocr"],
        "libraries": ["*"],
        "rate_limits": {"requests_per_minute": 1000, "concurrent_jobs": 10},
        "network_access": ["api.example.com"],
        "max_memory_mb": 256,
    },
    "config_schema": {"type": "object"},
}


def parse(value: Any) -> Manifest:
    return parse_manifest(json.dumps(value).encode())


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(FULL)
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = place[name]
    place[last] = value
    return document


def refusal(data: bytes) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(data)
    return caught.value


def test_the_contract_s_example() -> None:
    manifest = parse(FULL)
    assert manifest == Manifest(
        id="test-extension",
        name="Test Extension",
        version="0.1.0",
        wasm_file="test_extension.wasm",
        description="…",
        author="…",
        homepage="…",
        permissions=ManifestPermissions(
            methods=("query:", "action:vdfs.", "query:ai.ocr"),
            libraries=("*",),
            rate_limits=RateLimits(requests_per_minute=1000, concurrent_jobs=10),
            network_access=("api.example.com",),
            max_memory_mb=256,
        ),
        config_schema={"type": "object"},
    )
    assert manifest.warnings == ()
    assert json.loads(msgspec.json.encode(manifest))["permissions"]["max_memory_mb"] == 256


@pytest.mark.parametrize("extra", [{}, {"permissions": {}}, {"permissions": {"rate_limits": {}}}])
def test_the_contract_s_defaults(extra: dict[str, Any]) -> None:
    manifest = parse({**MINIMAL, **extra})
    assert manifest.permissions.methods == ()
    assert manifest.permissions.network_access == ()
    assert manifest.permissions.libraries == ("*",)
    assert manifest.permissions.rate_limits.requests_per_minute == 1000
    assert manifest.permissions.rate_limits.concurrent_jobs == 10
    assert manifest.permissions.max_memory_mb == 512
    assert manifest.config_schema is None


@pytest.mark.parametrize("field", ["id", "name", "version", "wasm_file"])
def test_required_fields(field: str) -> None:
    error = refusal(json.dumps({name: value for name, value in MINIMAL.items() if name != field}).encode())
    assert (error.field, error.value, error.reason) == (field, msgspec.UNSET, "the field is required")
    assert str(error) == f"manifest.json: {field} is missing: the field is required"


IDS_REFUSED = [
    "",
    " ",
    "Test",
    "a__b",
    "-a",
    "a-",
    "a--b",
    "a..b",
    ".",
    "..",
    "a/b",
    "a:b",
    "a\n",
    "é",
    "a" * 65,
    "a b",
]
VERSIONS_REFUSED = ["", " ", "-1", ".1", "1 0", "1/0", "1\n", "1" * 65, "\u0661", "1.0.0;rm"]
PATHS_REFUSED = [
    *("", "/etc/passwd", "//etc/passwd", "..", "../a.wasm", "a/../b.wasm", "a/..", ".", "a//b.wasm", "a/"),
    *("a\\b.wasm", "a\0.wasm", "a\n.wasm", "a" * 256),
]
METHODS_REFUSED = [
    "",
    "ai.ocr",
    "mutation:",
    "query",
    "query:AI",
    "query:**",
    " query:",
    "query:ai..ocr",
    7,
    None,
    ["query:"],
]
LIBRARIES_REFUSED = [
    "",
    "all",
    "**",
    "6f1c1f2e8f0a4a529a557d4f3b0c9e11",
    "{6f1c1f2e-8f0a-4a52-9a55-7d4f3b0c9e11}",
    1,
    None,
]
HOSTS_REFUSED = [
    *("", " ", "*", "https://api.example.com", "api.example.com/", "api.example.com:0", "API.example.com", "a..b"),
    *(
        "-a.com",
        "a-.com",
        ".com",
        "com.",
        "a_b.com",
        "1.2.3",
        "999.1.1.1",
        "a" * 64,
        "a." * 127 + "com",
        "fe80::1%eth0",
    ),
    *("user@host", "exämple.com", 5, None),
    *("A\x1f", "*.A.com\x1b", "É\x7f", "A\u202e", "xn--A\x1b"),
]


REFUSED: dict[str, list[Any]] = {
    "id": [*IDS_REFUSED, 1, None, ["a"]],
    "name": ["", " ", "a\nb", "\x1b[31mred", "\u202egnp", "\x7f", "a" * 201, 1, None, {}],
    "version": [*VERSIONS_REFUSED, 1, 1.0, None],
    "wasm_file": [*PATHS_REFUSED, 1, None, []],
    "description": ["a\x1b[31m", "a\r", "a" * 10_001, 1, []],
    "author": ["a\nb", "a" * 201, 1],
    "homepage": ["a\nb", "a" * 2_001, 1],
    "permissions": [None, [], "all", 1, True],
    "permissions.rate_limits": [None, [], 1000],
    "permissions.methods": [None, "query:", {}, 1],
    "permissions.libraries": [None, "*", {}, 1],
    "permissions.network_access": [None, "*", {}, True],
    "permissions.max_memory_mb": [0, -1, 4_097, 2**63, -(2**63), 256.0, 256.5, "256", None, True, False, []],
    "permissions.rate_limits.requests_per_minute": [0, -1, 1_000_001, 2**64 - 1, 10.0, "1000", None, True],
    "permissions.rate_limits.concurrent_jobs": [0, -1, 10_001, 2**64 - 1, 1.5, "10", None, True],
    "config_schema": [[], "object", 1, True],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in REFUSED.items() for value in values])
def test_a_bad_value_is_named_with_its_field(path: str, value: Any) -> None:
    error = refusal(json.dumps(changed(path, value)).encode())
    assert error.field == path
    assert error.value == value
    assert type(error.value) is type(value)
    assert error.reason
    assert str(error).startswith(f"manifest.json: {path} is ")
    assert str(error).isprintable()
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("methods", value) for value in METHODS_REFUSED),
        *(("libraries", value) for value in LIBRARIES_REFUSED),
        *(("network_access", value) for value in HOSTS_REFUSED),
    ],
)
def test_a_bad_entry_is_named_with_its_index(field: str, value: Any) -> None:
    first = FULL["permissions"][field][0]
    error = refusal(json.dumps(changed(f"permissions.{field}", [first, value])).encode())
    assert (error.field, error.value) == (f"permissions.{field}[1]", value)
    assert str(error).isprintable()


ACCEPTED: dict[str, list[Any]] = {
    "id": ["a", "7", "a-b", "com.example.a-1", "a" * 64],
    "version": ["1", "1.0.0-rc.1+build_7", "v2", "2024-01-01", "1" * 64],
    "wasm_file": ["a.wasm", "build/out/a.wasm", "..a", "a b.wasm", "ä.wasm", ".hidden"],
    "name": ["Zähler", "a", "計數器", "a" * 200],
    "description": ["", "two\nlines\tand a tab", "a" * 10_000],
    "author": ["", "A <a@example.com>"],
    "permissions.max_memory_mb": [1, 4_096],
    "permissions.rate_limits.requests_per_minute": [1, 1_000_000],
    "permissions.rate_limits.concurrent_jobs": [1, 10_000],
    "permissions.methods": [[], ["*"], ["query:a", "query:a"], ["action:b.c.input.v1"]],
    "permissions.libraries": [[], ["*", "6f1c1f2e-8f0a-4a52-9a55-7d4f3b0c9e11"]],
    "permissions.network_access": [
        *([], ["localhost", "a-b.c0", "127.0.0.1", "::1", "a" * 63]),
        ["*.example.com", "api.example.com:8443", "http://localhost:8080", "[::1]:8080", "http://*.example.com"],
    ],
    "config_schema": [None, {}, {"anything": [1, {"x": None}]}],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in ACCEPTED.items() for value in values])
def test_values_at_the_edge_are_accepted(path: str, value: Any) -> None:
    manifest: Any = parse(changed(path, value))
    for name in path.split("."):
        manifest = getattr(manifest, name)
    assert manifest == (tuple(value) if isinstance(value, list) else value)


# What must not be shown as it is, among what the fields are made of.
PIECES = [
    *("\x1f", "\x1b[31m", "\u202e", "\n", "\x7f", "\x85"),
    *("A", "a", "É", "xn--", "*.", ".", ":", "[", "]", "://", "query:"),
]
TEXT_FIELDS = ["id", "name", "version", "wasm_file", "description", "author", "homepage"]


@settings(max_examples=300)
@given(
    st.sampled_from([*TEXT_FIELDS, *(f"permissions.{name}" for name in ("methods", "libraries", "network_access"))]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
)
def test_a_refusal_shows_nothing_that_a_terminal_would_act_on(field: str, text: str) -> None:
    value = [text] if field.startswith("permissions.") else text
    try:
        lines = parse(changed(field, value)).warnings
    except ManifestError as error:
        lines = (str(error),)
    assert all(line.isprintable() for line in lines)


def test_too_many_entries() -> None:
    assert len(parse(changed("permissions.methods", ["query:a"] * MAX_ENTRIES)).permissions.methods) == MAX_ENTRIES
    error = refusal(json.dumps(changed("permissions.methods", ["query:a"] * (MAX_ENTRIES + 1))).encode())
    assert error.field == "permissions.methods"
    assert len(str(error)) < 300


# --- unknown fields --------------------------------------------------------------------------------------------------


def test_unknown_fields_are_kept_and_reported() -> None:
    document = changed("permissions.rate_limits.burst", 5)
    document["permissions"]["gpu"] = {"cards": [1, 2]}
    document["funding"] = None
    document["a.b"] = 1
    document["\x1b[31m"] = 2
    manifest = parse(document)
    assert manifest.unknown == {
        "funding": None,
        '"a.b"': 1,
        '"\\u001b[31m"': 2,
        "permissions.gpu": {"cards": [1, 2]},
        "permissions.rate_limits.burst": 5,
    }
    assert set(manifest.warnings) == {
        f"manifest.json: the field {path} is unknown and has no effect" for path in manifest.unknown
    }
    assert all(line.isprintable() for line in manifest.warnings)


def test_what_a_schema_has_is_its_own_affair() -> None:
    assert parse(changed("config_schema", {"unheard": {"of": 1}})).unknown == {}


def test_warnings_have_an_end() -> None:
    manifest = parse({**MINIMAL, **{f"x{number}": number for number in range(5_000)}})
    assert len(manifest.unknown) == 5_000
    assert len(manifest.warnings) == MAX_WARNINGS
    assert manifest.warnings[-1] == f"manifest.json: {5_000 - MAX_WARNINGS + 1} more warnings"
    assert len(parse({**MINIMAL, **{f"x{number}": 0 for number in range(MAX_WARNINGS)}}).warnings) == MAX_WARNINGS


# --- the document ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"id": "a"} x', "line 1, column 13"),
        (b'{\n  "id": counter\n}', "line 2, column 9"),
        (b"{'id': 'a'}", "not JSON"),
        (b'\xef\xbb\xbf{"id": "a"}', "not JSON"),
        (b'{"id": "\xff"}', "not UTF-8 at byte 8"),
        ('{"id": "a"}'.encode("utf-16"), "not UTF-8"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"id"', "must be a JSON object"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1e999}', "beyond 64 bits"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "beyond 64 bits"),
        (b'{"a": 18446744073709551616}', "beyond 64 bits"),
        (b'{"a": -9223372036854775809}', "beyond 64 bits"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"\\udc00": 1}', "half a surrogate pair"),
        (b'{"a": "\n"}', "not JSON"),
        (b"[" * 1_000_000, f"nested more than {MAX_DEPTH} deep"),
        (b'{"a":' * 200_000, f"nested more than {MAX_DEPTH} deep"),
        (b" " * (MAX_MANIFEST_BYTES + 1), f"{MAX_MANIFEST_BYTES + 1} bytes"),
        (b'"' * MAX_MANIFEST_BYTES, "not JSON"),
        (b'"' + b'\\"' * 500_000, "not JSON"),
        (b'"' + b"\\" * 500_001, "not JSON"),
    ],
)
def test_a_bad_document(data: bytes, reason: str) -> None:
    error = refusal(data)
    assert error.field == ""
    assert reason in error.reason
    assert str(error) == f"manifest.json: {error.reason}"
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "data",
    [
        b'{"id": "a", "id": "b"}',
        b'{"permissions": {"id": 1, "id": 1}}',
        b'{"x": [{"id": 1, "\\u0069d": 2}]}',
    ],
)
def test_a_field_that_is_there_twice(data: bytes) -> None:
    error = refusal(data)
    assert (error.field, error.reason) == ("id", "the field is there twice")


def test_brackets_in_texts_are_no_depth() -> None:
    assert parse({**MINIMAL, "description": '[{"' * 1_000 + "\\"}).description == '[{"' * 1_000 + "\\"


def test_depth_at_its_limit() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert parse({**MINIMAL, "x": value}).unknown["x"] == value
    error = refusal(json.dumps({**MINIMAL, "x": [value]}).encode())
    assert "nested" in error.reason


def test_errors_are_of_the_package() -> None:
    assert issubclass(ManifestError, PerdureError)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["*", "query:", "a.wasm"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FULL, *FULL["permissions"]]), inner),
    max_leaves=12,
)
PATHS = [*FULL, *(f"permissions.{name}" for name in FULL["permissions"]), "permissions.rate_limits.concurrent_jobs"]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(PATHS), JSON_VALUES, max_size=3))
def test_any_values_are_a_manifest_or_a_manifest_error(changes: dict[str, Any]) -> None:
    document = copy.deepcopy(FULL)
    for path, value in sorted(changes.items()):
        *parents, last = path.split(".")
        place: Any = document
        for name in parents:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = value
    try:
        manifest = parse(document)
    except ManifestError as error:
        lines: tuple[str, ...] = (str(error),)
    else:
        lines = manifest.warnings
        # What was accepted is within its bounds and can be shown as JSON.
        assert 1 <= manifest.permissions.max_memory_mb <= 4096
        msgspec.json.encode(manifest)
    assert all(line.isprintable() for line in lines)


@given(st.binary(max_size=200) | st.text('{}[]:,"\\ idnamevrso1.eE-+\n').map(str.encode))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    assert str(refusal(data)).startswith("manifest.json: ")


def test_what_generators_write_is_accepted() -> None:
    written = {**MINIMAL, "id": "my_extension", "wasm_file": "./a.wasm", "description": None, "homepage": None}
    manifest = parse_manifest(json.dumps(written).encode())
    assert (manifest.id, manifest.wasm_file) == ("my_extension", "a.wasm")
    assert (manifest.description, manifest.homepage) == ("", "")
