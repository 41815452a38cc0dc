from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.job_events import (
    EXAMPLES,
    MODULE,
    Ticks,
    checkpoint,
    dispatched,
    installed,
    items,
    job_id,
    run_of,
    runtime_opened,
    start_job,
    started,
)

from perdure.store import AppendRequest, MemoryEventStore, as_json, export_lines
from perdure.store import events as ev
from perdure.store.export import event_data, timestamp
from perdure.store.frame import MAX_TIME


def microseconds(text: str) -> int:
    delta = datetime.fromisoformat(text) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    with MemoryEventStore(clock=Ticks()) as store:
        stream = start_job(store, 1, run_of(20))
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        store.append(stream, [checkpoint(21, b"\xff\xfe"), items(22)])
        store.append(ev.extension_stream("test-extension"), [installed()])
        return [json.loads(line) for line in export_lines(store.read_all())]


def test_each_event_is_one_line_of_json() -> None:
    with MemoryEventStore(clock=Ticks()) as store:
        start_job(store, 1, [ev.LogWritten(call=1, fuel=1, level=1, message="two\nlines \u2028 and\r\x00")])
        exported = list(export_lines(store.read_all()))
    assert len(exported) == 3
    for line in exported:
        assert len(line.splitlines()) == 1 or "\u2028" in line
        assert "\n" not in line
    assert json.loads(exported[2])["data"]["message"] == "two\nlines \u2028 and\r\x00"


def test_a_line_says_what_and_where_and_when(lines: list[dict[str, Any]]) -> None:
    first = lines[0]
    assert list(first) == ["position", "stream", "sequence", "time", "type", "data", "previous", "hash", "body"]
    assert (first["position"], first["stream"], first["sequence"]) == (1, ev.job_stream(job_id(1)), 1)
    assert (first["type"], first["time"]) == ("dispatched", "2026-01-01T00:00:00.000000Z")
    assert first["data"]["job_id"] == str(job_id(1))
    assert first["data"]["state"] == '{"target": 3}'
    assert first["data"]["limits"]["memory_bytes"] == 512 * 1024 * 1024
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))


def test_the_chain_can_be_checked_from_the_export_alone(lines: list[dict[str, Any]]) -> None:
    """No code of this package, only what the documentation says."""
    tips: dict[str, tuple[int, bytes]] = {}

    def blake(data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=32, person=b"perdure-chain-1").digest()

    for line in lines:
        sequence, tip = tips.get(line["stream"], (0, blake(line["stream"].encode())))
        assert line["sequence"] == sequence + 1
        assert bytes.fromhex(line["previous"]) == tip
        body = base64.b64decode(line["body"], validate=True)
        tip = blake(tip + struct.pack(">Qq", line["sequence"], microseconds(line["time"])) + body)
        assert bytes.fromhex(line["hash"]) == tip
        tips[line["stream"]] = (line["sequence"], tip)
    assert len(tips) == 3


@given(time=st.integers(0, MAX_TIME))
@example(time=2**56 + 3)
@example(time=MAX_TIME)
def test_a_timestamp_loses_nothing(time: int) -> None:
    text = timestamp(time)
    assert text.endswith("Z")
    assert microseconds(text) == time


def test_payloads_are_text_where_they_can_be() -> None:
    def state(payload: ev.Payload) -> object:
        return event_data(ev.CheckpointSaved(call=1, fuel=1, state=payload))["state"]

    assert state(ev.Inline("grün".encode())) == "grün"
    assert state(ev.Inline(b"\xff\x00")) == {"base64": base64.b64encode(b"\xff\x00").decode()}
    assert state(ev.BlobRef(MODULE, 70_000)) == {"blob": MODULE, "size": 70_000}
    assert event_data(installed())["manifest"] == '{"id": "test-extension"}'


@pytest.mark.parametrize("event", EXAMPLES, ids=ev.tag_of)
def test_every_event_has_its_fields_in_the_export(event: ev.Event) -> None:
    data = json.loads(json.dumps(event_data(event)))
    assert list(data) == list(event.__struct_fields__)


def test_an_error_is_shown_with_its_limit_and_backtrace() -> None:
    failed = next(event for event in EXAMPLES if isinstance(event, ev.JobFailed))
    error = event_data(failed)["error"]
    assert error["limit"] == {"limit": "fuel", "value": 1_000_000, "used": 1_000_000, "unit": "fuel"}
    assert error["backtrace"] == [{"function": "execute_counter", "offset": 412}]
    assert error["data"] == {"memory_bytes": 131072}


@settings(deadline=None)
@given(
    message=st.text(st.characters(exclude_categories=())).map(lambda text: text.encode("utf-8", "replace").decode()),
    progress=st.floats(),
    state=st.binary(max_size=30),
    time=st.integers(0, MAX_TIME),
)
def test_whatever_a_guest_says_is_valid_json(message: str, progress: float, state: bytes, time: int) -> None:
    stream = ev.job_stream(job_id(1))
    said = [
        dispatched(job_id(1), state=state),
        started(),
        ev.ProgressReported(call=1, fuel=1, progress=progress, message=message),
    ]
    with MemoryEventStore() as store:
        store.append_batch([AppendRequest(stream, [ev.encode(event) for event in said], [time] * 3)])
        for line, stored in zip(export_lines(store.read_all()), store.read_all(), strict=True):
            parsed = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
            assert base64.b64decode(parsed["body"]) == stored.body
            assert parsed["time"] == timestamp(time)
            assert as_json(stored)["hash"] == parsed["hash"]


def test_of_a_sealed_payload_there_is_what_may_be_shown() -> None:
    shown, sealed = b'{"name":"n","key":"[sensitive]"}', bytes(range(200))
    payload = ev.Sealed("the-key", shown, ev.Inline(sealed))
    event = ev.ActionAnswered(1, 1, "action:x", None, "e", payload, ev.Inline(b"{}"), "")
    assert event_data(event)["payload"] == {"shown": shown.decode(), "sealed": "the-key"}
    assert base64.b64encode(sealed).decode() not in json.dumps(event_data(event))
