"""What a manifest asks for and a grant allows, and what is more than that."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets, asked_budgets
from perdure.runtime.errors import InvalidGrant
from perdure.runtime.grants import (
    NOTHING,
    Excess,
    Grant,
    as_asked,
    asks_for_anything,
    beyond,
    checked_grant,
    decode_grant,
    effective,
    encode_grant,
    widened,
)
from perdure.runtime.manifest import ManifestPermissions, RateLimits
from perdure.runtime.permissions import MethodEntries, OperationName, Permissions, operation_name
from perdure.store.errors import CorruptLog

A, B = UUID(int=1), UUID(int=2)
DEFAULT = Budgets()


def asks(*methods: str, hosts: tuple[str, ...] = (), libraries: tuple[Any, ...] = ("*",)) -> ManifestPermissions:
    return ManifestPermissions(methods=methods, network_access=hosts, libraries=tuple(map(str, libraries)))


def op(wire: str) -> OperationName:
    name = operation_name(wire)
    assert name is not None
    return name


# --- entries ---------------------------------------------------------------------------------------------------------

SEGMENTS = st.text("ab", min_size=1, max_size=2)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=2).map(".".join)
KINDS = st.sampled_from(["query", "action"])
OPERATIONS = st.builds(OperationName, KINDS, NAMES, st.integers(1, 2))
ENTRIES = st.one_of(
    st.just("*"),
    KINDS.map(lambda kind: f"{kind}:"),
    KINDS.map(lambda kind: f"{kind}:*"),
    st.builds("{}:{}.".format, KINDS, NAMES),
    st.builds("{}:{}*".format, KINDS, NAMES),
    OPERATIONS.map(str),
)
LISTS = st.lists(ENTRIES, max_size=4).map(tuple)


@given(LISTS, LISTS, OPERATIONS)
def test_narrowed_entries_allow_what_both_allow(ours: tuple[str, ...], theirs: tuple[str, ...], name: Any) -> None:
    mine, other = MethodEntries(ours), MethodEntries(theirs)
    both = mine.narrowed(other)
    assert both.allows(name) == (mine.allows(name) and other.allows(name))
    assert both == other.narrowed(mine)
    assert MethodEntries(both.entries) == both


@given(LISTS)
def test_two_spellings_of_one_set_are_equal(entries: tuple[str, ...]) -> None:
    shortest = MethodEntries(entries).entries
    assert MethodEntries(shortest).entries == shortest
    assert MethodEntries((*entries, *shortest)) == MethodEntries(reversed(entries))
    for entry in shortest:
        assert not MethodEntries(other for other in shortest if other != entry).covers(entry)


@given(LISTS, ENTRIES, OPERATIONS)
def test_what_covers_an_entry_allows_all_of_it(entries: tuple[str, ...], entry: str, name: OperationName) -> None:
    known, one = MethodEntries(entries), MethodEntries((entry,))
    assert known.covers(entry) == (known.narrowed(one) == one)
    if known.covers(entry) and one.allows(name):
        assert known.allows(name)
    if one.allows(name) and known.allows(name):
        assert known.meets(entry)


@pytest.mark.parametrize(
    ("known", "entry", "covered"),
    [
        ("query:ai.", "query:ai.ocr", True),
        ("query:ai.", "query:ai.ocr.v2", True),
        ("query:ai.", "query:ai.*", True),
        ("query:ai.ocr", "query:ai.ocr.input.v1", True),
        ("query:ai.ocr", "query:ai.ocr_admin", False),
        ("query:ai.ocr", "query:ai.ocr*", False),
        ("query:ai.ocr", "query:ai.ocr.", False),
        ("query:ai.ocr", "query:ai.ocr.v2", False),
        ("query:ai.ocr*", "query:ai.ocr", True),
        ("query:ai.", "query:ai*", False),
        ("query:ai.", "action:ai.ocr", False),
        ("query:", "*", False),
        ("*", "action:", True),
    ],
)
def test_an_entry_is_covered_by_its_meaning(known: str, entry: str, covered: bool) -> None:
    assert MethodEntries((known,)).covers(entry) is covered


# --- effective -------------------------------------------------------------------------------------------------------


@given(LISTS, LISTS, LISTS, OPERATIONS)
def test_an_extension_may_do_what_is_asked_and_granted_and_not_denied(
    asked: tuple[str, ...], granted: tuple[str, ...], denied: tuple[str, ...], name: OperationName
) -> None:
    allowed = effective(asks(*asked), Grant(methods=granted, denied=denied), DEFAULT).permissions
    by_each = [MethodEntries(entries).allows(name) for entries in (asked, granted, denied)]
    assert allowed.allows(name) == (by_each == [True, True, False])


def test_without_a_grant_there_are_no_operations_and_no_hosts_but_libraries_and_limits() -> None:
    asked = asks("*", hosts=("api.example.com",), libraries=(A,))
    for grant in (None, NOTHING):
        allowed = effective(asked, grant, DEFAULT)
        assert not allowed.permissions.allows(op("query:test.ping"))
        assert allowed.hosts.entries == ()
        assert (allowed.permissions.allows_library(A), allowed.permissions.allows_library(B)) == (True, False)
        assert allowed.budgets == asked_budgets(asked, DEFAULT)


def test_libraries_and_hosts_are_those_of_both() -> None:
    asked = asks("*", hosts=("*.example.com", "one.org"), libraries=(A, B))
    grant = Grant(methods=("*",), hosts=("api.example.com", "two.org"), libraries=(str(B), str(UUID(int=3))))
    allowed = effective(asked, grant, DEFAULT)
    assert allowed.permissions.libraries.entries == (str(B),)
    assert allowed.hosts.entries == ("api.example.com",)


def test_budgets_are_the_smaller_ones_and_their_edges_the_grants() -> None:
    asked = ManifestPermissions(rate_limits=RateLimits(requests_per_minute=50, concurrent_jobs=5), max_memory_mb=64)
    granted = Budgets(
        requests_per_minute=Budget(limit=20, at_edge=AtEdge.WAIT),
        concurrent_jobs=Budget(limit=9, at_edge=AtEdge.REFUSE),
        memory_bytes=Budget(limit=None),
        fuel_per_hour=Budget(limit=7, at_edge=AtEdge.SUSPEND),
    )
    found = effective(asked, Grant(budgets=granted), DEFAULT).budgets
    assert found.requests_per_minute == granted.requests_per_minute
    assert found.concurrent_jobs == Budget(limit=5, at_edge=AtEdge.REFUSE)
    assert found.memory_bytes.limit == 64 * 1024 * 1024
    assert found.fuel_per_hour == granted.fuel_per_hour


# --- more than was granted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "before", "asked", "excess"),
    [
        (Grant(methods=("query:ai.",)), asks("query:ai."), asks("query:ai.ocr", "query:ai.tag"), Excess()),
        (Grant(methods=("query:ai.ocr",)), asks("query:ai.ocr"), asks("query:ai."), Excess(methods=("query:ai.",))),
        (Grant(methods=("query:a",)), asks("query:a"), asks("query:a", "query:b"), Excess(methods=("query:b",))),
        (Grant(methods=("query:a",)), asks("query:a"), asks(), Excess()),
        # What was asked before and refused, or is denied for good, is not asked again.
        (Grant(methods=("query:a",)), asks("query:a", "action:b"), asks("query:a", "action:b"), Excess()),
        (Grant(methods=("query:a",), denied=("action:",)), asks("query:a"), asks("query:a", "action:b"), Excess()),
        # A grant that is wider than what was asked for was given on purpose.
        (Grant(methods=("query:",)), asks("query:a"), asks("query:a", "query:b"), Excess()),
        (None, asks("query:a"), asks("query:a"), Excess()),
        (None, asks(), asks("query:a"), Excess(methods=("query:a",))),
        (None, asks(libraries=(A,)), asks("query:a"), Excess(methods=("query:a",), libraries=("*",))),
        (None, None, asks("query:a"), Excess(methods=("query:a",), libraries=("*",))),
        (
            Grant(methods=("*",), libraries=(str(A),)),
            asks("*", libraries=(A,)),
            asks("*", libraries=(A, B)),
            Excess(libraries=(str(B),)),
        ),
        (Grant(hosts=("*.b.com",)), asks(hosts=("*.b.com",)), asks(hosts=("a.b.com",)), Excess()),
        (
            Grant(hosts=("a.b.com",)),
            asks(hosts=("a.b.com",)),
            asks(hosts=("a.b.com:8443", "http://a.b.com")),
            Excess(hosts=("a.b.com:8443", "http://a.b.com")),
        ),
    ],
)
def test_what_is_more(grant: Grant | None, before: Any, asked: ManifestPermissions, excess: Excess) -> None:
    assert beyond(asked, grant, before) == excess


def test_more_of_a_budget() -> None:
    def memory(mb: int) -> ManifestPermissions:
        return ManifestPermissions(methods=("query:",), max_memory_mb=mb)

    granted = as_asked(memory(64), DEFAULT)
    assert beyond(memory(64), granted, memory(64)) == Excess()
    assert beyond(memory(65), granted, memory(64)) == Excess(budgets=("memory_bytes",))
    # It was asked for before, and got less.
    narrow = msgspec.structs.replace(granted, budgets=asked_budgets(memory(8), DEFAULT))
    assert beyond(memory(64), narrow, memory(64)) == Excess()
    assert beyond(memory(128), narrow, memory(64)) == Excess(budgets=("memory_bytes",))
    assert beyond(memory(4096), Grant(methods=("query:",)), memory(64)) == Excess()  # as the manifest asks
    wide = widened(narrow, memory(128), Excess(budgets=("memory_bytes",)))
    assert effective(memory(4096), wide, DEFAULT).budgets.memory_bytes.limit == 128 * 1024 * 1024


@given(LISTS, LISTS, LISTS, LISTS, OPERATIONS)
def test_nothing_new_is_allowed_without_a_consent(
    granted: tuple[str, ...], denied: tuple[str, ...], before: tuple[str, ...], asked: tuple[str, ...], name: Any
) -> None:
    grant = Grant(methods=granted, denied=denied)
    if not beyond(asks(*asked), grant, asks(*before)):
        allowed = effective(asks(*asked), grant, DEFAULT).permissions
        assert not allowed.allows(name) or Permissions(granted, ["*"], denied).allows(name)


@given(LISTS, LISTS, LISTS, OPERATIONS)
def test_a_grant_that_is_widened_has_what_was_new_and_keeps_what_was_refused(
    granted: tuple[str, ...], before: tuple[str, ...], asked: tuple[str, ...], name: OperationName
) -> None:
    grant = Grant(methods=granted)
    excess = beyond(asks(*asked), grant, asks(*before))
    wide = widened(grant, asks(*asked), excess)
    assert MethodEntries(wide.methods).allows(name) == (
        MethodEntries(granted).allows(name) or MethodEntries(excess.methods).allows(name)
    )
    assert beyond(asks(*asked), wide, asks(*before)) == Excess()
    assert all(entry in asked for entry in excess.methods)


@given(LISTS, OPERATIONS)
def test_the_grant_of_all_that_is_asked_leaves_nothing_to_ask(asked: tuple[str, ...], name: OperationName) -> None:
    grant = as_asked(asks(*asked, hosts=("a.example.com",)), DEFAULT)
    assert beyond(asks(*asked, hosts=("a.example.com",)), grant, None) == Excess()
    assert effective(asks(*asked), grant, DEFAULT).permissions.allows(name) == MethodEntries(asked).allows(name)


def test_who_asks_for_nothing() -> None:
    assert not asks_for_anything(ManifestPermissions(max_memory_mb=4096))
    assert asks_for_anything(asks("query:test.ping"))
    assert asks_for_anything(asks(hosts=("a.example.com",)))


# --- as it is recorded -----------------------------------------------------------------------------------------------


@given(LISTS, LISTS)
def test_a_grant_is_read_as_it_was_recorded(methods: tuple[str, ...], denied: tuple[str, ...]) -> None:
    grant = Grant(methods=methods, denied=denied, libraries=(str(A),), hosts=("*.example.com",), budgets=DEFAULT)
    assert decode_grant(encode_grant(grant)) == grant


def test_a_grant_of_an_earlier_release_is_read() -> None:
    assert decode_grant(b'{"methods":["query:"]}') == Grant(methods=("query:",))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"methods":"query:"}', b'{"methods":["nothing"]}', b"\xff"])
def test_what_is_no_grant_in_the_log(data: bytes) -> None:
    with pytest.raises(CorruptLog):
        decode_grant(data)


@pytest.mark.parametrize(
    ("grant", "field"),
    [
        ({"methods": ("query:AI.",)}, "methods[0]"),
        ({"methods": "query:"}, "methods"),
        ({"methods": ("query:", 5)}, "methods[1]"),
        ({"denied": ("",)}, "denied[0]"),
        ({"libraries": ("mine",)}, "libraries[0]"),
        ({"hosts": ("https://a.example.com",)}, "hosts[0]"),
        ({"hosts": ("a.example.com/",)}, "hosts[0]"),
        ({"budgets": 5}, "budgets"),
        ({"methods": ("query:",) * 10_001}, "methods"),
    ],
)
def test_what_is_no_grant(grant: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidGrant) as caught:
        checked_grant(Grant(**grant))
    assert caught.value.field == field
