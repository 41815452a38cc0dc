"""``perdure operations`` and ``perdure call``."""

from __future__ import annotations

import base64
import getpass
import json
import re
import sys
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine, is_plain
from tests.support.distributions import NOTES, write_distribution
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat

from perdure.cli import call_command
from perdure.cli.exit_codes import ExitCode
from perdure.runtime import Runtime
from perdure.runtime.operations.catalogue import catalogue
from perdure.store.events import CALLS_STREAM, HostActionAnswered, HostQueryAnswered
from perdure.store.lmdb_store import LmdbEventStore


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with operations."""
    write_distribution(tmp_path / "site", "acme-notes", NOTES, {"a": "create", "b": "Find", "c": "slow"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "acme_notes", raising=False)


@pytest.fixture
def acme(perdure: CommandLine, tmp_path: Path) -> str:
    """An installed extension that may ping, once a minute."""
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    permissions = {"methods": ["query:test.ping"], "rate_limits": {"requests_per_minute": 1}}
    folder = write_extension(tmp_path / "acme", wat.module(), permissions=permissions)
    perdure.done("extensions", "install", folder, "--yes")
    return "acme"


def test_the_list_is_that_of_the_runtime(perdure: CommandLine) -> None:
    listed = perdure.done("operations", "list", "--json").json
    assert [one["name"] for one in listed] == [str(operation.name) for operation in catalogue()[0]]
    ping = next(one for one in listed if one["name"] == "query:test.ping")
    assert ping == {
        "name": "query:test.ping",
        "kind": "query",
        "version": 1,
        "effect": None,
        "scope": "library",
        "callers": "everyone",
        "family": "test",
        "module": "perdure.runtime.operations.ping",
        "timeout_seconds": 30.0,
        "sensitive": False,
        "summary": "Answer a ping: a test that operations reach the host.",
    }
    plain = perdure.done("operations", "list")
    assert is_plain(plain.out)
    assert re.search(r"^query:test\.ping +reads +library +Answer a ping", plain.out, re.MULTILINE)
    assert re.search(r"^action:vdfs\.sweep +transactional +library, host only ", plain.out, re.MULTILINE)
    assert not perdure.data.exists()


@pytest.mark.usefixtures("notes")
def test_operations_of_distributions_are_listed_shown_and_called(perdure: CommandLine) -> None:
    names = {one["name"]: one["module"] for one in perdure.done("operations", "list", "--json").json}
    assert names["action:notes.create"] == "acme_notes"
    shown = perdure.done("operations", "show", "action:notes.create", "--json").json
    assert shown["effect"] == "transactional"
    assert shown["description"] == "Write a note.\n\nOne with this title is written over."
    assert shown["sensitive"] is True
    assert shown["input"]["properties"]["pin"]["x-sensitive"] is True
    assert shown["input"]["properties"]["pin"]["writeOnly"] is True
    assert "writeOnly" not in shown["output"]["properties"]["pin"]
    assert shown["example"] == {"title": "text"}
    assert shown["command"] == 'perdure call action:notes.create \'{"title": "text"}\''
    assert perdure.done("call", "action:notes.create", "title=first", "pages=3", "--json").json["pages"] == 3
    assert perdure.done("call", "query:notes.find.v1", '{"title": "first"}').json["note"]["title"] == "first"


def test_a_broken_entry_point_is_named(perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_distribution(tmp_path / "site", "acme-broken", NOTES, {"a": "missing"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    for words in (("operations", "list"), ("call", "query:test.ping", "message=a")):
        answer = perdure.done(*words)
        assert "the entry point a (acme_broken:missing) of acme-broken 1.2 cannot be used" in answer.err
    found = perdure.done("doctor", "--json").json
    (broken,) = found["broken_operations"]
    assert broken["distribution"] == "acme-broken 1.2"
    assert "acme_broken:missing" in perdure.done("doctor").out


def test_one_operation_is_shown_for_people(perdure: CommandLine) -> None:
    answer = perdure.done("operations", "show", "test.ping")
    assert is_plain(answer.out)
    for text in ("reads", "library", "30.0 s", "perdure call query:test.ping", '"title": "PingOutput"'):
        assert text in answer.out
    assert not perdure.data.exists()


@pytest.mark.parametrize(("name", "code", "words"), [
    ("query:test.pong", ExitCode.UNKNOWN, "there is no operation"),
    ("test", ExitCode.UNKNOWN, "there is no operation"),
    ("\x1b[31m", ExitCode.UNKNOWN, "there is no operation"),
    ("http.request", ExitCode.USAGE, "action:http.request, query:http.request"),
])  # fmt: skip
def test_one_that_is_not_there(perdure: CommandLine, name: str, code: ExitCode, words: str) -> None:
    answer = perdure("operations", "show", name)
    assert answer.code == code
    assert words in answer.err
    assert is_plain(answer.err)


@pytest.mark.parametrize(
    "words",
    [
        ['{"message": "hi", "count": 2}'],
        ["message=hi", "count=2"],
        ["-"],
        ["@{file}"],
        ["message=@{text}", "count=2"],
    ],
)
def test_the_ways_to_say_an_input(perdure: CommandLine, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text('{"message": "hi", "count": 2}')
    (tmp_path / "text").write_text("hi")
    filled = [word.replace("{file}", f"{tmp_path}/file").replace("{text}", f"{tmp_path}/text") for word in words]
    answer = perdure.done("call", "query:test.ping", *filled, stdin='{"message": "hi", "count": 2}')
    assert answer.json == {"echo": "Pong: hi", "count": 2, "extension_works": True}


def test_fields_are_of_their_types(perdure: CommandLine, tmp_path: Path) -> None:
    def echo(*words: str) -> str:
        return str(perdure.done("call", "query:test.ping", *words).json["echo"])

    assert echo("message=5") == "Pong: 5"
    assert echo("message=true", "count=null") == "Pong: true"
    assert echo("message=@@home") == "Pong: @home"
    assert echo("message=a=b") == "Pong: a=b"
    assert echo("message=") == "Pong: "
    (tmp_path / "bytes").write_bytes(b"\x00\xff")
    created = perdure.done(
        "call", "action:vdfs.create_entry", "name=a", f"content=@{tmp_path}/bytes", 'metadata={"a": 1}'
    ).json
    assert created["metadata"] == {"a": 1}
    read = perdure.done("call", "query:vdfs.read_content", f"entry_id={created['id']}").json
    assert base64.b64decode(read["content"]) == b"\x00\xff"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["message"], ExitCode.USAGE),
        (["=x"], ExitCode.USAGE),
        (["message=a", "message=b"], ExitCode.USAGE),
        (["message=a", "count=many"], ExitCode.USAGE),
        (["message=a", "-"], ExitCode.USAGE),
        (["@/nowhere/at/all"], ExitCode.USAGE),
        (["message=@/nowhere/at/all"], ExitCode.USAGE),
        (["message=a", "count=-1"], ExitCode.INVALID_PAYLOAD),
        (["{"], ExitCode.INVALID_PAYLOAD),
        (['{"message": "a", "message": "b"}'], ExitCode.INVALID_PAYLOAD),
        (["[" * 100_000], ExitCode.INVALID_PAYLOAD),
        (["[]"], ExitCode.INVALID_PAYLOAD),
        ([], ExitCode.INVALID_PAYLOAD),
        (["message=\udcff"], ExitCode.USAGE),
    ],
    ids=str,
)
def test_an_input_that_is_none(perdure: CommandLine, words: list[str], code: ExitCode) -> None:
    answer = perdure("call", "query:test.ping", *words)
    assert answer.code == code, answer
    assert answer.out == ""
    assert answer.err.startswith("perdure: ")
    assert is_plain(answer.err)
    assert len(answer.err) < 500


def test_each_refusal_has_its_code(perdure: CommandLine, acme: str) -> None:
    def refused(*words: object) -> tuple[int, str]:
        answer = perdure("call", *words, "--json")
        assert answer.out == ""
        return answer.code, json.loads(answer.err)["code"]

    assert refused("query:test.pong") == (ExitCode.UNKNOWN_METHOD, "unknown_method")
    assert refused("query:vdfs.get_entry", "--as", acme) == (ExitCode.PERMISSION_DENIED, "permission_denied")
    missing = "entry_id=00000000-0000-0000-0000-000000000000"
    assert refused("query:vdfs.get_entry", missing) == (ExitCode.NOT_FOUND, "not_found")
    assert refused("query:test.ping") == (ExitCode.INVALID_PAYLOAD, "invalid_payload")
    perdure.done("call", "query:test.ping", "message=a", "--as", acme)
    answer = perdure("call", "query:test.ping", "message=a", "--as", acme, "--json")
    assert answer.code == ExitCode.RATE_LIMITED
    assert 0 < json.loads(answer.err)["retry_after_ms"] <= 60_000
    plain = perdure("call", "query:test.ping", "message=a", "--as", acme)
    assert re.search(r"perdure: .*\(rate_limited\).*\(retry after \d+ ms\)$", plain.err.strip())
    assert perdure("call", "query:test.ping", "message=a", "--as", "nobody").code == ExitCode.UNKNOWN


def test_a_library_that_is_not_granted(perdure: CommandLine, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    own = "00000000-0000-0000-0000-000000000001"
    permissions = {"methods": ["query:test.ping"], "libraries": [own]}
    folder = write_extension(tmp_path / "acme", wat.module(), permissions=permissions)
    perdure.done("extensions", "install", folder, "--yes")
    answer = perdure("call", "query:test.ping", "message=a", "--as", "acme")
    assert answer.code == ExitCode.LIBRARY_DENIED
    perdure.done("call", "query:test.ping", "message=a", "--as", "acme", "--library", own)


@pytest.mark.usefixtures("notes")
def test_a_call_that_takes_too_long(perdure: CommandLine) -> None:
    answer = perdure("call", "query:notes.slow", "--timeout", "0.01")
    assert answer.code == ExitCode.OPERATION_FAILED
    assert "did not end within" in answer.err


def test_a_near_name_is_said(perdure: CommandLine) -> None:
    answer = perdure("call", "query:test.pnig")
    assert answer.code == ExitCode.UNKNOWN_METHOD
    assert "there is query:test.ping" in answer.err


def test_calls_are_recorded_as_the_command_lines(perdure: CommandLine) -> None:
    perdure.done("call", "query:test.ping", "message=a")
    perdure.done("call", "action:vdfs.create_entry", "name=a", "--effect-key", "mine")
    again = perdure.done("call", "action:vdfs.create_entry", "name=a", "--effect-key", "mine").json
    with LmdbEventStore.open_readonly(perdure.data) as store:
        asked, created, repeated = (stored.event for stored in store.read(CALLS_STREAM))
    assert isinstance(asked, HostQueryAnswered)
    assert isinstance(created, HostActionAnswered)
    assert isinstance(repeated, HostActionAnswered)
    assert (asked.caller, created.caller) == ("cli", "cli")
    assert created.effect_key == "mine"
    # One key, one effect.
    assert len(perdure.done("call", "query:vdfs.list_entries").json["entries"]) == 1
    assert again["name"] == "a"


def test_a_folder_that_is_in_use(perdure: CommandLine) -> None:
    with Runtime.open(perdure.data):
        answer = perdure("call", "query:test.ping", "message=a")
        assert answer.code == ExitCode.FOLDER_IN_USE
        perdure.done("operations", "list")


@pytest.mark.usefixtures("notes")
def test_a_secret_in_an_argument_is_warned_of_and_not_recorded(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure.done("call", "action:notes.create", "title=a", "pin=hunter2hunter2")
    assert "pin is a secret" in answer.err
    (tmp_path / "pin").write_text("hunter3hunter3")
    quiet = perdure.done("call", "action:notes.create", "title=a", f"pin=@{tmp_path}/pin")
    assert "secret" not in quiet.err
    with LmdbEventStore.open_readonly(perdure.data) as store:
        recorded = b"".join(repr(stored.event).encode() for stored in store.read(CALLS_STREAM))
    assert b"hunter" not in recorded.replace(b"writes=", b"").split(b"RowWrite")[0]


def test_a_secret_that_is_missing_is_asked_for_unseen(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = NOTES.replace("    pages: int = 1\n", "").replace('Sensitive] = ""', "Sensitive]")
    write_distribution(tmp_path / "site", "acme-pins", source, {"a": "create"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "hunter2"

    monkeypatch.setattr(getpass, "getpass", answer)
    assert perdure("call", "action:notes.create", "title=a").code == ExitCode.INVALID_PAYLOAD
    monkeypatch.setattr(call_command, "is_interactive", lambda invocation: True)
    assert perdure.done("call", "action:notes.create", "title=a").json["pin"] == "hunter2"
    assert asked == ["pin: "]
    perdure.done("call", "action:notes.create", '{"title": "a", "pin": "b"}')
    assert len(asked) == 1


def test_clients_of_the_operations_of_a_distribution(perdure: CommandLine, notes: None) -> None:
    source = perdure.done("operations", "client").out
    assert "class NotesClient(Client):" in source
    assert "VdfsClient" not in source
    compile(source, "notes_clients.py", "exec")
    assert perdure.done("operations", "client", "notes", "--json").json["language"] == "python"
    assert "class VdfsClient(Client):" in perdure.done("operations", "client", "vdfs", "--lang", "python").out


def test_clients_of_nothing(perdure: CommandLine) -> None:
    assert perdure("operations", "client").code == ExitCode.USAGE
    assert perdure("operations", "client", "nowhere").code == ExitCode.UNKNOWN
    assert perdure("operations", "client", "vdfs", "--lang", "cobol").code == ExitCode.USAGE
