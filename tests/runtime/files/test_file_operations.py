"""Shared folders: what an extension can list and read, and what it cannot."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.manual_clock import ManualClock
from tests.support.python_jobs import PythonJobs

from perdure.runtime import OperationError, Runtime
from perdure.runtime.files.listing import files_below
from perdure.runtime.files.operations import MAX_READ_BYTES
from perdure.store.events import OperationAnswered, Sealed

METHODS = ["query:files."]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for name in ("b.jpg", "a/2.JPG", "a/1.txt", "a/c/3.jpg", "a.jpg", "z/é.jpg"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return folder


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data", clock=ManualClock()) as runtime:
        yield runtime


@pytest.fixture
def jobs(opened: Runtime, tmp_path: Path, pictures: Path) -> PythonJobs:
    made = PythonJobs(opened, tmp_path / "extensions", methods=METHODS)
    opened.share_folder(made.extension, "pics", pictures)
    return made


def listed(jobs: PythonJobs, **request: Any) -> list[str]:
    found: list[str] = []
    after: dict[str, Any] = {}
    while True:
        answer = jobs.call("query:files.list", {"folder": "pics", **request, **after})
        assert "error" not in answer, answer
        found += [file["file"] for file in answer["files"]]
        if answer["next"] is None:
            return found
        assert answer["next"] == found[-1]
        after = {"after": answer["next"]}


def test_files_come_in_one_order_whatever_the_page(jobs: PythonJobs) -> None:
    expected = ["pics/a/1.txt", "pics/a/2.JPG", "pics/a/c/3.jpg", "pics/a.jpg", "pics/b.jpg", "pics/z/é.jpg"]
    assert listed(jobs) == expected
    assert listed(jobs, limit=1) == expected
    assert listed(jobs, limit=4) == expected
    assert listed(jobs, suffixes=[".jpg"], limit=2) == [name for name in expected if not name.endswith(".txt")]
    assert listed(jobs, recursive=False) == ["pics/a.jpg", "pics/b.jpg"]
    assert listed(jobs, folder="pics/a") == expected[:3]


def test_a_listed_file_is_read_in_parts(jobs: PythonJobs, pictures: Path) -> None:
    data = os.urandom(MAX_READ_BYTES + 10)
    (pictures / "big.jpg").write_bytes(data)
    first = jobs.call("query:files.read", {"file": "pics/big.jpg"})
    assert (first["offset"], first["next_offset"], first["size"]) == (0, MAX_READ_BYTES, len(data))
    assert first["modified"] == (pictures / "big.jpg").stat().st_mtime_ns // 1000
    rest = jobs.call("query:files.read", {"file": "pics/big.jpg", "offset": MAX_READ_BYTES})
    assert rest["next_offset"] is None
    assert base64.b64decode(first["content"]) + base64.b64decode(rest["content"]) == data
    assert base64.b64decode(jobs.call("query:files.read", {"file": "pics/b.jpg", "length": 2})["content"]) == b"b."


def test_contents_are_sealed_in_the_log(jobs: PythonJobs, opened: Runtime) -> None:
    jobs.call("query:files.read", {"file": "pics/b.jpg"})
    (job,) = opened.jobs().jobs
    events = [entry.stored.event for entry in opened.history(job.job_id)]
    answered = [event for event in events if isinstance(event, OperationAnswered)]
    assert isinstance(answered[0].answer, Sealed)
    assert base64.b64encode(b"b.jpg").decode() not in repr(answered[0])


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("pics/none.jpg", "not_found"),
        ("other/b.jpg", "not_found"),
        ("pics", "failed"),
        ("pics/a", "failed"),
        ("pics/../secret", "invalid_payload"),
        ("pics/a/../../secret", "invalid_payload"),
        ("pics//etc/passwd", "invalid_payload"),
        ("/etc/passwd", "invalid_payload"),
        ("pics/b.jpg/x", "not_found"),
        ("pics/\0", "invalid_payload"),
        ("pics/" + "x" * 4000, "not_found"),
        ("pics/out", "not_found"),
        ("pics/loop", "not_found"),
        ("pics/outside/secret", "not_found"),
        ("pics/pipe", "failed"),
    ],
)
def test_nothing_else_can_be_read(jobs: PythonJobs, pictures: Path, file: str, code: str) -> None:
    secret = pictures.parent / "secret"
    secret.write_text("secret")
    (pictures / "out").symlink_to(secret)
    (pictures / "outside").symlink_to(pictures.parent)
    (pictures / "loop").symlink_to(pictures / "loop")
    os.mkfifo(pictures / "pipe")
    answer = jobs.call("query:files.read", {"file": file})
    assert answer["code"] == code
    assert "content" not in answer


def test_links_within_are_followed_and_those_out_of_it_are_not_listed(jobs: PythonJobs, pictures: Path) -> None:
    (pictures.parent / "secret.jpg").write_text("secret")
    (pictures / "in.jpg").symlink_to(pictures / "b.jpg")
    (pictures / "out.jpg").symlink_to(pictures.parent / "secret.jpg")
    (pictures / "away.jpg").symlink_to(pictures / "nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(pictures / "socket.jpg"))
        assert listed(jobs, recursive=False) == ["pics/a.jpg", "pics/b.jpg", "pics/in.jpg"]
    assert base64.b64decode(jobs.call("query:files.read", {"file": "pics/in.jpg"})["content"]) == b"b.jpg"


def test_perdures_own_folder_is_never_read(opened: Runtime, tmp_path: Path) -> None:
    jobs = PythonJobs(opened, tmp_path / "extensions", methods=METHODS)
    with pytest.raises(OperationError, match="own data folder") as refused:
        opened.share_folder(jobs.extension, "all", tmp_path / "data" / "keys" / "..")
    assert refused.value.code == "failed"
    opened.share_folder(jobs.extension, "all", tmp_path)
    answer = jobs.call("query:files.list", {"folder": "all", "limit": 1000})
    assert answer["files"]
    assert not [file for file in answer["files"] if file["file"].startswith("all/data/")]
    assert jobs.call("query:files.read", {"file": "all/data/lock"})["code"] == "not_found"


def test_a_share_ends_when_it_is_taken_back_or_its_extension_goes(
    jobs: PythonJobs, opened: Runtime, tmp_path: Path
) -> None:
    assert opened.unshare_folder(jobs.extension, "nothing") == 0
    assert [share.name for share in opened.shared_with(jobs.extension)] == ["pics"]
    own = jobs.call("query:files.shares", {})
    assert [(share["name"], share["path"]) for share in own["shares"]] == [("pics", None)]
    assert jobs.call("query:files.shares", {"extension": "other"})["code"] == "permission_denied"
    assert opened.unshare_folder(jobs.extension, "pics") == 1
    assert jobs.call("query:files.read", {"file": "pics/b.jpg"})["code"] == "not_found"

    opened.share_folder(jobs.extension, "pics", tmp_path)
    opened.share_folder(f"{jobs.extension}-two", "pics", tmp_path)
    opened.uninstall(jobs.extension)
    assert opened.shared_with(jobs.extension) == []
    assert len(opened.shared_with(f"{jobs.extension}-two")) == 1


def test_only_the_host_shares(jobs: PythonJobs, opened: Runtime, tmp_path: Path) -> None:
    request = {"extension": jobs.extension, "name": "more", "path": str(tmp_path)}
    assert jobs.call("action:files.share", request)["code"] == "permission_denied"
    for path in ("relative", str(tmp_path / "none"), "/dev/null", "/a\0b"):
        with pytest.raises(OperationError):
            opened.call("action:files.share", {**request, "path": path})
    for name in ("", "a/b", "..", ".hidden", "x" * 65, "a\n"):
        with pytest.raises(OperationError):
            opened.call("action:files.share", {**request, "name": name})


def test_a_share_outlives_the_process(tmp_path: Path, pictures: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.share_folder("photos", "pics", pictures)
    with Runtime.open(tmp_path / "data") as runtime:
        (share,) = runtime.shared_with("photos")
        assert share.path == str(pictures)


NAMES = st.text(st.sampled_from("ab.é"), min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))


@settings(max_examples=60, deadline=None)
@given(paths=st.sets(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=12), page=st.integers(1, 5))
def test_pages_put_together_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, paths: set[tuple[str, ...]], page: int
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts in sorted(paths):
        file = root.joinpath(*parts)
        if any(above.is_file() for above in file.parents) or file.is_dir():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    everything = sorted(file.relative_to(root).parts for file in root.rglob("*") if file.is_file())
    found: list[tuple[str, ...]] = []
    while True:
        walk = files_below(
            root, found[-1] if found else (), recursive=True, wanted=lambda name: True, allowed=lambda path: True
        )
        part = [file.parts for file, _ in zip(walk, range(page), strict=False)]
        if not part:
            break
        found += part
    assert found == everything
