"""Every job of the vault runs on planted secrets; afterwards nothing that is left, but the file itself, holds one.

Searched: the data folder, exports, bundles, what the command line prints, the host's log, metrics, and what went over
the network. For each secret as it is, in hexadecimal, UTF-16, base64 and backwards; passwords also as SHA-1.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.examples.vault.conftest import with_network
from tests.runtime.secrets.test_planted_secrets import Planted
from tests.support.command_line import CommandLine
from tests.support.guest_builds import install
from tests.support.secret_calls import install_calls
from tests.support.waiting import TIMEOUT
from tests.support.web_server import Authority, Visit, WebServer, web_server

from perdure.metrics import PrometheusHooks, render
from perdure.runtime import OperationError, Runtime, RuntimeSettings, Status
from perdure.runtime.http.settings import HttpSettings

pytestmark = [pytest.mark.timeout(600)]

HEADINGS = ["name", "url", "username", "password", "note", "totp", "PIN"]
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
BREACHED = "hunter2"  # a password that somebody else had, too


class Breaches:
    """A mirror of the service; ``seen`` has what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.seen: list[str] = []

    def range(self, visit: Visit) -> None:
        prefix = visit.seen.path.rpartition("/")[2]
        self.seen.append(prefix)
        assert visit.seen.header("add-padding") == "true"
        visit.reply(200, self.answers[prefix].encode(), ("Content-Type", "text/plain"))

    def know(self, password: str, times: int) -> None:
        digest = sha1(password)
        self.answers[digest[:5]] = f"{'0' * 35}:0\r\n{digest[5:]}:{times}\r\n"


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()  # what the service goes by


