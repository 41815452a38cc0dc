"""What a call is about, read from where it is."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.python_jobs import PythonJobs

from perdure.runtime import Runtime
from perdure.runtime.operations import CallContext, query
from perdure.runtime.sources import Source

MOST = 100


class Weigh(Source, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to weigh."""


class Weighed(msgspec.Struct, frozen=True):
    """How many bytes, and the first of them."""

    size: int
    head: str


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[PythonJobs]:
    with Runtime.open(tmp_path / "data") as runtime:

        @query("scales.weigh")
        def weigh(context: CallContext, request: Weigh) -> Weighed:
            """Weigh something."""
            data = runtime.sources.read(context, request, MOST)
            return Weighed(len(data), data[:5].decode())

        runtime.operations.register(weigh)
        made = PythonJobs(runtime, tmp_path / "extensions", methods=["query:scales.weigh", "action:vdfs.create_entry"])
        (tmp_path / "share").mkdir()
        runtime.share_folder(made.extension, "share", tmp_path / "share")
        yield made


def weighed(jobs: PythonJobs, **source: Any) -> Any:
    return jobs.call("query:scales.weigh", source)


def test_it_is_brought_along_or_an_entry_or_a_file(jobs: PythonJobs, tmp_path: Path) -> None:
    text = "hello, world"
    (tmp_path / "share" / "a.txt").write_text(text)
    entry = jobs.call("action:vdfs.create_entry", {"name": "a.txt", "text": text})
    for source in ({"data": base64.b64encode(text.encode()).decode()}, {"file": "share/a.txt"}, {"entry": entry["id"]}):
        assert weighed(jobs, **source) == {"size": 12, "head": "hello"}


def test_one_of_them_has_to_be_named(jobs: PythonJobs) -> None:
    assert weighed(jobs)["code"] == "invalid_payload"
    assert weighed(jobs, data="", file="share/a.txt")["code"] == "invalid_payload"
    assert weighed(jobs, data="") == {"size": 0, "head": ""}


def test_what_is_too_large_is_refused_before_it_is_read(jobs: PythonJobs, tmp_path: Path) -> None:
    (tmp_path / "share" / "big").write_bytes(bytes(MOST + 1))
    entry = jobs.call("action:vdfs.create_entry", {"name": "big", "text": "x" * (MOST + 1)})
    many = base64.b64encode(bytes(MOST + 1)).decode()
    for source in ({"data": many}, {"file": "share/big"}, {"entry": entry["id"]}):
        answer = weighed(jobs, **source)
        assert answer["code"] == "invalid_payload"
        assert "101 bytes" in answer["error"]


def test_what_is_not_there_is_not_found(jobs: PythonJobs) -> None:
    assert weighed(jobs, entry="00000000-0000-0000-0000-000000000001")["code"] == "not_found"
    assert weighed(jobs, file="share/none")["code"] == "not_found"
    assert weighed(jobs, file="none/none")["code"] == "not_found"
