"""What holds for every operation, whatever it does. Bind it like this, and each operation is met by each test:

    class TestShippedOperations(OperationsContract):
        pass

A distribution whose source is given as ``SOURCE``, with its ``POINTS``, is installed for it.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.support.command_line import CommandLine
from tests.support.distributions import write_distribution
from tests.support.extension_folders import write_extension
from tests.support.manual_clock import ManualClock
from tests.support.python_jobs import PythonJobs
from tests.support.runtime_wat import RuntimeWat
from tests.support.typed_json import json_of, planted
from tests.support.waiting import eventually

from perdure.runtime import OperationError, Runtime, grant_as_asked
from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.payload import check_payload
from perdure.runtime.operations.schemas import example
from perdure.runtime.secrets.errors import NeverSealed
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import (
    CALLS_STREAM,
    ActionAnswered,
    HostActionAnswered,
    HostQueryAnswered,
    OperationAnswered,
    Sealed,
    job_stream,
)

OWN, OTHER = UUID(int=1), UUID(int=2)
WORD = "xyzzyplanted"
ALL = {"rate_limits": {"requests_per_minute": 1_000_000}, "methods": ["*"]}

_Answered = OperationAnswered | ActionAnswered | HostQueryAnswered | HostActionAnswered


class Asked(msgspec.Struct):
    """One call by one caller: what it got, and what was recorded of it, opened; ``payload`` is None if forgotten."""

    answer: dict[str, Any]
    event: _Answered
    payload: bytes | None
    recorded: bytes

    @property
    def code(self) -> str:
        code: str = self.answer.get("code", "") if "error" in self.answer else ""
        return code


class OperationsContract:
    """See the module."""

    SOURCE: ClassVar[str | None] = None
    POINTS: ClassVar[dict[str, str]] = {}

    # --- what the tests share ----------------------------------------------------------------------------------------

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """A folder; the distribution is installed as long as it is there."""
        folder = tmp_path_factory.mktemp("operations")
        with pytest.MonkeyPatch.context() as patch:
            if cls.SOURCE is not None:
                patch.delitem(sys.modules, "acme_notes", raising=False)
                write_distribution(folder / "site", "acme-notes", cls.SOURCE, cls.POINTS)
                patch.syspath_prepend(folder / "site")
            yield folder

    @pytest.fixture(scope="class")
    @classmethod
    def operations(cls, folder: Path) -> dict[str, Operation]:
        return {str(operation.name): operation for operation in catalogue()[0]}

    @pytest.fixture(scope="class")
    @classmethod
    def guarded(cls, folder: Path) -> Iterator[Runtime]:
        """A runtime whose extensions may do this and that."""
        with Runtime.in_memory(clock=ManualClock(), consent=grant_as_asked) as runtime:
            _install(runtime, folder, "nothing")
            _install(runtime, folder, "walled", methods=["*"], libraries=[str(OWN)])
            _install(runtime, folder, "poor", methods=["*"], rate_limits={"requests_per_minute": 1})
            runtime.call("query:test.ping", {"message": "the only one"}, extension="poor")
            yield runtime

    @pytest.fixture(scope="class")
    @classmethod
    def asked(cls, folder: Path, operations: dict[str, Operation]) -> dict[tuple[str, str], Asked]:
        """Every operation, called with its example by a guest, from Python, and by the command line."""
        found: dict[tuple[str, str], Asked] = {}
        called = {name: operation for name, operation in operations.items() if not cls.POINTS or name in cls.POINTS}
        data = folder / "data"
        with Runtime.open(data, consent=grant_as_asked) as runtime:
            _install(runtime, folder, "acme", **ALL)
            jobs = PythonJobs(runtime, None)
            for name, operation in called.items():
                request = example(operation.schemas()[0])
                answer = jobs.call(name, request)
                (job,) = runtime.jobs(extension="acme", limit=1).jobs
                found[name, "guest"] = _asked(runtime, answer, _last(runtime, job_stream(job.job_id), name))
                found[name, "python"] = _asked_by_host(runtime, name, request, extension="acme")
        perdure, answers = CommandLine(data), {}
        for name, operation in called.items():
            said = perdure("call", name, json.dumps(example(operation.schemas()[0])), "--as", "acme", "--json")
            assert (said.code == 0) is bool(said.out), said
            answers[name] = json.loads(said.out or said.err.splitlines()[-1])
        with Runtime.open(data, recover=False) as runtime:
            for name, answer in answers.items():
                found[name, "cli"] = _asked(runtime, answer, _last(runtime, CALLS_STREAM, name))
        return found

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each operation. Those of a distribution go by its entry points' names: it is not there yet."""
        if "name" in metafunc.fixturenames:
            shipped = [str(operation.name) for operation in catalogue(discover=False)[0]]
            metafunc.parametrize("name", shipped if self.SOURCE is None else [*self.POINTS])

    # --- schemas -----------------------------------------------------------------------------------------------------

    def test_its_schemas_are_schemas(self, operations: dict[str, Operation], name: str) -> None:
        for schema in operations[name].schemas():
            Draft202012Validator.check_schema(schema)

    def test_its_input_is_what_its_schema_says(self, operations: dict[str, Operation], name: str) -> None:
        operation = operations[name]
        validator = Draft202012Validator(operation.schemas()[0])

        @settings(max_examples=25, database=None)
        @given(value=json_of(operation.input_type))
        def every_input(value: Any) -> None:
            data = json.dumps(value).encode()
            check_payload(data)
            decoded = operation.decode(data)
            assert operation.decode(msgspec.json.encode(decoded)) == decoded
            assert [error.message for error in validator.iter_errors(value)] == []

        every_input()

    def test_its_example_is_an_input(self, operations: dict[str, Operation], name: str) -> None:
        schema = operations[name].schemas()[0]
        for optional in (False, True):
            value = example(schema, optional=optional)
            operations[name].decode(json.dumps(value).encode())
            assert Draft202012Validator(schema).is_valid(value)

    def test_rubbish_is_no_input(self, operations: dict[str, Operation], name: str) -> None:
        operation = operations[name]

        @settings(max_examples=25, database=None)
        @given(payload=st.binary(max_size=50) | st.sampled_from([b"null", b"[]", b"5", b'"text"', b"{}{}", b"{"]))
        def every_payload(payload: bytes) -> None:
            try:
                check_payload(payload)
                decoded = operation.decode(payload)
            except (ValueError, msgspec.MsgspecError):
                return
            assert operation.decode(msgspec.json.encode(decoded)) == decoded

        every_payload()

    # --- permissions, libraries, budgets -----------------------------------------------------------------------------

    def test_it_is_denied_unless_it_is_granted(
        self, guarded: Runtime, operations: dict[str, Operation], name: str
    ) -> None:
        request = example(operations[name].schemas()[0])
        one = _asked_by_host(guarded, name, request, extension="nothing")
        assert one.code == one.event.code == "permission_denied"
        assert one.event.method == name

    def test_it_works_in_no_library_that_is_not_granted(
        self, guarded: Runtime, operations: dict[str, Operation], name: str
    ) -> None:
        operation = operations[name]
        request = example(operation.schemas()[0])
        answer = _call(guarded, name, request, extension="walled", library_id=OTHER)
        if operation.declaration.callers == "host":
            assert answer["code"] == "permission_denied"
            return
        assert (answer.get("code") == "library_denied") is (operation.declaration.scope == "library")
        assert _call(guarded, name, request, extension="walled", library_id=OWN).get("code") != "library_denied"

    def test_a_budget_that_is_used_up_refuses_it(
        self, guarded: Runtime, operations: dict[str, Operation], name: str
    ) -> None:
        one = _asked_by_host(guarded, name, example(operations[name].schemas()[0]), extension="poor")
        if operations[name].declaration.callers == "host":
            assert one.code == one.event.code == "permission_denied"
            return
        assert one.code == one.event.code == "rate_limited"
        assert 0 < one.answer["retry_after_ms"] <= 60_000

    # --- answers and what is recorded --------------------------------------------------------------------------------

    def test_all_callers_get_the_same(
        self, asked: dict[tuple[str, str], Asked], operations: dict[str, Operation], name: str
    ) -> None:
        guest, python, cli = (asked[name, caller] for caller in ("guest", "python", "cli"))
        assert guest.code == python.code == cli.code
        for one in (guest, python, cli):
            if one.code:
                assert set(one.answer) <= {"error", "code", "retry_after_ms"}
            else:
                msgspec.convert(one.answer, operations[name].output_type)
                assert Draft202012Validator(operations[name].schemas()[1]).is_valid(one.answer)

    @pytest.mark.parametrize("caller", ["guest", "python", "cli"])
    def test_what_a_caller_got_is_recorded(
        self, asked: dict[tuple[str, str], Asked], operations: dict[str, Operation], name: str, caller: str
    ) -> None:
        one, operation = asked[name, caller], operations[name]
        assert one.event.method == name
        assert one.event.code == one.code
        assert json.loads(one.recorded) == one.answer
        assert (one.payload is None) is (operation.declaration.forgets and caller != "guest")
        if one.payload is None:
            assert isinstance(one.event.payload, Sealed)
            assert json.loads(one.event.payload.shown).keys() == example(operation.schemas()[0]).keys()
        else:
            assert json.loads(one.payload) == example(operation.schemas()[0])
        if isinstance(one.event, HostQueryAnswered | HostActionAnswered):
            assert (one.event.caller, one.event.extension) == (caller, "acme")
        if not one.code:
            acted = isinstance(one.event, ActionAnswered | HostActionAnswered)
            assert acted is operation.is_action
        if isinstance(one.event, ActionAnswered | HostActionAnswered):
            # A guest's is a digest of its call, so it is not kept where that is secret.
            hidden = caller == "guest" and isinstance(one.event.payload, Sealed)
            assert bool(one.event.effect_key) is not hidden

    def test_its_secrets_are_recorded_sealed(
        self, asked: dict[tuple[str, str], Asked], operations: dict[str, Operation], name: str
    ) -> None:
        sides = operations[name].secrets
        for caller in ("guest", "python", "cli"):
            one = asked[name, caller]
            assert isinstance(one.event.payload, Sealed) is (sides is not None and sides.payload is not None)
            if not one.code:
                assert isinstance(one.event.answer, Sealed) is (sides is not None and sides.answer is not None)

    def test_no_secret_is_anywhere_in_the_folder(
        self, folder: Path, operations: dict[str, Operation], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sent = 0
        with caplog.at_level(0), Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
            _install(runtime, tmp_path, "acme", **ALL)
            jobs = PythonJobs(runtime, None)
            for name, operation in operations.items():
                if operation.secrets is None or operation.secrets.payload is None:
                    continue
                for request in _with_secrets(operation):
                    sent += 1
                    jobs.call(name, request)
                    for extension in ("acme", None):
                        answer = _call(runtime, name, request, extension=extension)
                        assert WORD not in answer.get("error", "")
                    # And where it does not fit the type, so that nobody can say where the secrets in it are.
                    refused = _call(runtime, name, {**request, "no_such_field": [WORD]})
                    assert WORD not in refused.get("error", "")
                    _call(runtime, name, json.dumps(request).encode()[:-1])
        assert sent, "there is no operation with secrets, and this test says nothing"
        planted_bytes = [WORD.encode(), base64.b64encode(WORD.encode())]
        for path in (tmp_path / "data").rglob("*"):
            if path.is_file():
                found = path.read_bytes()
                assert not any(text in found for text in planted_bytes), path
        assert WORD not in caplog.text


def _with_secrets(operation: Operation) -> list[Any]:
    """Inputs with the word in every secret, one for each of the choices that a field leaves."""
    schema = operation.schemas()[0]
    choices = max([1, *(len(part.get("anyOf", ())) for part in schema.get("properties", {}).values())])
    inputs = []
    for number in range(choices):
        chosen = {
            name: {**part, "anyOf": [part["anyOf"][number % len(part["anyOf"])]]} if "anyOf" in part else part
            for name, part in schema.get("properties", {}).items()
        }
        picked = {**schema, "properties": chosen}
        inputs.append(planted(picked, example(picked, optional=True), WORD))
    return [value for value in inputs if WORD in str(value) or base64.b64encode(WORD.encode()).decode() in str(value)]


def _install(runtime: Runtime, folder: Path, extension: str, **permissions: Any) -> None:
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    runtime.install(write_extension(folder / extension, wat.module(), extension=extension, permissions=permissions))


def _call(runtime: Runtime, method: str, request: object, **options: Any) -> dict[str, Any]:
    """The answer as an extension would get it."""
    try:
        answer: dict[str, Any] = json.loads(msgspec.json.encode(runtime.call(method, request, **options)))
    except OperationError as error:
        refused: dict[str, Any] = {"error": error.message, "code": error.code}
        return refused if error.retry_after_ms is None else {**refused, "retry_after_ms": error.retry_after_ms}
    return answer


def _last(runtime: Runtime, stream: str, method: str, after: int = 0) -> _Answered:
    """The last call of the operation that is recorded in the stream; a query's is on disk within 20 ms."""
    found: list[_Answered] = []

    def look() -> bool:
        events = (stored.event for stored in runtime.store.read(stream, after=after, backward=True))
        found.extend(event for event in events if isinstance(event, _Answered) and event.method == method)
        return bool(found)

    eventually(look)
    return found[0]


def _asked_by_host(runtime: Runtime, method: str, request: object, *, extension: str) -> Asked:
    head = runtime.store.head(CALLS_STREAM)
    answer = _call(runtime, method, request, extension=extension)
    return _asked(runtime, answer, _last(runtime, CALLS_STREAM, method, head.sequence if head is not None else 0))


def _asked(runtime: Runtime, answer: dict[str, Any], event: _Answered) -> Asked:
    blobs = runtime.store.blobs
    recorded = open_recorded(runtime.keychain, blobs, event.answer)
    try:
        return Asked(answer, event, open_recorded(runtime.keychain, blobs, event.payload), recorded)
    except NeverSealed:
        return Asked(answer, event, None, recorded)
