"""Lists of jobs over HTTP: filtered, searched, counted, and narrowed to what a token is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.job_events import job_id
from tests.support.servers import Served, serving
from tests.support.shown_jobs import many

MANY = 300


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("lists")
    many(folder, MANY)
    with serving(folder) as served:
        yield served


def get(served: Served, path: str, token: str | None = None, **query: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token or served.token}"}
    return httpx.get(f"{served.address}/v1/{path}", params=query, headers=headers)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [job["job_id"] for job in answer.json()["jobs"]]


def test_an_offset_passes_over_the_newest(served: Served) -> None:
    expected = [str(job_id(number)) for number in range(MANY - 250, MANY - 260, -1)]
    assert ids(get(served, "jobs", offset=250, limit=10)) == expected
    assert ids(get(served, "jobs", offset=MANY)) == []
    assert get(served, "jobs", offset=-1).status_code == 422
    assert get(served, "jobs", offset=10**30).status_code == 422


def test_a_text_is_found_in_whatever_case(served: Served) -> None:
    assert ids(get(served, "jobs", text="BULK:SCAN", limit=2)) == [str(job_id(300)), str(job_id(297))]
    assert ids(get(served, "jobs", text=str(job_id(7)).upper())) == [str(job_id(7))]
    assert ids(get(served, "jobs", text="nothing like this")) == []
    assert get(served, "jobs", text="x" * 201).status_code == 422


def test_counts_are_of_what_matches(served: Served) -> None:
    whole = get(served, "jobs/counts").json()
    assert (whole["total"], whole["counts"]["paused"], whole["counts"]["cancelled"]) == (MANY, 3, 297)
    some = get(served, "jobs/counts", text="scan", extension="bulk").json()
    assert (some["total"], some["counts"]["paused"], some["counts"]["running"]) == (100, 1, 0)
    assert get(served, "jobs/counts", extension="another").json()["total"] == 0


def test_a_token_for_another_extension_or_library_sees_none(served: Served) -> None:
    runtime = served.runtime
    library = runtime.store.job(job_id(1)).library_id
    for opened, seen in (
        (runtime.issue_token("a", ["read"], extensions=["bulk"]), MANY),
        (runtime.issue_token("b", ["read"], libraries=[library]), MANY),
        (runtime.issue_token("c", ["read"], extensions=["another"]), 0),
        (runtime.issue_token("d", ["read"], libraries=[job_id(1)]), 0),
    ):
        assert get(served, "jobs/counts", opened.text).json()["total"] == seen
        assert len(ids(get(served, "jobs", opened.text, limit=1000))) == seen
        assert len(ids(get(served, "jobs", opened.text, limit=1000, offset=100))) == max(0, seen - 100)


def test_who_one_is_is_answered_to_whoever_may_read(served: Served) -> None:
    issued = served.runtime.issue_token("a visitor", ["read", "control"], extensions=["bulk"])
    me = get(served, "me", issued.text).json()
    assert (me["name"], me["scopes"], me["extensions"], me["libraries"]) == (
        "a visitor",
        ["control", "read"],
        ["bulk"],
        None,
    )
    assert me["client"] == f"token:{issued.token.token}"
    assert get(served, "me", "pdr_00000000_" + "A" * 43).status_code == 401
