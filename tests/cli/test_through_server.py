"""Commands on a folder that a server holds: they go through it by themselves, and say and do what they say without."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.support.command_line import COUNTER, ENDLESS, PATIENCE, QUICK, Answer, CommandLine
from tests.support.servers import ServerProcess
from tests.support.waiting import eventually

from perdure.api.unix_socket import short_name, socket_path

STATE = json.dumps(QUICK)
_CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"owner:\d+ \(([^)]*)\)"), r"\1"),  # the log names the client first, then for whom it acts
    (re.compile(r"owner:\d+"), "cli"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "TIME"),
    (re.compile(r'"(installed_at|granted_at|since|issued_at|created|updated)":\d+'), r'"\1":TIME'),
    (re.compile(r'"running_seconds":[\d.]+'), '"running_seconds":SECONDS'),
    (re.compile(r'("fuel"|"fuel_superseded"|fuel):? ?[\d,]+'), "FUEL"),  # a few units, with the length of what is said
    (re.compile(r'"unix_ns":\d+'), '"unix_ns":TIME'),
    (re.compile(r"\b\d+(\.\d+)? m?s\b"), "A WHILE"),
    (re.compile(r"\(installed: [^)]*\)"), "(installed: EXTENSIONS)"),  # other tests' too
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"pdr_[\w-]+|\b[0-9a-f]{8}\b"), "TOKEN"),
)


class Twice:
    """Each command on a folder of its own and on one that a server holds."""

    def __init__(self, alone: CommandLine, served: CommandLine) -> None:
        self.alone, self.served = alone, served

    def __call__(self, *words: object) -> tuple[Answer, Answer]:
        """Run it on both; it has to say the same. ``{}`` is each folder's newest job."""
        answers = []
        for perdure in (self.alone, self.served):
            job = self._newest(perdure) if "{}" in words else ""
            answers.append(perdure(*(job if word == "{}" else word for word in words)))
        alone, served = answers
        assert (served.code, *self._same(served)) == (alone.code, *self._same(alone)), words
        return alone, served

    def _same(self, answer: Answer) -> tuple[str, str]:
        """What was said, but for what differs each time."""
        texts = []
        for text in (answer.out, answer.err):
            told = text.replace(str(self.alone.data), "DATA").replace(str(self.served.data), "DATA")
            for pattern, word in _CHANGING:
                told = pattern.sub(word, told)
            texts.append(told)
        return texts[0], texts[1]

    @staticmethod
    def _newest(perdure: CommandLine) -> str:
        return str(perdure.done("jobs", "list", "--json").json[0]["job_id"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("served") / "data") as running:
        yield running


@pytest.fixture
def served(server: ServerProcess) -> CommandLine:
    return CommandLine(server.data)


@pytest.fixture
def twice(tmp_path: Path, served: CommandLine) -> Twice:
    return Twice(CommandLine(tmp_path / "alone"), served)


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """The counter, as an extension that no other test knows; the folder is named as it."""
    folder = tmp_path / f"counter-{uuid4().hex[:12]}"
    shutil.copytree(COUNTER, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"id": folder.name}))
    return folder


def test_jobs(twice: Twice, extension: Path) -> None:
    name = extension.name
    twice("extensions", "install", extension)
    twice("run", name, "counter", "--state", STATE, "--json", "--idempotency-key", "once")
    twice("run", name, "counter", "--state", STATE, "--json", "--idempotency-key", "once")
    twice("run", name, "counter", "--state", '{"target": 5}', "--idempotency-key", "once")
    twice("run", name, "nothing")
    twice("run", name, "counter", "--state", "{")
    twice("run", "nobody", "counter")
    twice("jobs", "show", "{}", "--json")
    for action in ("pause", "cancel", "resume", "retry"):
        answer, _ = twice("jobs", action, "{}")
        assert answer.code == 10, "it has completed"
    twice("jobs", "fork", "{}", "--at", "50", "--paused", "--json")
    twice("jobs", "pause", "{}")
    twice("jobs", "cancel", "{}", "--json")
    twice("jobs", "resume", "{}")
    twice("jobs", "retry", "{}", "--json")
    twice("jobs", "fork", "{}", "--state", '{"target": 30}', "--json")
    twice("resume")
    twice("resume", "--json")
    twice("jobs", "resolve", "{}", "--again")
    twice("jobs", "fold", "--older-than", "1d", "--dry-run")
    twice("jobs", "list", "--status", "completed", "--extension", name, "--json")
    answer, _ = twice("jobs", "pause", "01890000-0000-7000-8000-000000000000")
    assert answer.code == 7


def test_extensions_and_operations(twice: Twice, extension: Path, tmp_path: Path) -> None:
    name = extension.name
    twice("extensions", "install", extension, "--json")
    twice("extensions", "install", tmp_path / "nothing")
    twice("extensions", "grant", name, "--nothing")
    twice("extensions", "grant", name)
    twice("extensions", "grant", name, "--yes", "--requests-per-minute", "5", "--json")
    twice("extensions", "permissions", name, "--json")
    twice("extensions", "config", name, "--json")
    twice("extensions", "config", name, "a=1")
    twice("extensions", "update", name)
    twice("extensions", "update", name, "--policy", "checkpoint")
    twice("folders", "share", name, f"here={tmp_path}")
    twice("folders", "share", name, "here=/nowhere/at/all")
    twice("folders", "list", name, "--json")
    twice("folders", "unshare", name, "--json")
    twice("call", "query:test.ping", "message=hello", "--json")
    twice("call", "query:test.ping")
    twice("call", "query:test.pong")
    twice("call", "query:test.ping", "--as", name, "message=hello")
    twice("call", "action:vdfs.create_entry", '{"name": "a.txt", "content": "aGVsbG8="}', "--json")
    twice("library", "list")
    answer, _ = twice("library", "get", "a.txt", "-o", "-")
    assert answer.out == "hello"
    twice("library", "get", "b.txt")
    twice("keys", "erase", "--extension", name, "--yes")
    twice("tokens", "create", "page", "--scope", "read")
    twice("tokens", "create", "page", "--scope", "everything")
    twice("tokens", "revoke", "nobody")
    twice("log", "seal", "--output", "/nowhere/at/all/seal")
    assert twice("keys", "rotate", "--json")[0].code == 0
    twice("extensions", "remove", "nobody")
    twice("extensions", "remove", name, "--json")


