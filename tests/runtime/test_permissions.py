"""Names of operations in all their spellings, and what an entry of a manifest allows."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.manifest import ManifestPermissions
from perdure.runtime.permissions import (
    MAX_NAME_LENGTH,
    OperationName,
    Permissions,
    is_method_entry,
    library_entry,
    operation_name,
)

LIBRARY = UUID("6f1c1f2e-8f0a-4a52-9a55-7d4f3b0c9e11")
SEGMENT = st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True).filter(
    lambda text: text != "input" and not (text[0] == "v" and text[1:].isdigit())
)
NAMES = st.lists(SEGMENT, min_size=1, max_size=4).map(".".join)
KINDS = st.sampled_from(["query", "action"])
OPERATIONS = st.builds(OperationName, KINDS, NAMES, st.integers(1, 9999))


def allows(entries: list[str], wire: str) -> bool:
    name = operation_name(wire)
    return name is not None and Permissions(entries, []).allows(name)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("query:ai.ocr", OperationName("query", "ai.ocr", 1)),
        ("query:ai.ocr.v1", OperationName("query", "ai.ocr", 1)),
        ("query:ai.ocr.input.v1", OperationName("query", "ai.ocr", 1)),
        ("query:ai.ocr.v12", OperationName("query", "ai.ocr", 12)),
        ("action:vdfs.write_sidecar", OperationName("action", "vdfs.write_sidecar", 1)),
        ("action:vdfs.write_sidecar.v1", OperationName("action", "vdfs.write_sidecar", 1)),
        ("action:vdfs.write_sidecar.input", OperationName("action", "vdfs.write_sidecar", 1)),
        ("action:vdfs.write_sidecar.input.v1", OperationName("action", "vdfs.write_sidecar", 1)),
        ("query:ping", OperationName("query", "ping", 1)),
        ("query:inputs.vector", OperationName("query", "inputs.vector", 1)),
        ("query:input.ocr", OperationName("query", "input.ocr", 1)),
        ("query:v1.ocr", OperationName("query", "v1.ocr", 1)),
        ("query:7", OperationName("query", "7", 1)),
    ],
)
def test_names_with_and_without_their_suffix(wire: str, name: OperationName) -> None:
    assert operation_name(wire) == name


@pytest.mark.parametrize(
    "wire",
    [
        "",
        "query",
        "query:",
        "query:.",
        "query:ai.",
        "query:.ai",
        "query:ai..ocr",
        "ai.ocr",
        "mutation:ai.ocr",
        "Query:ai.ocr",
        "query:AI.ocr",
        "query: ai.ocr",
        "query:ai.ocr ",
        "query:ai.ocr\n",
        "query:ai.ocr\0",
        "query:ai-ocr",
        "query:ai/ocr",
        "query:ai*",
        "query:query:ai",
        "query:\u00e4i",
        "query:ai.v\u0661",  # an Arabic one
        "query:a\u0131",  # a dotless i
        "query:ai.v0",
        "query:ai.v01",
        "query:ai.v10000",
        "query:ai.v1.v1",
        "query:ai.v1.input",
        "query:ai.v1.input.v1",
        "query:ai.input.input",
        "query:input",
        "query:v1",
        "query:input.v1",
        "query:" + "a" * MAX_NAME_LENGTH,
    ],
)
def test_what_is_no_name(wire: str) -> None:
    assert operation_name(wire) is None


@given(OPERATIONS)
def test_a_name_s_text_names_it_again(name: OperationName) -> None:
    assert operation_name(str(name)) == name
    assert operation_name(f"{name.kind}:{name.name}.v{name.version}") == name
    assert operation_name(f"{name.kind}:{name.name}.input.v{name.version}") == name


@given(st.one_of(st.text(), st.text("queryactionv1.:_*").map(lambda text: f"query:{text}"), NAMES))
def test_any_text_is_one_name_or_none(wire: str) -> None:
    name = operation_name(wire)
    if name is not None:
        assert operation_name(str(name)) == name
        assert wire.startswith(f"{name.kind}:{name.name}")
        assert wire.isascii()


def test_long_names_take_no_time() -> None:
    # Would take minutes if the expression backtracked over the segments.
    assert operation_name("query:" + "a." * 90 + "-") is None
    assert operation_name("query:" + "a" * 10_000_000) is None


# --- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "query:",
        "action:",
        "query:*",
        "query:ai.",
        "query:ai.*",
        "query:ai.o*",
        "query:ai.ocr",
        "query:ai.ocr.v2",
        "action:vdfs.write_sidecar.input.v1",
    ],
)
def test_entries_that_may_stand(entry: str) -> None:
    assert is_method_entry(entry)


@pytest.mark.parametrize(
    "entry",
    [
        *("", "**", "query:**", "query:*.ocr", "ai.ocr", "q*", ":", ".", "query", "query:.", "query:ai..", "query:..*"),
        *("query:AI.", "query:ai. ", " query:", "query:\n", "query:v1", "query:" + "a" * 200 + "*", "mutation:"),
    ],
)
def test_entries_that_may_not(entry: str) -> None:
    assert not is_method_entry(entry)
    with pytest.raises(ValueError, match="no entry of methods"):
        Permissions([entry], [])


@pytest.mark.parametrize(
    ("entry", "allowed", "denied"),
    [
        (
            "query:ai.ocr",
            ["query:ai.ocr", "query:ai.ocr.v1", "query:ai.ocr.input.v1"],
            ["query:ai.ocr_admin", "query:ai.ocr.admin", "query:ai.ocr.v2", "action:ai.ocr", "query:ai", "query:ai.oc"],
        ),
        ("query:ai.ocr.v2", ["query:ai.ocr.v2"], ["query:ai.ocr", "query:ai.ocr.v1", "query:ai.ocr.v22"]),
        ("action:vdfs.write.input.v1", ["action:vdfs.write", "action:vdfs.write.v1"], ["action:vdfs.write_all"]),
        (
            "query:ai.",
            ["query:ai.ocr", "query:ai.ocr.v7", "query:ai.a.b"],
            ["query:ai", "query:aix.ocr", "action:ai.ocr"],
        ),
        ("query:ai.*", ["query:ai.ocr", "query:ai.a.b"], ["query:ai", "query:aix.ocr"]),
        ("query:ai*", ["query:ai", "query:aix.ocr", "query:ai.ocr"], ["query:a", "action:ai"]),
        ("query:", ["query:a", "query:b.c.v3"], ["action:a"]),
        ("query:*", ["query:a", "query:b.c.v3"], ["action:a"]),
        ("*", ["query:a", "action:b.c.v3"], []),
    ],
)
def test_what_an_entry_allows(entry: str, allowed: list[str], denied: list[str]) -> None:
    for wire in allowed:
        assert allows([entry], wire), wire
    for wire in denied:
        assert not allows([entry], wire), wire


def test_no_entries_allow_nothing() -> None:
    assert not allows([], "query:ai.ocr")


def close_names() -> st.SearchStrategy[str]:
    """Few letters, so that names and entries meet."""
    return st.lists(st.text("ab_", min_size=1, max_size=3), min_size=1, max_size=3).map(".".join)


@given(
    st.lists(
        st.builds(
            lambda kind, name, end: f"{kind}:{name}{end}", KINDS, close_names(), st.sampled_from(["", ".", "*", ".*"])
        )
        | st.sampled_from(["query:", "action:*", "*"]),
        max_size=4,
    ),
    KINDS,
    close_names(),
    st.sampled_from(["", ".v1", ".input.v1"]),
)
def test_entries_allow_what_the_contract_says(entries: list[str], kind: str, name: str, suffix: str) -> None:
    def naive(entry: str) -> bool:
        wanted = f"{kind}:{name}"
        if entry.endswith((":", ".", "*")):
            beginning = entry[:-1] if entry.endswith("*") else entry
            return wanted[: len(beginning)] == beginning
        return wanted == entry

    assert allows(entries, f"{kind}:{name}{suffix}") == any(naive(entry) for entry in entries)


# --- libraries -------------------------------------------------------------------------------------------------------


def test_libraries() -> None:
    other = UUID(int=1)
    assert Permissions([], ["*"]).allows_library(other)
    assert Permissions([], [str(LIBRARY), "*"]).allows_library(other)
    some = Permissions([], [str(LIBRARY).upper()])
    assert some.allows_library(LIBRARY)
    assert not some.allows_library(other)
    assert not Permissions([], []).allows_library(LIBRARY)


@pytest.mark.parametrize(
    "entry", ["", "**", LIBRARY.hex, f"{{{LIBRARY}}}", f"urn:uuid:{LIBRARY}", f"{LIBRARY}\n", "me"]
)
def test_what_is_no_library(entry: str) -> None:
    assert library_entry(entry) is None
    with pytest.raises(ValueError, match="no entry of libraries"):
        Permissions([], [entry])


def test_those_of_a_manifest() -> None:
    asked = ManifestPermissions(methods=("query:test.ping",), libraries=(str(LIBRARY),))
    permissions = Permissions.of(asked)
    assert permissions.allows(OperationName("query", "test.ping"))
    assert permissions.allows_library(LIBRARY)
    assert not permissions.allows_library(UUID(int=2))
