"""Payloads that mean harm: an answer that says so, in bounded time, and everybody else goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.attackers import Attack, Attacker
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, Status
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query

METHOD = "query:target.echo"


class Everything(msgspec.Struct):
    """Fields of each kind, and one that takes whatever JSON can say."""

    text: str = ""
    number: int = 0
    real: float = 0.0
    things: dict[str, Any] = {}
    anything: Any = None


class Target:
    def __init__(self) -> None:
        self.got: list[Everything] = []

    @query("target.echo")
    def echo(self, context: CallContext, request: Everything) -> Everything:
        """Answer with what was asked."""
        self.got.append(request)
        return request


@pytest.fixture
def target(runtime: Runtime) -> Target:
    target = Target()
    runtime.operations.register(target.echo)
    return target


def nested(depth: int, field: str = "anything") -> bytes:
    return b'{"' + field.encode() + b'":' + b"[" * depth + b"]" * depth + b"}"


def objects(depth: int) -> bytes:
    return b'{"things":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


BOMBS: dict[str, bytes] = {
    "a field twice": b'{"text":"a","text":"b"}',
    "a field twice, deep inside": b'{"things":{"a":[{"b":1,"c":2,"b":3}]}}',
    "a field twice, once escaped": b'{"text":"a","te\\u0078t":"b"}',
    "an unknown field twice": b'{"what":1,"what":2}',
    "deep arrays": nested(10_000),
    "deep arrays in an unknown field": nested(10_000, "what"),
    "deep objects": objects(4_000),
    "deep and unfinished": b'{"anything":' + b"[" * 20_000,
    "a number of digits": b'{"number":' + b"9" * 20_000 + b"}",
    "a number of digits anywhere": b'{"anything":' + b"9" * 20_000 + b"}",
    "an exponent": b'{"real":1e999999999}',
    "an exponent anywhere": b'{"anything":-1e400}',
    "beyond 64 bits": b'{"number":18446744073709551616}',
    "beyond 64 bits anywhere": b'{"anything":[340282366920938463463374607431768211456]}',
    "NaN": b'{"real":NaN}',
    "NaN anywhere": b'{"anything":NaN}',
    "Infinity": b'{"real":Infinity}',
    "-Infinity anywhere": b'{"anything":[-Infinity]}',
    "half a surrogate pair": b'{"text":"\\ud800"}',
    "half a surrogate pair anywhere": b'{"anything":{"\\udfff":1}}',
    "an overlong character": b'{"text":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"text":"\xed\xa0\x80"}',
    "no UTF-8 in an unknown field": b'{"what":"\xff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"text":"a"}'.encode("utf-16-le"),
    "a NUL": b'{"text":"a\0b"}',
    "a comment": b'{"text":"a"} // b',
    "two values": b"{}{}",
    "a comma too many": b'{"text":"a",}',
    "single quotes": b"{'text':'a'}",
    "hexadecimal": b'{"number":0x10}',
    "a leading zero": b'{"number":007}',
    "true as a number": b'{"number":true}',
    "a number as a text": b'{"text":5}',
    "no object": b"[]",
    "null": b"null",
    "nothing": b"",
    "white space": b" " * 20_000,
}


def test_bombs_are_refused(runtime: Runtime, target: Target, tmp_path: Path, way: str) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=[METHOD])
    for name, answer in zip(BOMBS, mallory.attack([Attack(METHOD, bomb) for bomb in BOMBS.values()]), strict=True):
        assert answer.get("code") == "invalid_payload", (name, answer)
        assert len(answer["error"]) < 1_000, name
    assert target.got == []
    assert mallory.codes([Attack(METHOD, b'{"text":"still here"}')]) == [""]


def test_what_is_large_but_no_bomb_is_answered(runtime: Runtime, target: Target, tmp_path: Path, way: str) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=[METHOD])
    payloads = [
        nested(50),
        b'{"number":9223372036854775807}',
        b'{"real":1.7976931348623157e308}',
        b'{"text":"\\ud83d\\ude00 \\u0000 \\u202e"}',
        '{"text":"\u202e\u200b\U0001f600"}'.encode(),
        b'{"things":' + json.dumps({str(number): number for number in range(500)}).encode() + b"}",
        b'{"anything":{"a":{"a":{"a":1}}},"things":{"a":1}}',  # the same name, in different objects
    ]
    assert mallory.codes([Attack(METHOD, payload) for payload in payloads]) == [""] * len(payloads)
    assert len(target.got) == len(payloads)


def test_a_payload_beyond_a_jobs_limit_ends_the_job_and_no_other(
    runtime: Runtime, target: Target, tmp_path: Path
) -> None:
    wat = RuntimeWat(memory="200")
    size = 8 * 1024 * 1024 + 1
    wat.job("run", f"(drop {wat.call('spacedrive_call', wat.text(METHOD), 0, 65_536, size)}) (i32.const 0)")
    folder = write_extension(tmp_path / "big", wat.module(), extension="big", permissions={"methods": [METHOD]})
    runtime.install(folder)
    state = runtime.dispatch("big:run").wait(TIMEOUT)
    assert state.status is Status.FAILED
    assert state.error is not None
    assert (state.error.kind, state.error.blame) == ("payload_size", "guest")
    assert target.got == []
    assert Attacker(runtime, tmp_path, "python", methods=[METHOD]).codes([Attack(METHOD)]) == [""]


def test_a_payload_beyond_every_limit_is_refused(runtime: Runtime, target: Target, tmp_path: Path) -> None:
    mallory = Attacker(runtime, tmp_path, "host", methods=[METHOD])
    assert mallory.codes([Attack(METHOD, b'{"text":"' + b"x" * (64 * 1024 * 1024) + b'"}')]) == ["invalid_payload"]
    assert target.got == []


def test_many_small_texts_are_no_bomb_either(runtime: Runtime, target: Target, tmp_path: Path) -> None:
    """A megabyte of structure: what a check that is not linear would take minutes for."""
    mallory = Attacker(runtime, tmp_path, "python", methods=[METHOD])
    payloads = [
        b'{"anything":[' + b'"\\\\",' * 100_000 + b'""]}',
        b'{"anything":[' + b"[]," * 200_000 + b"[]]}",
        b'{"anything":{' + b",".join(b'"%d":1' % number for number in range(60_000)) + b"}}",
        b'{"anything":"' + b"\\" * 500_000 + b'"}',
    ]
    assert mallory.codes([Attack(METHOD, payload) for payload in payloads]) == [""] * 4
    assert mallory.codes([Attack(METHOD, b'{"anything":"' + b'\\"' * 300_000)]) == ["invalid_payload"]