def test_locked_credentials(twice: Twice, extension: Path, tmp_path: Path) -> None:
    name = extension.name
    twice("extensions", "install", extension)
    secret, wrong = tmp_path / "secret", tmp_path / "wrong"
    secret.write_text("open sesame, please\n")
    wrong.write_text("open barley, please\n")
    twice("credentials", "unlock", name, "--passphrase-file", secret)
    twice("credentials", "passphrase", name, "--passphrase-file", secret)
    answer, _ = twice("run", name, "counter", "--state", STATE, "--json")
    assert "are locked" in answer.err
    answer, _ = twice("credentials", "unlock", name, "--passphrase-file", wrong)
    assert answer.code == 20
    twice("credentials", "passphrase", name, "--remove", "--passphrase-file", secret)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("log", "compact"), 4),
        (("log", "upgrade"), 4),
        (("log", "restore", "{}", "{}"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_a_server_does_not_do_for_others(
    server: ServerProcess, served: CommandLine, words: tuple[str, ...], code: int
) -> None:
    answer = served(*(word.format(server.data) for word in words))
    assert answer.code == code
    assert len(answer.err.splitlines()) == 1
    assert str(server.process.pid) in answer.err or code != 4


def test_a_second_server(server: ServerProcess, served: CommandLine) -> None:
    with served.process("serve", "--port", "0") as second:  # it logs for its whole process, so it has one of its own
        out, err = second.communicate(timeout=PATIENCE)
    assert (second.returncode, out) == (4, "")
    assert f"process {server.process.pid} works on {server.data}" in err


def test_a_running_job(server: ServerProcess, served: CommandLine) -> None:
    served.done("extensions", "install", COUNTER)
    with server.client() as client:
        job = client.dispatch("counter:counter", ENDLESS).job_id
    assert served.done("jobs", "pause", job, "--json").json["status"] == "paused"
    with served.process("jobs", "resume", job) as resumed:
        eventually(lambda: _status(served, job) == "running", PATIENCE)
        with served.process("resume", job) as other:
            assert other.stderr is not None
            assert other.stderr.readline().startswith(f"counter:counter {job}: running"), "it only waits for it"
            cancelled = served.done("jobs", "cancel", job)
            assert cancelled.out.startswith("cancelled")
            assert other.communicate(timeout=PATIENCE)[0].startswith("cancelled")
            assert other.returncode == 5
        assert resumed.wait(PATIENCE) == 5


def test_whoever_stops_waiting_leaves_the_job_running(server: ServerProcess, served: CommandLine) -> None:
    with served.process("run", COUNTER, "counter", "--state", json.dumps(ENDLESS), "--metrics-port", "0") as child:
        job = _running(served, child)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130
    assert out.startswith("running")
    assert "--metrics-port is not used" in err
    assert err.splitlines()[-1] == (
        f"perdure: nobody waits here any more; the job goes on in process {server.process.pid}: "
        f"'perdure jobs watch {job}' shows it"
    )
    assert _status(served, job) == "running"
    served.done("jobs", "cancel", job)


def test_a_server_that_dies_meanwhile(tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    with ServerProcess(perdure.data) as server:
        perdure.done("extensions", "install", COUNTER)
        with perdure.process("run", "counter", "counter", "--state", '{"target": 3000}', "--json") as child:
            job = _running(perdure, child)
            server.kill()
            out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (16, "")
    assert err == (
        "perdure: the server has ended, and with it the attempts of its jobs; 'perdure resume' lets them go on\n"
    )
    assert socket_path(perdure.data).exists(), "the socket of a dead server is nobody's server"
    assert perdure.done("jobs", "cancel", job, "--json").json["status"] == "cancelled"


def test_a_server_that_gives_no_answer(tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    job = perdure.run_counter()["job_id"]
    with socket.socket(socket.AF_UNIX) as listening, short_name(socket_path(perdure.data)) as name:
        listening.bind(name)
        listening.listen()
        with perdure.process("jobs", "pause", job) as child:
            for _ in range(2):  # one looks whether there is a server, the other asks it
                listening.accept()[0].close()
            out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out, len(err.splitlines())) == (16, "", 1)
    assert f"no perdure server answers at {perdure.data}" in err


def _running(perdure: CommandLine, child: subprocess.Popen[str]) -> str:
    """The newest job, as soon as it runs."""
    eventually(lambda: child.poll() is not None or _newest_runs(perdure), PATIENCE, every=0.05)
    assert child.poll() is None, child.communicate()
    return str(perdure.done("jobs", "list", "--json").json[0]["job_id"])


def _newest_runs(perdure: CommandLine) -> bool:
    jobs = perdure.done("jobs", "list", "--limit", "1", "--json").json
    return bool(jobs) and jobs[0]["status"] == "running" and jobs[0]["items"] > 0


def _status(perdure: CommandLine, job: Any) -> str:
    return str(perdure.done("jobs", "show", job, "--json").json["status"])