def write_exports(folder: Path, planted: Planted) -> None:
    """Three files: one that can be read, with some rows that cannot, one of KeePass, and one that is cut off."""
    folder.mkdir()
    rows = [
        ["Mail", f"https://{planted('url')}.example", planted("username"), planted("password"), *more(planted)],
        ["Twice", "", "ann", planted("password, second"), "", "", ""],
        ["Known", "", "bob", BREACHED, "", "", ""],
        ["Many", "", "", planted("row with too many cells"), "", "", "", planted("cell too many")],
        ["Long", "", "", f"{planted('part that is too long')}{'x' * 100_000}", "", "", ""],
    ]
    with (folder / "good.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADINGS, *rows])
    (folder / "keepass.xml").write_text(
        "<KeePassFile><Root><Group><Entry><String><Key>Title</Key><Value>Kept</Value></String><String>"
        f"<Key>Password</Key><Value>{planted('keepass')}</Value></String></Entry></Group></Root></KeePassFile>"
    )
    (folder / "cut.xml").write_text(f"<KeePassFile><Root>{planted('cut off')}&{planted('entity')};")


def more(planted: Planted) -> list[str]:
    """A note that JSON and CSV have to escape, a seed for codes, and a field that has no meaning."""
    return [f'"{planted("note")}\\é\n\u2028{planted("note, second line")}', SEED, planted("field")]


def outcomes(runtime: Runtime, jobs: list[tuple[str, dict[str, Any]]]) -> tuple[list[Status], list[str]]:
    """Run jobs; how they ended, and what they say of themselves."""
    handles = [(job, runtime.dispatch(f"vault:{job}", state)) for job, state in jobs]
    ends = [handle.wait(TIMEOUT).status for _, handle in handles]
    return ends, [f"{handle.job_id}" for _, handle in handles]


@pytest.mark.long
def test_no_planted_secret_is_left_anywhere(
    perdure: CommandLine, vault_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.NOTSET)
    logging.getLogger().setLevel(logging.NOTSET)
    planted, breaches, hooks = Planted(), Breaches(), PrometheusHooks()
    write_exports(tmp_path / "exports", planted)
    left: dict[str, bytes] = {}
    with web_server({}, Authority(tmp_path).server_context("127.0.0.1")) as server:
        breaches.know(BREACHED, 17_043)
        for path in ("password", "password, second", "keepass"):
            breaches.know(planted(path), 0)
        server.pages = {f"/range/{prefix}": breaches.range for prefix in breaches.answers}
        settings = RuntimeSettings(
            http=HttpSettings(private_networks=("127.0.0.0/8",), ca_file=str(tmp_path / "authority.pem"))
        )
        with Runtime.open(perdure.data, settings=settings, hooks=hooks) as runtime:
            jobs = run_all(runtime, vault_folder, tmp_path, server, planted)
            left["metrics"] = render(hooks.registry)[0]
        assert sorted(breaches.seen) == sorted(breaches.answers)
        left["requests"] = "\n".join(map(repr, server.seen)).encode()
    for words in (
        *(("log", "history", job) for job in jobs),
        *(("jobs", "show", job) for job in jobs),
        *(("log", "export", job, "-o", tmp_path / f"{job}.perdure") for job in jobs),
        ("log", "tail", "--no-follow", "--from", "1"),
        ("log", "export"),
        ("jobs", "list"),
        ("credentials", "list"),
        ("credentials", "audit"),
        ("extensions", "permissions", "vault"),
        ("verify", "--all"),
    ):
        for form in ((), ("--json",)) if words[0] != "verify" else (("--json",),):
            answer = perdure(*words, *form)
            left[f"perdure {' '.join(map(str, (*words, *form)))}"] = (answer.out + answer.err).encode()
    assert b"too long for a login" in left["perdure log export"]
    assert b"permission_denied" in left["perdure credentials audit"]
    assert b'"not_proved":[]' in left["perdure verify --all --json"]
    left["the host's log"] = caplog.text.encode()
    left["log records"] = "\n".join(repr(record.__dict__) for record in caplog.records).encode()
    for file in (*perdure.data.rglob("*"), *tmp_path.glob("*.perdure")):
        if file.is_file() and file.suffix not in (".cwasm", ".part"):  # machine code
            left[str(file)] = file.read_bytes()
    assert len(planted.by_path) == 13
    assert [hit for place, data in left.items() for hit in planted.found_in(place, data)] == []
    assert [place for place, data in left.items() if SEED.encode() in data] == []
    # What the service is told, five digits of each password's SHA-1, is in the request and nowhere else.
    digests = [sha1(password) for password in (BREACHED, planted("password"), planted("keepass"))]
    assert [place for place, data in left.items() for digest in digests if digest[5:].encode() in data] == []
    beginnings = [f"range/{digest[:5]}".encode() for digest in digests]
    assert {place for place, data in left.items() for begin in beginnings if begin in data} == {"requests"}


def run_all(runtime: Runtime, vault_folder: Path, tmp_path: Path, server: WebServer, planted: Planted) -> list[str]:
    """Every job, and others that try to read; the jobs' ids."""
    mirror = f"127.0.0.1:{server.port}"
    install(runtime, with_network(vault_folder, tmp_path / "vault", mirror))
    runtime.configure("vault", {"breach_service": f"https://{mirror}/range/"})
    runtime.share_folder("vault", "exports", tmp_path / "exports")
    install_calls(runtime, tmp_path, extension="photos")
    ends, jobs = outcomes(
        runtime, [("import_file", {"file": f"exports/{name}"}) for name in ("good.csv", "keepass.xml", "cut.xml")]
    )
    assert ends == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]
    runtime.dispatch("vault:import_file", {"file": "exports/good.csv"}).wait(TIMEOUT)  # again: each login is compared
    # Before there is a login whose password nobody planted.
    checked, check_jobs = outcomes(runtime, [("breach_check", {})])
    made, more_jobs = outcomes(
        runtime, [("generate", {"name": "router"}), ("share", {"name": "Mail", "extension": "photos", "days": 1})]
    )
    assert checked + made == [Status.COMPLETED] * 3
    request = {"name": "Mail", "owner": "vault"}
    got = runtime.call("query:credentials.get", request, extension="photos").credential
    assert got.password == planted("password")
    assert got.notes.startswith(f'"{planted("note")}\\é\n')
    assert got.fields == {"PIN": planted("field")}
    code = runtime.call("query:credentials.totp", request, extension="photos")
    assert len(code.code) == 6
    with pytest.raises(OperationError):
        runtime.call("query:credentials.get", {"name": "Twice", "owner": "vault"}, extension="photos")
    rotated, last = outcomes(runtime, [("rotate", {"older_than_days": -1, "only": ["Twice"]}), ("audit", {})])
    assert rotated == [Status.COMPLETED] * 2
    earlier = runtime.call("query:credentials.history", {"name": "Twice", "extension": "vault"}).earlier
    assert [one.credential.password for one in earlier] == [planted("password, second")]
    names = [one.name for one in runtime.call("query:credentials.list", {}, extension="vault").credentials]
    assert names == ["Kept", "Known", "Mail", "Twice", "router"]
    report = runtime.permissions("vault")  # the least that this history needed is what is asked for
    assert set(report.suggested["methods"]) == set(report.asked.methods)
    assert report.suggested["network_access"] == [mirror]
    return [*jobs, *check_jobs, *more_jobs, *last]
