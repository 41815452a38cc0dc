"""The typed clients: they are what the operations are, and read what hosts answer."""

from __future__ import annotations

import inspect
import json
import keyword
import subprocess
import sys
import types
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.distributions import NOTES, write_distribution

from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.client_python import client_module, standard_clients
from perdure.runtime.operations.schemas import example
from perdure_sdk import clients
from perdure_sdk.client import Client
from perdure_sdk.shapes import to_json

FILE = Path(__file__).parents[3] / "sdk/python/perdure_sdk/clients.py"
COMMAND = "python3 -m perdure.runtime.operations.client_python > sdk/python/perdure_sdk/clients.py"
OPERATIONS = {
    str(operation.name): operation
    for operation in catalogue(discover=False)[0]
    if operation.declaration.callers == "everyone"
}
LIBRARY = UUID(int=7)


class Recorder:
    """Who calls, with the answer that the operation's schema has as its example."""

    def __init__(self, *, optional: bool = True) -> None:
        self.payload: Any = None
        self.library: object = None
        self.optional = optional

    def call(self, method: str, payload: object = None, *, library_id: UUID | str | None = None) -> Any:
        self.payload, self.library = to_json(payload, "payload"), library_id
        return example(OPERATIONS[method].schemas()[1], optional=self.optional)


def methods() -> dict[str, tuple[str, str]]:
    """The family and the method of a client, by the operation that it calls."""
    found = {}
    for name, operation in clients.CALLS.items():
        family, dot, method = name.partition(".")
        if dot:
            found[operation] = (family, method)
    return found


def client_of(family: str, recorder: Recorder) -> Client:
    client: Client = getattr(clients, f"{family.capitalize()}Client")(recorder)
    return client


def test_the_module_is_what_the_declarations_say() -> None:
    assert FILE.read_text() == standard_clients(), f"perdure_sdk/clients.py is stale: run  {COMMAND}"


def test_the_command_in_it_makes_it() -> None:
    assert COMMAND in standard_clients()
    done = subprocess.run([sys.executable, "-m", COMMAND.split()[2]], capture_output=True, text=True, check=True)
    assert done.stdout == standard_clients()


def test_every_operation_has_its_method() -> None:
    of_the_context = {clients.CALLS[name] for name in ("now", "random", "uuid4")}
    assert {*methods(), *of_the_context} == set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(methods()))
@pytest.mark.parametrize("optional", [False, True])
def test_a_method_says_what_the_operation_takes_and_reads_what_it_answers(name: str, optional: bool) -> None:
    operation, (family, method) = OPERATIONS[name], methods()[name]
    recorder = Recorder(optional=optional)
    request = example(operation.schemas()[0], optional=optional)
    arguments = {f"{name}_" if keyword.iskeyword(name) else name: value for name, value in request.items()}
    answer = getattr(client_of(family, recorder), method)(**arguments)
    sent = operation.decode(json.dumps(recorder.payload).encode())
    assert sent == operation.decode(json.dumps(request).encode())
    assert recorder.library is None
    said = json.loads(msgspec.json.encode(operation.decode_answer(json.dumps(recorder.call(name)).encode())))
    written = to_json(answer, "answer")
    assert {field: value for field, value in written.items() if field in said} == said


@pytest.mark.parametrize("name", sorted(methods()))
def test_a_method_says_what_it_does(name: str) -> None:
    family, method = methods()[name]
    documented = inspect.getdoc(getattr(client_of(family, Recorder()), method)) or ""
    assert documented.partition("\n")[0].replace("``", "`") == OPERATIONS[name].summary.replace("``", "`")
    assert f"``{name}``" in documented


def test_a_client_of_another_library() -> None:
    recorder = Recorder()
    clients.VdfsClient(recorder).in_library(LIBRARY).get_usage()
    assert recorder.library == LIBRARY


def test_secrets_are_not_in_what_is_printed() -> None:
    got = clients.CredentialsClient(Recorder()).get("mail")
    secret = clients.Basic(username="me", password="hunter2")
    assert "hunter2" not in repr(secret)
    assert isinstance(got.credential, clients.OAuth2)
    assert "access_token" not in repr(got)


