"""The finance example on a real runtime: a mailbox, killed while it is scanned, proved; and a real mail server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.examples.finance.conftest import BOX, EXAMPLE, quick_mails, truth
from tests.support.command_line import PATIENCE, CommandLine
from tests.support.dovecot import HOST, PASSWORD, dovecot
from tests.support.guest_builds import copied_data
from tests.support.python_builds import built_python
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import DEFAULT_LIBRARY, HttpSettings, Runtime, RuntimeSettings, Status, grant_as_asked

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]


def test_its_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "42 passed" in done.stdout


def test_it_is_less_than_400_lines() -> None:
    assert sum(len(path.read_text().splitlines()) for path in (EXAMPLE / "finance").glob("*.py")) < 400


def scan(perdure: CommandLine, folder: Path, **state: Any) -> Any:
    words = ("--state", json.dumps({"mailbox": BOX, **state}), "--folder", f"mail={folder}", "--json")
    return perdure.done("run", "finance", "scan", *words).json


def receipts(perdure: CommandLine) -> list[dict[str, Any]]:
    """The entries of receipts; each has its sidecars, and there is one of each name."""
    page = perdure.done("call", "query:vdfs.list_entries", '{"kind": "receipt", "limit": 1000}', "--json").json
    found: list[dict[str, Any]] = page["entries"]
    assert {entry["sidecars"] for entry in found} <= {3}
    assert [name for name, times in Counter(entry["name"] for entry in found).items() if times > 1] == []
    return found


def final_state(perdure: CommandLine, job: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = perdure.done("jobs", "show", job["job_id"], "--json").json["checkpoint"]["state"]
    return state


def wrong(found: list[dict[str, Any]]) -> list[str]:
    """The receipts whose amount is not the true one, and those that were not found."""
    totals = {entry["metadata"]["message_id"]: entry["metadata"]["total"] for entry in found}
    known = truth()
    return [id for id in _ids(quick_mails()) if totals.get(id) != known[id]["total"]]


def test_a_mailbox(perdure: CommandLine, inbox: Path, tmp_path: Path) -> None:
    job = scan(perdure, inbox)
    assert (job["status"], job["items"]) == ("completed", len(quick_mails()))
    assert job["warnings"] == 1, "a PDF that is broken"
    found = receipts(perdure)
    assert wrong(found) == []

    entry = next(one for one in found if one["media_type"] == "application/pdf")
    part = perdure.done("call", "query:vdfs.read_content", json.dumps({"entry_id": entry["id"]}), "--json").json
    assert part["content"].startswith("JVBERi")  # %PDF-
    request = {"entry_id": entry["id"], "name": "receipt.json", "text": True}
    told = json.loads(perdure.done("call", "query:vdfs.read_sidecar", json.dumps(request), "--json").json["text"])
    assert told["total"]["source"]["part"] == "attachment:2"
    assert len(told["total"]["source"]["box"]) == 4

    assert scan(perdure, inbox)["items"] == 0
    assert scan(perdure, inbox, rescan=True)["items"] == len(quick_mails())
    assert len(receipts(perdure)) == len(found)

    report = final_state(perdure, perdure.done("run", "finance", "report", "--json").json)
    assert report["receipts"] == len(found)
    content = perdure.done("call", "query:vdfs.read_content", json.dumps({"entry_id": report["csv"]}), "--json").json
    assert content["size"] > 500
    question = json.dumps({"question": "taxi in 2026"})
    answer = final_state(perdure, perdure.done("run", "finance", "ask", "--state", question, "--json").json)
    assert answer["matches"][0]["vendor"].startswith("Funktaxi")

    assert perdure.done("verify", "--all", "--json").json["not_proved"] == []
    suggested = json.loads(perdure.done("extensions", "permissions", "finance", "--suggest").out)
    asked = perdure.done("extensions", "inspect", "finance", "--json").json["permissions"]["methods"]
    # For documents of more than 4 MiB, and for mails whose words do not decide; none of these is here.
    rare = {"action:vdfs.append_content", "query:ai.classify_text"}
    assert {name.removesuffix(".v1") for name in suggested["methods"]} | rare == {*asked}


def has_come_to(perdure: CommandLine, least: int, child: subprocess.Popen[str]) -> bool:
    job = perdure.job()
    return child.poll() is not None or (job is not None and int(job["items"]) >= least)


def test_killed_at_several_moments_each_receipt_is_there_once(perdure: CommandLine, inbox: Path) -> None:
    state = json.dumps({"mailbox": BOX})
    command: tuple[object, ...] = ("run", "finance", "scan", "--state", state, "--folder", f"mail={inbox}")
    kills = 0
    for least in (1, 5, 12):
        with perdure.process(*command) as child:
            eventually(partial(has_come_to, perdure, least, child), PATIENCE)
            kills += child.poll() is None
            child.kill()
            child.wait(TIMEOUT)
        command = ("resume",)
    assert kills == 3
    perdure.done("resume")
    job = perdure.job()
    assert (job["status"], job["items"], job["warnings"]) == ("completed", len(quick_mails()), 1)
    found = receipts(perdure)
    assert wrong(found) == []
    assert {entry["revision"] for entry in found} == {1}
    assert final_state(perdure, job)["receipts"] == len(found)
    assert perdure.done("verify", "--all", "--json").json["not_proved"] == []


def test_a_real_mail_server(finance_data: Path, tmp_path: Path) -> None:
    data = copied_data(finance_data, tmp_path / "data")
    mails = quick_mails()[:6]
    with dovecot() as server:
        server.deliver("kim", *mails)
        http = HttpSettings(private_networks=("127.0.0.0/8",), ca_file=str(server.ca_file))
        settings = RuntimeSettings(http=http)
        with Runtime.open(data, settings=settings, consent=grant_as_asked) as runtime:
            runtime.install(_with_server(tmp_path / "extension", f"{HOST}:{server.tls_port}"))
            credential = {"type": "basic", "username": "kim", "password": PASSWORD}
            request = {"name": "mail", "credential": credential, "extension": "finance"}
            runtime.call("action:credentials.store", request, library_id=DEFAULT_LIBRARY)
            box = {"type": "imap", "host": HOST, "port": server.tls_port, "credential": "mail"}
            for items in (len(mails), 0):
                job = runtime.dispatch("finance:scan", {"mailbox": box})
                assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
                assert job.state.items == items
            entries = runtime.call("query:vdfs.list_entries", {"kind": "receipt"}, library_id=DEFAULT_LIBRARY).entries
    known = truth()
    assert {entry.metadata["message_id"]: entry.metadata["total"] for entry in entries} == {
        id: known[id]["total"] for id in _ids(mails) if known[id]["total"]
    }


def _ids(mails: list[bytes]) -> list[str]:
    return [mail.split(b"Message-ID: ", 1)[1].split(b"\n", 1)[0].strip().decode() for mail in mails]


def _with_server(folder: Path, server: str) -> Path:
    """The extension with another mail server in its manifest."""
    shutil.copytree(built_python(EXAMPLE), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["version"] = "0.1.1"
    manifest["permissions"]["network_access"] = [server]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
