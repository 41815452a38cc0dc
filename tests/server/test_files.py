"""Files that are sent to the server, and those that it sends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.packages import ACME, ASKS, folder, package
from tests.support.servers import Served, serving
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import grant_as_asked
from perdure.runtime.extension_folder import read_extension
from perdure.runtime.packages.folder_archive import folder_archive
from perdure.runtime.proof import Verdict, verify_bundle
from perdure.server.engine.uploads import KEPT
from perdure.server.link.files import UPLOADS
from perdure.server.settings import ServerSettings

LIMIT = 200_000  # bytes of an upload


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("files"), ServerSettings(port=0, max_upload=LIMIT)) as found:
        yield found


@pytest.fixture(scope="module")
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.address, headers=served.headers, timeout=TIMEOUT) as found:
        yield found


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return folder_archive(read_extension(folder(tmp_path_factory.mktemp("asking"), id="asking", permissions=ASKS)))


def uploaded(http: httpx.Client, data: bytes, **query: str) -> dict[str, Any]:
    answer = http.post("/v1/packages", content=data, params=query)
    found: dict[str, Any] = answer.json()
    return {"status": answer.status_code, **found}


def left(served: Served) -> list[str]:
    """What lies in the folder and is no upload that is kept."""
    return [found.name for found in (served.data / UPLOADS).iterdir() if not found.is_dir()]


def test_a_package_is_known_by_its_publisher(http: httpx.Client, served: Served, tmp_path: Path) -> None:
    kept = uploaded(http, package(tmp_path, ACME, id="signed").read_bytes())
    assert (kept["status"], kept["extension"], kept["publisher"]) == (201, "signed", "Acme")
    assert kept["fingerprint"].count("-") == 7
    info = http.post("/v1/extensions", json={"package": kept["package"]}).json()
    assert info["publisher"]["fingerprint"] == kept["fingerprint"]
    assert left(served) == []


def test_consent_is_asked_and_given(http: httpx.Client, served: Served, archive: bytes) -> None:
    kept = uploaded(http, archive)
    assert kept["fingerprint"] is None
    named = {"package": kept["package"]}
    assert http.post("/v1/extensions", json=named).json()["code"] == "ConsentRequired"
    asked = http.post("/v1/extensions", json={**named, "ask": True})
    assert (asked.status_code, asked.json()["code"]) == (409, "ConsentNeeded")
    digest, words = asked.json()["data"]["digest"], asked.json()["data"]["request"]["asks"]
    assert "query:test.ping" in [each["entry"] for each in words]
    other = http.post("/v1/extensions", json={**named, "consent": {"as_asked": True, "digest": "0" * 64}})
    assert other.json()["data"]["digest"] == digest  # what was agreed to is not what is asked
    declined = http.post("/v1/extensions", json={**named, "consent": {"grant": None, "digest": digest}})
    assert declined.json()["code"] == "ConsentDeclined"
    agreed = http.post("/v1/extensions", json={**named, "consent": {"as_asked": True, "digest": digest}})
    assert agreed.json()["grant"]["methods"] == ["query:test.ping"]


def test_rubbish_is_refused_and_nothing_is_left(http: httpx.Client, served: Served, archive: bytes) -> None:
    for data in (b"", b"rubbish", archive[:-1], archive + b"x", b"PK\x03\x04" * 99):
        refused = uploaded(http, data, name="/home/me/it")
        assert (refused["status"], refused["code"]) == (422, refused["code"])
        assert "/home/me/it" in refused["detail"]
        assert str(served.data) not in refused["detail"]
    assert left(served) == []


def test_too_large_is_refused_however_it_comes(http: httpx.Client, served: Served) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(8):
            yield b"x" * (LIMIT // 4)

    for content in (b"x" * (LIMIT + 1), parts()):
        answer = http.post("/v1/packages", content=content)
        assert (answer.status_code, answer.json()["data"]["limit"]) == (413, LIMIT)
    eventually(lambda: left(served) == [])


def test_an_upload_that_is_broken_off_leaves_nothing(http: httpx.Client, served: Served) -> None:
    head = f"POST /v1/packages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.token}\r\n"
    with socket.create_connection(("127.0.0.1", served.server.port)) as sending:
        sending.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 50_000)
        eventually(lambda: left(served) != [])
    eventually(lambda: left(served) == [])
    assert uploaded(http, b"rubbish")["code"] == "NotAPackage"  # and others are let in


def test_only_the_newest_are_kept(http: httpx.Client, served: Served, archive: bytes) -> None:
    first = uploaded(http, archive)["package"]
    for _ in range(KEPT):
        last = uploaded(http, archive)["package"]
    assert len(list((served.data / UPLOADS).iterdir())) == KEPT
    gone = http.post("/v1/extensions", json={"package": first})
    assert (gone.status_code, gone.json()["code"]) == (404, "NotFound")
    assert http.post("/v1/extensions", json={"package": last, "ask": True}).status_code in (200, 409)
    for name in ("../keys", "..", "x" * 300):
        assert http.post("/v1/extensions", json={"package": name}).status_code == 404


def test_uploads_are_for_administrators(http: httpx.Client, served: Served) -> None:
    token = served.runtime.issue_token("reader", ["read", "dispatch", "control"]).text
    for headers in ({"Authorization": "Bearer no"}, {"Authorization": f"Bearer {token}"}):
        answer = httpx.post(f"{served.address}/v1/packages", content=b"x" * 1000, headers=headers)
        assert answer.status_code in (401, 403)
    assert left(served) == []


def test_a_bundle_is_downloaded(http: httpx.Client, served: Served, tmp_path: Path) -> None:
    served.runtime.install(folder(tmp_path, id="running"), consent=grant_as_asked)
    job = served.runtime.dispatch("running:job1")
    job.wait(TIMEOUT)
    answer = http.get(f"/v1/jobs/{job.job_id}/bundle")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert f"{job.job_id}.perdure" in answer.headers["content-disposition"]
    (tmp_path / "it.perdure").write_bytes(answer.content)
    assert verify_bundle(tmp_path / "it.perdure").verdict is Verdict.PROVED
    assert http.post(f"/v1/jobs/{job.job_id}/bundle").content[:4] == answer.content[:4]
    reader = {"Authorization": f"Bearer {served.runtime.issue_token('reader', ['read']).text}"}
    address = f"{served.address}/v1/jobs/{job.job_id}/bundle"
    assert httpx.get(address, headers=reader).status_code == 200
    assert httpx.post(address, headers=reader).status_code == 403  # with secrets in clear
    assert http.get("/v1/jobs/00000000-0000-0000-0000-000000000001/bundle").status_code == 404
    assert left(served) == []