def test_unions_are_told_apart() -> None:
    class Answers(Recorder):
        def call(self, method: str, payload: object = None, *, library_id: UUID | str | None = None) -> Any:
            return {"credential": {"type": "api_key", "key": "k"}}

    assert clients.CredentialsClient(Answers()).get("mail").credential == clients.ApiKey(key="k")


ODD = '''
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from perdure.runtime.operations import CallContext, Effect, action, query


class Left(msgspec.Struct, tag="left"):
    """Left."""

    size: int = msgspec.field(name="bytes")
    data: bytes = b""


class Depth(msgspec.Struct, frozen=True):
    """How deep."""

    levels: int = 1
    at: str = "top"


class Right(msgspec.Struct, tag="right"):
    """Right."""

    turns: list[Left] = []
    depth: Depth = Depth()
    least: Depth = Depth(levels=0)


class Request(msgspec.Struct):
    """``class`` is a word of Python."""

    kind: str = msgspec.field(name="class")
    self_: int = msgspec.field(name="self", default=1)
    odd: str = msgspec.field(name="odd-name", default="it's \\\\ \\"quoted\\"")
    either: Left | Right | None = None
    levels: dict[str, tuple[int, str]] = {}


@query("odd.list")
def list_(context: CallContext, request: Request) -> Left | Right:
    """List \\"\\"\\"everything\\"\\"\\"."""
    raise NotImplementedError


@query("odd.list", version=2)
def list_2(context: CallContext, request: Left | Right) -> Request:
    """List it otherwise."""
    raise NotImplementedError


@action("odd.list", effect=Effect.IDEMPOTENT)
def act(context: CallContext, request: Request) -> Left:
    """Act."""
    raise NotImplementedError


@action("odd.host", effect=Effect.IDEMPOTENT, callers="host")
def host(context: CallContext, request: Request) -> Left:
    """For the host."""
    raise NotImplementedError
'''


def test_odd_operations_have_clients_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"a": "list_", "b": "list_2", "c": "act", "d": "host"}
    write_distribution(tmp_path / "site", "acme-odd", ODD, points)
    monkeypatch.syspath_prepend(tmp_path / "site")
    odd = [operation for operation in catalogue()[0] if operation.family == "odd"]
    module = types.ModuleType("odd_clients")
    monkeypatch.setitem(sys.modules, "odd_clients", module)
    source = client_module(odd, "perdure operations client odd")
    exec(compile(source, "odd_clients.py", "exec"), module.__dict__)
    assert module.CALLS == {
        "odd.action_list": "action:odd.list",
        "odd.query_list": "query:odd.list",
        "odd.query_list_v2": "query:odd.list.v2",
    }
    sent: list[Any] = []

    class Odd:
        def call(self, method: str, payload: object = None, *, library_id: UUID | str | None = None) -> Any:
            sent.append(to_json(payload, "payload"))
            if method.endswith("v2"):
                return {
                    "class": "x",
                    "self": 2,
                    "odd-name": "y",
                    "either": {"type": "right", "turns": [], "depth": {}, "least": {}},
                    "levels": {},
                }
            return {"type": "left", "bytes": 5, "data": "AAE="}

    client = module.OddClient(Odd())
    assert client.query_list("a", self_=3, levels={"x": (1, "y")}) == module.Left(bytes=5, data=b"\0\1")
    assert client.query_list_v2(module.Right(turns=[module.Left(bytes=1)])).class_ == "x"
    assert sent == [
        {"class": "a", "self": 3, "levels": {"x": [1, "y"]}},
        {
            "type": "right",
            "turns": [{"type": "left", "bytes": 1, "data": ""}],
            "depth": {"levels": 1, "at": "top"},
            "least": {"levels": 0, "at": "top"},
        },
    ]


def test_generated_code_is_formatted_and_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_distribution(tmp_path / "site", "acme-odd", ODD, {"a": "list_", "b": "list_2", "c": "act"})
    write_distribution(tmp_path / "site", "acme-notes", NOTES, {"a": "create", "b": "Find"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "acme_notes", raising=False)
    ours = [one for one in catalogue()[0] if one.family in ("odd", "notes")]
    (tmp_path / "their_clients.py").write_text(client_module(ours, "perdure operations client odd notes"))
    config = str(Path(__file__).parents[3] / "pyproject.toml")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--config", config, "their_clients.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
