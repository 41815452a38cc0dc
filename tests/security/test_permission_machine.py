"""Grants, narrowing, updates, consent and restarts in any order, against a model that looks each name up by itself."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.acme import acme_module
from tests.support.extension_folders import write_extension

from perdure.runtime import ConsentDeclined, ConsentRequest, ConsentRequired, Grant, Runtime, grant_as_asked
from perdure.runtime.errors import OperationError
from perdure.store import MemoryEventStore, check

LIBRARIES = (UUID(int=1), UUID(int=2))
# Names close to each other, and for each beginning one that nobody names ("zz").
NAMES = ("lab.ocr", "lab.ocr_admin", "lab.zz", "labzz", "vdfs.read", "zz")
OPERATIONS = tuple(
    f"{kind}:{name}{version}" for kind, name, version in itertools.product(("query", "action"), NAMES, ("", ".v2"))
)
CALLS = tuple(itertools.product(OPERATIONS, LIBRARIES))
ENTRIES = st.sampled_from(
    (
        "*",
        "query:",
        "action:*",
        "query:lab.",
        "query:lab*",
        "action:lab.",
        "query:lab.ocr",
        "query:lab.ocr.v2",
        "query:lab.ocr.input.v1",
        "query:lab.ocr_admin",
        "action:vdfs.read",
    )
)
METHODS = st.lists(ENTRIES, max_size=3).map(tuple)
PLACES = st.sampled_from((("*",), (str(LIBRARIES[0]),), tuple(map(str, LIBRARIES))))


def names(entries: tuple[str, ...]) -> frozenset[str]:
    """The operations that entries stand for, by the words of the contract."""
    found = set()
    for entry, operation in itertools.product(entries, OPERATIONS):
        bare = operation.removesuffix(".v2")
        if entry.endswith((":", ".", "*")):
            if bare.startswith(entry.removesuffix("*")):
                found.add(operation)
        elif entry.replace(".input.v1", "") == operation:
            found.add(operation)
    return frozenset(found)


def places(entries: tuple[str, ...]) -> frozenset[UUID | None]:
    """The libraries that entries stand for; None is any other."""
    return frozenset(((*LIBRARIES, None)) if "*" in entries else (UUID(entry) for entry in entries))


class Version(msgspec.Struct, frozen=True):
    number: int
    methods: tuple[str, ...]
    libraries: tuple[str, ...]


class PermissionMachine(RuleBasedStateMachine):
    """One extension."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="perdure-"))
        self.store = MemoryEventStore()
        self.runtime = Runtime.in_memory(store=self.store)
        self.module = acme_module()
        self.numbers = itertools.count(1)
        self.installed: Version | None = None
        self.proposed: Version | None = None
        self.grant: Grant | None = None
        self.turn = itertools.cycle(CALLS)

    def teardown(self) -> None:
        self.check_calls(CALLS)
        self.runtime.close()
        assert check(self.store).problems == []
        shutil.rmtree(self.folder)

    # --- what the model says -----------------------------------------------------------------------------------------

    def allowed(self, operation: str, library: UUID) -> bool:
        if self.installed is None or self.grant is None:
            return False
        return (
            operation in names(self.installed.methods) & names(self.grant.methods) - names(self.grant.denied)
            and library in places(self.installed.libraries)
            and library in places(self.grant.libraries)
        )

    def new(self, version: Version) -> bool:
        """Whether it asks for what was neither granted, nor asked for before, nor denied for good."""
        before, grant = self.installed, self.grant
        assert before is not None
        if not version.methods and grant is None:
            return False
        known = names(before.methods) | (names((*grant.methods, *grant.denied)) if grant else frozenset())
        room = places(before.libraries) | (places(grant.libraries) if grant else frozenset())
        more_room = bool(version.methods) and not places(version.libraries) <= room
        # What stands for endless names is known only by what stands for all of them: "zz" is such a name.
        return not names(version.methods) <= known or more_room

    def written(self, version: Version) -> Path:
        permissions: dict[str, Any] = {"methods": list(version.methods), "libraries": list(version.libraries)}
        return write_extension(
            self.folder / "acme", self.module, version=f"{version.number}.0.0", permissions=permissions
        )

    # --- steps -------------------------------------------------------------------------------------------------------

    @initialize(methods=METHODS, libraries=PLACES)
    def first(self, methods: tuple[str, ...], libraries: tuple[str, ...]) -> None:
        self.install(methods, libraries, "yes")

    @rule(methods=METHODS, libraries=PLACES, answer=st.sampled_from(["yes", "no", "nobody", "less"]))
    def install(self, methods: tuple[str, ...], libraries: tuple[str, ...], answer: str) -> None:
        version = Version(next(self.numbers), methods, libraries)
        asked: list[ConsentRequest] = []

        def consent(request: ConsentRequest) -> Grant | None:
            asked.append(request)
            if answer == "less":
                return Grant(methods=("query:lab.",))
            return grant_as_asked(request) if answer == "yes" else None

        needed = bool(methods) if self.installed is None else self.new(version)
        refused = False
        try:
            self.runtime.install(self.written(version), consent=None if answer == "nobody" else consent)
        except (ConsentRequired, ConsentDeclined):
            refused = True
        assert bool(asked) == (needed and answer != "nobody")
        first = self.installed is None
        assert refused == (needed and (answer == "no" or (answer == "nobody" and first)))
        if not needed or answer in ("yes", "less"):
            if needed:
                self.grant = Grant(methods=("query:lab.",)) if answer == "less" else self.after_yes(version)
            self.installed, self.proposed = version, None
        elif answer == "nobody" and not first:
            self.proposed = version
        elif answer == "no" and not first:
            self.proposed = None

    def after_yes(self, version: Version) -> Grant:
        """What a yes adds to a grant: what is new, and nothing that was refused before."""
        if self.grant is None:
            return Grant(methods=version.methods, libraries=version.libraries)
        assert self.installed is not None
        before = names((*self.grant.methods, *self.grant.denied, *self.installed.methods))
        fresh = tuple(entry for entry in version.methods if not names((entry,)) <= before)
        room = places((*self.grant.libraries, *self.installed.libraries))
        there = tuple(entry for entry in version.libraries if version.methods and not places((entry,)) <= room)
        return msgspec.structs.replace(
            self.grant, methods=(*self.grant.methods, *fresh), libraries=(*self.grant.libraries, *there)
        )

    @precondition(lambda self: self.installed is not None)
    @rule(methods=METHODS, denied=METHODS, libraries=PLACES)
    def give(self, methods: tuple[str, ...], denied: tuple[str, ...], libraries: tuple[str, ...]) -> None:
        self.grant = Grant(methods=methods, denied=denied, libraries=libraries)
        self.runtime.grant("acme", self.grant)

    @precondition(lambda self: self.proposed is not None)
    @rule()
    def accept(self) -> None:
        assert self.proposed is not None
        self.runtime.accept_update("acme")
        self.grant = self.after_yes(self.proposed)
        self.installed, self.proposed = self.proposed, None

    @precondition(lambda self: self.proposed is not None)
    @rule()
    def decline(self) -> None:
        self.runtime.decline_update("acme")
        self.proposed = None

    @precondition(lambda self: self.installed is not None)
    @rule()
    def uninstall(self) -> None:
        self.runtime.uninstall("acme")
        self.installed = self.proposed = self.grant = None

    @rule()
    def restart(self) -> None:
        self.runtime.close()
        self.runtime = Runtime.in_memory(store=self.store)

    # --- what has to hold --------------------------------------------------------------------------------------------

    @invariant()
    def everybody_agrees_on_what_is_installed(self) -> None:
        found = {info.extension: info for info in self.runtime.extensions()}.get("acme")
        assert (found is not None) == (self.installed is not None)
        if found is not None and self.installed is not None:
            assert found.version == f"{self.installed.number}.0.0"
            waits = found.update.version if found.update is not None else None
            assert waits == (f"{self.proposed.number}.0.0" if self.proposed is not None else None)

    @invariant()
    def exactly_what_was_granted_can_be_called(self) -> None:
        # Some after each step, all of them in turn.
        self.check_calls(itertools.islice(self.turn, 7))

    def check_calls(self, calls: Iterable[tuple[str, UUID]]) -> None:
        if self.installed is None:
            return
        for operation, library in calls:
            try:
                self.runtime.call(operation, {}, extension="acme", library_id=library)
                code = ""
            except OperationError as error:
                code = error.code
            # There are no such operations: what may be called is unknown, or one too many in this minute.
            reached = code in ("unknown_method", "rate_limited")
            assert reached or code in ("permission_denied", "library_denied")
            assert reached == self.allowed(operation, library), (operation, library, code)


PermissionMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestPermissions = PermissionMachine.TestCase
