from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import typing
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin
from uuid import UUID

import msgspec
import pytest

import perdure.actors
import perdure.api
import perdure.runtime
import perdure.store
from perdure.actors.errors import ActorError
from perdure.api.errors import ApiError, UnexpectedAnswer
from perdure.api.problems import OPERATION_STATUSES, STATUSES, Problem, codes_of, error_of, problem_of, status_of
from perdure.runtime.consent import ConsentRequest
from perdure.runtime.errors import OperationError, PerdureError
from perdure.store.errors import StoreError

# No request brings these about: a defect, a damaged disk, a host that is not set up, or said by a client to itself.
NOBODYS_REQUEST: Final = frozenset(
    {
        *("ActorError", "ApiError", "PerdureError", "StoreError", "SealError", "SecretsError", "HttpError"),
        *("BackupDamaged", "BackupFailed", "BundleNotWritten", "SealFileFailed", "StoreFailed", "LaneBroken"),
        *("BadEvent", "BlobMissing", "CorruptBlob", "CorruptKeys", "CorruptLog", "KeyMissing", "SealBroken"),
        *("BadAnswer", "BadOperation", "DuplicateOperation", "ReadOnlyStore", "UsedAfterFork"),
        *("OldFormat", "UnsupportedFormat", "UnsafeCacheFolder", "UnsafeKeys", "WrongMasterKey", "NotInBundle"),
        "BoundaryUnavailable",
        *("CannotListen", "ProcessDied", "ServerFault", "ServerUnreachable", "UnexpectedAnswer"),
        # what an operation that asks other hosts makes an `OperationError` of
        *("AddressNotAllowed", "AnswerTooLarge", "BrokenAnswer", "ClientClosed", "HostNotAllowed", "HostUnreachable"),
        *("InvalidRequest", "RequestTimedOut", "TlsFailed", "TooManyRedirects"),
        # of the file in which an author keeps a key
        *("PublisherKeyError", "BadPublisherKey", "PublisherKeyExists", "PublisherKeyFailed", "PublisherKeyMissing"),
        "UnsafePublisherKey",
    }
)


def _errors() -> list[type[Exception]]:
    """All errors of the packages, from all modules that define some."""
    for package in (perdure.store, perdure.actors, perdure.runtime, perdure.api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(".errors"):
                importlib.import_module(module.name)
    found: dict[str, type[Exception]] = {}
    waiting: list[type[Exception]] = [PerdureError, StoreError, ActorError, ApiError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__.startswith("perdure.") and kind.__module__.endswith("errors"):
            found[kind.__name__] = kind
        waiting.extend(kind.__subclasses__())
    return [found[name] for name in sorted(found)]


ERRORS: Final = _errors()


def sample(kind: type[Exception]) -> Exception:
    """An error of this kind, with values of its constructor's types."""
    hints = typing.get_type_hints(kind.__init__, localns={"ConsentRequest": ConsentRequest})
    given = []
    named = {}
    for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = _value(hints.get(parameter.name, str))
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = value
        else:
            given.append(value)
    return kind(*given, **named)


def _value(kind: Any) -> Any:
    plain: dict[Any, Any] = {
        str: 'text "é"',
        int: 7,
        float: 1.5,
        bool: True,
        bytes: b"\xff\0",
        UUID: UUID(int=5),
        Path: Path("/a/b"),
        type(None): None,
        Any: {"a": [1, None]},
        object: 7,
    }
    if kind in plain:
        return plain[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (typing.Union, UnionType):
        return _value(arguments[0])
    if origin is typing.Literal:
        return arguments[0]
    if origin in (list, tuple, frozenset, set):
        return origin([_value(arguments[0])] if origin is not tuple or arguments[-1] is ... else map(_value, arguments))
    if origin is dict:
        return {_value(arguments[0]): _value(arguments[1])}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return kind(**{each.name: _value(each.type) for each in fields if each.required})
    if isinstance(kind, type) and hasattr(kind, "__members__"):
        return next(iter(kind))  # type: ignore[call-overload]  # an enumeration
    if origin is not None and isinstance(origin, type) and issubclass(list, origin):
        return [_value(arguments[0])]
    raise AssertionError(f"no sample of {kind}")


def public(error: Exception) -> dict[str, Any]:
    return {name: value for name, value in vars(error).items() if not name.startswith("_")}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_a_client_gets_the_error_that_the_runtime_raised(kind: type[Exception]) -> None:
    error = sample(kind)
    wire = msgspec.json.encode(problem_of(error, UUID(int=9)))
    found = error_of(msgspec.json.decode(wire, type=Problem))
    assert type(found) is kind
    assert str(found) == str(error)
    assert found.args == (str(error),)
    assert public(found) == public(error)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_that_fits(kind: type[Exception]) -> None:
    status = status_of(sample(kind))
    assert status is not None
    assert (status == 500) == (kind.__name__ in NOBODYS_REQUEST)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_titles_say_the_same_of_every_problem_of_a_kind(kind: type[Exception]) -> None:
    """RFC 9457, 3.1.3: what an error's fields say is in ``detail`` and ``data``, and no title names one."""
    title = problem_of(sample(kind)).title
    assert title.endswith(".")
    line = (inspect.getdoc(kind) or "").partition("\n")[0]
    fields = {*inspect.signature(kind.__init__).parameters, *vars(kind)}
    assert not fields & set(re.findall(r"``(\w+)``", line)), line


def test_those_that_no_request_brings_about_are_there() -> None:
    assert {kind.__name__ for kind in ERRORS} >= NOBODYS_REQUEST


def test_no_row_of_the_table_hides_another() -> None:
    kinds = [kind for kind, _ in STATUSES]
    for number, kind in enumerate(kinds):
        assert not [earlier for earlier in kinds[:number] if issubclass(kind, earlier)], kind


@pytest.mark.parametrize(("code", "status"), OPERATION_STATUSES.items())
def test_an_operation_that_is_refused_has_the_status_of_its_code(code: str, status: int) -> None:
    error = OperationError("query:a.b", code, "no")
    assert problem_of(error).status == status
    found = error_of(problem_of(error))
    assert isinstance(found, OperationError)
    assert (found.code, str(found)) == (code, str(error))


def test_what_nobody_foresaw_says_nothing() -> None:
    problem = problem_of(ZeroDivisionError("a secret"), UUID(int=3))
    assert (problem.status, problem.code) == (500, "ServerFault")
    assert "a secret" not in msgspec.json.encode(problem).decode()
    assert str(UUID(int=3)) in problem.detail


def test_a_problem_of_another_version_is_named() -> None:
    problem = Problem(type="urn:x", title="t", status=418, detail="a teapot", code="Teapot")
    found = error_of(problem)
    assert isinstance(found, UnexpectedAnswer)
    assert "418 Teapot: a teapot" in str(found)


def test_a_problem_cannot_make_an_object_of_another_kind() -> None:
    for code in ("ZeroDivisionError", "Exception", "Problem", "SystemExit", "object"):
        assert isinstance(error_of(Problem(type="", title="", status=500, detail="", code=code)), UnexpectedAnswer)


def test_codes_are_those_of_the_table() -> None:
    assert "UnknownJob" in codes_of(404)
    assert {code for _, status in STATUSES for code in codes_of(status)} >= {kind.__name__ for kind, _ in STATUSES}
