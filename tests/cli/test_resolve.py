"""``perdure jobs resolve``, after a real death in the middle of what must not be done twice."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import CommandLine, is_plain
from tests.support.distributions import write_distribution
from tests.support.extension_folders import write_extension
from tests.support.secret_calls import ALL, calls_module

from perdure.cli import resolve_command
from perdure.store.events import ActionAnswered, ActionIntended, DoubtResolved, Inline, Sealed, job_stream
from perdure.store.lmdb_store import LmdbEventStore

# The handler writes down what it did, and dies of it if it is told to.
MAIL = '''
from __future__ import annotations

import os
import signal
from typing import Annotated

import msgspec

from perdure.runtime.operations import CallContext, Effect, Sensitive, action


class Mail(msgspec.Struct, forbid_unknown_fields=True):
    """A mail."""

    to: str
    text: Annotated[str, Sensitive] = ""


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """What the server said."""

    number: int


class PlainMail(msgspec.Struct):
    """A mail without secrets."""

    to: str


def _send(context: CallContext, to: str) -> Sent:
    with open(os.environ["OUTBOX"], "a") as outbox:
        outbox.write(f"{to} {context.effect_key}\\n")
    if os.environ.get("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
    return Sent(7)


@action("mail.send", effect=Effect.NON_IDEMPOTENT)
def send(context: CallContext, request: Mail) -> Sent:
    """Send a mail."""
    return _send(context, request.to)


@action("mail.plain", effect=Effect.NON_IDEMPOTENT)
def plain(context: CallContext, request: PlainMail) -> Sent:
    """Send a mail that anybody may read."""
    return _send(context, request.to)
'''
SECRET = "hunter2-in-the-mail"
CALLS = {"plain": b'{"to":"ada"}', "send": json.dumps({"to": "ada", "text": SECRET}).encode()}


class Outbox:
    """What was sent, and by which name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """An installed distribution whose actions send mail."""
    write_distribution(tmp_path / "site", "acme-mail", MAIL, {"a": "send", "b": "plain"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "acme_mail", raising=False)
    monkeypatch.setenv("OUTBOX", str(tmp_path / "outbox"))
    return Outbox(tmp_path / "outbox")


def die(perdure: CommandLine, tmp_path: Path, name: str = "plain") -> str:
    """Run a job until its process dies in its handler, and let the next process look; returns the job's id."""
    call = (f"action:mail.{name}", CALLS[name])
    folder = write_extension(tmp_path / "notes", calls_module(call), extension="notes", permissions=ALL)
    perdure.done("extensions", "install", folder, "--yes")
    with perdure.process("run", "notes", "calls", DIE="1", PYTHONPATH=str(tmp_path / "site")) as child:
        assert child.wait(60) == -signal.SIGKILL, child.stderr
    answer = perdure("resume")
    assert answer.code == 6, answer
    job = perdure.job()
    assert job["status"] == "attention"
    assert "needs attention" in answer.err
    return str(job["job_id"])


def events(perdure: CommandLine, job: str, kind: type[Any]) -> list[Any]:
    with LmdbEventStore.open_readonly(perdure.data) as store:
        return [stored.event for stored in store.read(job_stream(job)) if isinstance(stored.event, kind)]


def test_it_is_shown_and_said_to_have_succeeded(perdure: CommandLine, tmp_path: Path, outbox: Outbox) -> None:
    job = die(perdure, tmp_path)
    [line] = outbox.lines()
    key = line.split()[1]

    listed = perdure.done("jobs", "list")
    assert "attention" in listed.out
    assert f"perdure jobs resolve {job}" in listed.err
    shown = perdure.done("jobs", "show", job)
    for words in ("action:mail.plain", '{"to": "ada"}', key, f"perdure jobs resolve {job}"):
        assert words in shown.out
    doubt = perdure.done("jobs", "show", job, "--json").json["doubt"]
    assert (doubt["method"], doubt["payload"], doubt["effect_key"]) == ("action:mail.plain", {"to": "ada"}, key)

    done = perdure.done("jobs", "resolve", job, "--succeeded", '{"number": 8}')

    assert "action:mail.plain" in done.err
    assert key in done.err
    assert outbox.lines() == [line], "nothing was sent"
    [resolved] = events(perdure, job, DoubtResolved)
    assert (resolved.resolution, resolved.answer) == ("succeeded", Inline(b'{"number":8}'))
    assert resolved.by.startswith("cli")
    assert perdure.job()["status"] == "completed"
    assert perdure.done("jobs", "show", job, "--json").json["doubt"] is None


def test_it_is_run_again_under_the_same_key(perdure: CommandLine, tmp_path: Path, outbox: Outbox) -> None:
    job = die(perdure, tmp_path)
    answer = perdure.done("jobs", "resolve", job, "--again", "--yes", "--json")
    assert answer.json["status"] == "completed"
    assert len(outbox.lines()) == 2
    assert len(set(outbox.lines())) == 1
    assert [event.code for event in events(perdure, job, ActionAnswered)] == [""]
    assert len(events(perdure, job, ActionIntended)) == 2


def test_it_failed(perdure: CommandLine, tmp_path: Path, outbox: Outbox) -> None:
    job = die(perdure, tmp_path)
    perdure.done("jobs", "resolve", job, "--failed", "the server knows nothing of it", "--code", "not_found")
    [resolved] = events(perdure, job, DoubtResolved)
    assert (resolved.resolution, resolved.code) == ("failed", "not_found")
    assert json.loads(resolved.answer.data) == {"error": "the server knows nothing of it", "code": "not_found"}


def test_secrets_are_neither_shown_nor_kept(perdure: CommandLine, tmp_path: Path, outbox: Outbox) -> None:
    job = die(perdure, tmp_path, "send")
    shown = perdure.done("jobs", "show", job)
    assert "action:mail.send" in shown.out
    assert "effect key" not in shown.out, "it would be something to guess the secret by"
    (tmp_path / "answer").write_text(f'{{"number": "{SECRET}"}}')
    refused = perdure("jobs", "resolve", job, "--succeeded", f"@{tmp_path / 'answer'}")
    assert refused.code == 2
    assert SECRET not in refused.err
    failed = perdure.done("jobs", "resolve", job, "--failed", f"it is said that {SECRET} is wrong")
    history = perdure.done("log", "history", job)
    assert SECRET not in shown.out + shown.err + history.out + perdure.done("log", "export").out
    [intent], [resolved] = events(perdure, job, ActionIntended), events(perdure, job, DoubtResolved)
    assert isinstance(intent.payload, Sealed)
    assert isinstance(resolved.answer, Sealed)
    assert intent.effect_key == ""
    assert is_plain(failed.out)


NONSENSE = [
    ([], "in one way"),
    (["--again", "--failed", "x"], "in one way"),
    (["--succeeded", "{"], "truncated"),
    (["--succeeded", '{"n": 1}'], "unknown field"),
    (["--succeeded", '{"number": "many"}'], "int"),
    (["--succeeded", "@/nowhere"], "No such file"),
    (["--failed", "x", "--code", "teapot"], "none of the codes"),
    (["--succeeded", "\udcff"], "JSON"),
]


def test_what_makes_no_sense_records_nothing(perdure: CommandLine, tmp_path: Path, outbox: Outbox) -> None:
    job = die(perdure, tmp_path)
    for words, said in NONSENSE:
        answer = perdure("jobs", "resolve", job, *words)
        assert (answer.code, said in answer.err) == (2, True), answer
        assert is_plain(answer.err)
    assert events(perdure, job, DoubtResolved) == []
    assert perdure.job()["status"] == "attention"


def test_wishes_that_would_not_help(perdure: CommandLine, tmp_path: Path, outbox: Outbox) -> None:
    job = die(perdure, tmp_path)
    for wish in ("resume", "retry", "pause"):
        answer = perdure("jobs", wish, job)
        assert (answer.code, f"perdure jobs resolve {job}" in answer.err) == (10, True), answer
    assert perdure("jobs", "watch", job).code == 6
    perdure.done("jobs", "cancel", job)
    assert perdure.job()["status"] == "cancelled"
    assert perdure("jobs", "resolve", job, "--again").code == 10
    assert perdure("jobs", "resolve", "0198c0de-0000-7000-8000-00000000beef", "--again").code == 7
    assert perdure("jobs", "retry", job).code == 6, "and asks again"
    assert perdure.job()["status"] == "attention"
    assert len(outbox.lines()) == 1


@pytest.mark.parametrize("yes", [True, False])
def test_a_person_at_a_terminal_is_asked(
    perdure: CommandLine, tmp_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, yes: bool
) -> None:
    job = die(perdure, tmp_path)
    monkeypatch.setattr(resolve_command, "is_interactive", lambda invocation: True)
    answer = perdure("jobs", "resolve", job, "--again", stdin="y\n" if yes else "\n")
    assert "Record this?" in answer.err
    assert answer.code == (0 if yes else 11), answer
    assert len(outbox.lines()) == 1 + yes
