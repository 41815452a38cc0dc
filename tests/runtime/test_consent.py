"""Requests for consent: what is asked for, in words, the greatest risks first."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.runtime.budgets.budgets import Budgets
from perdure.runtime.consent import Ask, ConsentRequest, Risk, consent_request, grant_as_asked, method_in_words
from perdure.runtime.grants import Excess, Grant, beyond
from perdure.runtime.manifest import Manifest, ManifestPermissions
from perdure.runtime.permissions import OperationName

DEFAULT = Budgets()
SUMMARIES = {
    OperationName("query", "notes.search"): "Search notes by words.",
    OperationName("query", "notes.search", 2): "Search notes by words and dates.",
    OperationName("action", "notes.create"): "Create a note.",
    OperationName("query", "test.ping"): "Answer a ping.",
    OperationName("query", "api.get"): "API keys are read.",
}


def request(granted: Grant | None = None, installed: str | None = None, **permissions: Any) -> ConsentRequest:
    asked = ManifestPermissions(**permissions)
    return consent_request(
        Manifest(id="acme", name="Acme", version="2.0.0", wasm_file="a.wasm", permissions=asked),
        installed=installed,
        granted=granted,
        excess=beyond(asked, granted, None),
        summaries=SUMMARIES,
        default=DEFAULT,
    )


@pytest.mark.parametrize(
    ("entry", "words", "risk"),
    [
        ("*", "do everything that operations can do, also those that come later", Risk.HIGH),
        ("action:", "change everything that operations can change, also those that come later", Risk.HIGH),
        ("query:*", "read everything that operations can read, also those that come later", Risk.HIGH),
        ("query:vdfs.", "read the files of its libraries", Risk.MEDIUM),
        ("query:vdfs.*", "read the files of its libraries", Risk.MEDIUM),
        ("action:vdfs.", "create, change and delete files of its libraries", Risk.HIGH),
        ("query:notes.search", "search notes by words", Risk.MEDIUM),
        ("query:notes.search.v2", "search notes by words and dates", Risk.MEDIUM),
        ("query:api.get", "API keys are read", Risk.MEDIUM),
        ("action:notes.create.input.v1", "create a note", Risk.HIGH),
        ("query:test.ping", "answer a ping", Risk.LOW),
        (
            "action:notes.delete",
            "change something with the operation notes.delete, which this host does not have",
            Risk.HIGH,
        ),
        (
            "query:notes.",
            "read something with every operation that begins with notes. (now notes.search)",
            Risk.MEDIUM,
        ),
        (
            "action:vdf*",
            "change something with every operation that begins with vdf, of which this host has none",
            Risk.HIGH,
        ),
    ],
)
def test_a_method_in_words(entry: str, words: str, risk: Risk) -> None:
    assert method_in_words(entry, SUMMARIES) == (words, risk)


def test_the_greatest_risks_come_first() -> None:
    asks = request(
        methods=("query:test.ping", "query:notes.", "action:notes.create", "action:"),
        network_access=("api.example.com", "*.example.org", "http://old.example.com"),
    ).asks
    assert [(ask.kind, ask.entry) for ask in asks] == [
        ("method", "action:"),
        ("method", "action:notes.create"),
        ("host", "*.example.org"),
        ("host", "http://old.example.com"),
        ("method", "query:notes."),
        ("host", "api.example.com"),
        ("library", "*"),
        ("method", "query:test.ping"),
        ("budget", "requests_per_minute"),
        ("budget", "concurrent_jobs"),
        ("budget", "memory_bytes"),
    ]
    words = {ask.entry: ask.words for ask in asks}
    assert words["*.example.org"] == "reach every name below example.org over the network"
    assert words["http://old.example.com"] == "reach old.example.com over the network, without encryption"
    assert words["memory_bytes"] == "use 512 MiB of memory in each job"
    assert words["*"] == "do this in every library, also in those that come later"


def test_who_asks_for_no_operation_is_not_told_of_libraries() -> None:
    assert {ask.kind for ask in request().asks} == {"budget"}


def test_what_is_new() -> None:
    granted = Grant(methods=("query:notes.",), libraries=("*",))
    asked = request(granted, "1.0.0", methods=("query:notes.search", "action:notes.create"))
    assert [ask.entry for ask in asked.asks if ask.new] == ["action:notes.create"]
    assert asked.excess == Excess(methods=("action:notes.create",))
    assert grant_as_asked(asked).methods == ("action:notes.create", "query:notes.")


def test_a_first_version_gets_what_it_asks_for() -> None:
    asked = request(methods=("query:",), network_access=("a.example.com",), max_memory_mb=8)
    granted = grant_as_asked(asked)
    assert (granted.methods, granted.hosts, granted.libraries) == (("query:",), ("a.example.com",), ("*",))
    assert granted.budgets is not None
    assert granted.budgets.memory_bytes.limit == 8 * 1024 * 1024
    assert all(isinstance(ask, Ask) for ask in asked.asks)
