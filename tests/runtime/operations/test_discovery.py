"""Operations of installed distributions are found, and broken ones keep nobody from working."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from tests.support.distributions import NOTES, write_distribution

from perdure.runtime import DuplicateOperation, Runtime, RuntimeSettings
from perdure.runtime.operations import CallContext, query
from perdure.runtime.operations.ping import PingInput, PingOutput


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    return site


@pytest.fixture(autouse=True)
def _forget_modules() -> None:
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


def names(runtime: Runtime) -> set[str]:
    return {str(operation.name) for operation in runtime.operations if operation.family == "notes"}


def test_handlers_classes_and_functions_that_make_handlers_are_found(site: Path) -> None:
    write_distribution(site, "acme-notes", NOTES, {"create": "create", "find": "Find", "more": "make"})
    with Runtime.in_memory() as runtime:
        assert names(runtime) == {"action:notes.create", "query:notes.find", "query:notes.count"}
        assert runtime.broken_operations == ()
        runtime.call("action:notes.create", {"title": "first", "pages": 3})
        assert runtime.call("query:notes.find", {"title": "first"}).note.pages == 3
        assert runtime.call("query:notes.count", {"title": ""}).title == "Runtime"


def test_a_function_may_return_one_handler(site: Path) -> None:
    write_distribution(site, "acme-notes", NOTES, {"one": "one"})
    with Runtime.in_memory() as runtime:
        assert names(runtime) == {"action:notes.create"}


def test_nothing_is_found_if_it_is_not_wanted(site: Path) -> None:
    write_distribution(site, "acme-notes", NOTES, {"create": "create", "breaks": "breaks"})
    with Runtime.in_memory(settings=RuntimeSettings(discover_operations=False)) as runtime:
        assert names(runtime) == set()
        assert runtime.broken_operations == ()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("breaks", "RuntimeError: it is broken"),
        ("leaves", "SystemExit: 3"),
        ("missing", "has no attribute 'missing'"),
        ("plain", "neither a handler nor a function"),
        ("rubbish", "returned int"),
        ("half", "BadOperation: len cannot be an operation"),
    ],
)
def test_a_broken_one_is_named_and_the_others_work(
    site: Path, caplog: pytest.LogCaptureFixture, target: str, reason: str
) -> None:
    write_distribution(site, "acme-notes", NOTES, {"a": target, "b": "create"})
    with caplog.at_level(logging.ERROR), Runtime.in_memory() as runtime:
        # All of an entry point, or nothing.
        assert names(runtime) == {"action:notes.create"}
        (broken,) = runtime.broken_operations
        assert (broken.name, broken.value, broken.distribution) == ("a", f"acme_notes:{target}", "acme-notes 1.2")
        assert reason in broken.reason
        assert str(broken) in caplog.text


def test_a_module_that_cannot_be_imported(site: Path) -> None:
    write_distribution(site, "acme-rubble", "import this is no python", {"a": "create"})
    write_distribution(site, "acme-lacks", "import a_module_that_is_not_there", {"a": "create"})
    write_distribution(site, "acme-notes", NOTES, {"a": "create"})
    with Runtime.in_memory() as runtime:
        assert names(runtime) == {"action:notes.create"}
        reasons = {broken.distribution: broken.reason.partition(":")[0] for broken in runtime.broken_operations}
        assert reasons == {"acme-rubble 1.2": "SyntaxError", "acme-lacks 1.2": "ModuleNotFoundError"}


def test_of_two_with_one_name_the_first_stays(site: Path) -> None:
    write_distribution(site, "acme-a", NOTES, {"create": "create"})
    write_distribution(site, "acme-b", NOTES, {"create": "create"})
    with Runtime.in_memory() as runtime:
        (broken,) = runtime.broken_operations
        assert broken.distribution == "acme-b 1.2"
        assert "action:notes.create is registered already" in broken.reason
        (created,) = [operation for operation in runtime.operations if operation.family == "notes"]
        assert created.origin == "acme_a"


def test_nobody_takes_the_name_of_what_ships_or_of_the_programs_own(site: Path) -> None:
    @query("notes.find")
    def find(context: CallContext, request: PingInput) -> PingOutput:
        """Find something else."""
        return PingOutput("mine", 1, True)

    ping = NOTES.replace('"notes.find"', '"test.ping"')
    write_distribution(site, "acme-ping", ping, {"find": "Find"})
    write_distribution(site, "acme-notes", NOTES, {"find": "Find"})
    with Runtime.in_memory(operations=[find]) as runtime:
        assert len(runtime.broken_operations) == 2
        assert runtime.call("query:test.ping", {"message": "a"}).echo == "Pong: a"
        assert runtime.call("query:notes.find", {"message": "a"}).echo == "mine"


def test_a_bad_one_of_the_programs_own_is_refused(tmp_path: Path) -> None:
    @query("test.ping")
    def ping(context: CallContext, request: PingInput) -> PingOutput:
        """Answer."""
        return PingOutput("", 1, True)

    with pytest.raises(DuplicateOperation):
        Runtime.open(tmp_path / "data", operations=[ping])
    # What was begun is undone: the folder is free.
    with Runtime.open(tmp_path / "data") as runtime:
        assert runtime.call("query:test.ping", {"message": "a"}).count == 1
