"""What a file calls, read from its syntax tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.toolchain.python.code_reading import Reading, read_code
from perdure_sdk.clients import CALLS

WRITE, READ = "action:vdfs.write_sidecar", "query:vdfs.read_sidecar"


def _read(text: str) -> Reading:
    return read_code("a.py", text, CALLS)


@pytest.mark.parametrize(
    "text",
    [
        "ctx.call('action:vdfs.write_sidecar', {})",
        "ctx.call(method='action:vdfs.write_sidecar')",
        "anything.call('action:vdfs.write_sidecar')",
        "ctx.vdfs.write_sidecar(path='/')",
        "write = ctx.vdfs.write_sidecar",
        "self.ctx.vdfs.write_sidecar()",
        "ctx.vdfs.in_library(other).write_sidecar()",
        "files = ctx.vdfs\nfiles.write_sidecar()",
        "files = VdfsClient(ctx)\nfiles.write_sidecar()",
        "clients.VdfsClient(ctx, library_id=x).write_sidecar()",
        "def f(c: JobContext): c.vdfs.write_sidecar()",
        "def f(c: 'perdure_sdk.JobContext'): c.vdfs.write_sidecar()",
        "@ext.job\ndef f(job): job.vdfs.write_sidecar()",
        "@ext.job(name='x')\ndef f(job, state): job.vdfs.write_sidecar()",
        "NAME = 'action:vdfs.write_sidecar'\nctx.call(NAME)",
    ],
)
def test_a_call_is_found(text: str) -> None:
    assert _read(text) == Reading(names=frozenset({WRITE}))


def test_what_is_asked_of_the_host_by_the_context_itself() -> None:
    assert _read("ctx.now()\nctx.random.random()\nctx.uuid4()").names == {"query:clock.now", "query:random.bytes"}
    assert _read("datetime.now()\nrandom.random()").names == frozenset()


@pytest.mark.parametrize("name", ["'query:' + name", "f'query:{name}'", "name", "NAMES[0]"])
def test_a_name_that_is_made_later_is_counted(name: str) -> None:
    assert _read(f"x = 1\nctx.call({name})") == Reading(dynamic=("a.py:2",))


def test_other_texts_and_methods_are_no_calls() -> None:
    text = (
        "s = 'action:vdfs.write_sidecar'\nprint('query:a.b')\nthing.write_sidecar()\nthing.call('subprocess')\nvdfs.x"
    )
    assert _read(text) == Reading()


def test_modules_that_the_sandbox_has_not() -> None:
    text = "import ssl\nimport json\nfrom ctypes import c_int\ntry:\n import fcntl\nexcept ImportError:\n import bz2"
    assert [line.split(": ")[:2] for line in _read(text).missing] == [
        ["a.py:1", "import ssl"],
        ["a.py:3", "import ctypes"],
        ["a.py:7", "import bz2"],
    ]
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ssl\n"
    assert _read(guarded).missing == ()


@pytest.mark.parametrize(
    ("text", "line", "instead"),
    [
        ("import time\ntime.time()", 2, "ctx.now()"),
        ("from datetime import datetime as d\nd.now()", 2, "ctx.now()"),
        ("import uuid\nx = uuid.uuid4()", 2, "ctx.uuid4()"),
        ("import urllib.request", 1, "ctx.http"),
        ("import threading\n\nthreading.Thread(target=f)", 3, "no threads"),
    ],
)
def test_what_is_of_no_use_in_the_sandbox_is_said(text: str, line: int, instead: str) -> None:
    (said,) = _read(text).useless
    assert said.startswith(f"a.py:{line}: ")
    assert instead in said


@given(st.text())
def test_whatever_stands_there_is_read(text: str) -> None:
    assert isinstance(_read(text), Reading)
