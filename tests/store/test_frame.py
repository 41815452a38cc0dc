from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.job_events import (
    EXAMPLES,
    START,
    Ticks,
    checkpoint,
    dispatched,
    items,
    job_id,
    progress,
    run_of,
    runtime_opened,
    started,
)
from tests.support.tampered import TamperedStore

from perdure.store import CorruptLog, MemoryEventStore, StoreError, check
from perdure.store import events as ev
from perdure.store.frame import HASH_BYTES, DecodedFrame, Frame, genesis, link, make_frame, read_events, read_frame

GOLDEN = Path(__file__).parent / "golden"
STREAM = ev.job_stream(job_id(1))
BODIES = [ev.encode(event) for event in (dispatched(job_id(1)), started(), items(1), progress(2), checkpoint(3))]
TIMES = [START, START, START + 7, START + 3, START + 1_000_000]


def frame_of(bodies: list[bytes], times: list[int]) -> tuple[bytes, bytes]:
    return make_frame(1, 1, genesis(STREAM), times, bodies)


# --- one frame -------------------------------------------------------------------------------------------------------


def test_a_frame_holds_the_bodies_as_they_were_encoded() -> None:
    data, _ = frame_of(BODIES, TIMES)
    frame = read_frame(data, 1)
    assert [bytes(body) for body in frame.bodies] == BODIES
    assert list(frame.times()) == TIMES
    assert (frame.stream, frame.first, frame.last, frame.previous) == (1, 1, 5, genesis(STREAM))
    assert all(body in data for body in BODIES)


def test_both_ways_to_read_a_frame_agree() -> None:
    bodies = [ev.encode(event) for event in EXAMPLES]
    data, _ = frame_of(bodies, [START] * len(bodies))
    raw, decoded = read_frame(data, 1), read_events(data, 1)
    assert decoded.events == list(EXAMPLES)
    assert [ev.decode(bytes(body)) for body in raw.bodies] == decoded.events
    assert Frame.__struct_fields__[:-1] == DecodedFrame.__struct_fields__[:-1]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc0", b"\x90", b"\x96\x01\x01\xc4\x00\x00\x90\x90", b"\x96\x01\x01\xc4\x00\x00\x91\x00\x90", b"text"],
)
def test_bytes_that_are_no_frame_are_named_by_position(data: bytes) -> None:
    with pytest.raises(CorruptLog) as caught:
        read_frame(data, 77)
    assert caught.value.where == "position 77"


@given(data=st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_named_error(data: bytes) -> None:
    for read in (read_frame, read_events):
        try:
            read(data, 1)
        except CorruptLog:
            continue


def test_an_event_that_cannot_be_read_is_named() -> None:
    data, _ = frame_of([b"\x91\xa7unknown"], [START])
    assert read_frame(data, 3).last == 1
    with pytest.raises(CorruptLog) as caught:
        read_events(data, 3)
    assert caught.value.where == "position 3"


# --- the chain -------------------------------------------------------------------------------------------------------


def test_the_chain_is_blake2b_as_documented() -> None:
    """The formula once more, on nothing but hashlib: what an auditor would write."""

    def blake(data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=32, person=b"perdure-chain-1").digest()

    tip = blake(STREAM.encode())
    assert genesis(STREAM) == tip
    _, found = frame_of(BODIES, TIMES)
    for sequence, (time, body) in enumerate(zip(TIMES, BODIES, strict=True), 1):
        tip = blake(tip + struct.pack(">Qq", sequence, time) + body)
    assert found == tip
    assert len(tip) == HASH_BYTES


def test_the_frames_a_run_is_cut_into_do_not_change_the_chain() -> None:
    _, whole = frame_of(BODIES, TIMES)
    for cut in range(1, len(BODIES)):
        _, tip = make_frame(1, 1, genesis(STREAM), TIMES[:cut], BODIES[:cut])
        _, tip = make_frame(1, cut + 1, tip, TIMES[cut:], BODIES[cut:])
        assert tip == whole


@given(
    previous=st.binary(min_size=32, max_size=32),
    sequence=st.integers(1, 2**63),
    time=st.integers(0, 2**62),
    body=st.binary(max_size=50),
    change=st.sampled_from(["previous", "sequence", "time", "body"]),
)
def test_every_part_of_an_event_is_in_its_hash(
    previous: bytes, sequence: int, time: int, body: bytes, change: str
) -> None:
    whole = link(previous, sequence, time, body)
    other = {
        "previous": lambda: link(bytes(32) if any(previous) else b"\1" * 32, sequence, time, body),
        "sequence": lambda: link(previous, sequence + 1, time, body),
        "time": lambda: link(previous, sequence, time + 1, body),
        "body": lambda: link(previous, sequence, time, body + b"\0"),
    }[change]()
    assert whole != other


def test_one_stream_cannot_pass_for_another() -> None:
    assert len({genesis(name) for name in ("runtime", "job:1", "job:2", "extension:1")}) == 4


# --- tampering -------------------------------------------------------------------------------------------------------


def small_log() -> MemoryEventStore:
    store = MemoryEventStore(clock=Ticks())
    store.blobs.put(b"\0asm\x01\0\0\0")
    store.append(STREAM, [dispatched(job_id(1)), started()])
    store.append("runtime", [runtime_opened()])
    store.append(STREAM, run_of(4))
    store.append(STREAM, [items(5), checkpoint(6)])
    return store


LOG = small_log()
SIZES = [len(raw.data) for raw in LOG.frames()]


def test_an_untouched_log_checks_clean() -> None:
    assert check(TamperedStore(LOG)).problems == []


@settings(deadline=None, max_examples=400)
@given(number=st.integers(0, len(SIZES) - 1), data=st.data(), mask=st.integers(1, 255))
def test_any_byte_that_was_altered_is_detected(number: int, data: st.DataObject, mask: int) -> None:
    at = data.draw(st.integers(0, SIZES[number] - 1))

    def alter(frame: bytes) -> bytes:
        altered = bytearray(frame)
        altered[at] ^= mask
        return bytes(altered)

    assert not check(TamperedStore(LOG, {number: alter})).clean


@given(number=st.integers(0, len(SIZES) - 1))
def test_a_frame_that_was_dropped_is_detected(number: int) -> None:
    assert not check(TamperedStore(LOG, {number: lambda frame: None})).clean


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_every_single_byte_of_the_log_matters(number: int) -> None:
    """Not a sample: each byte of each frame, to its lowest bit."""
    for at in range(SIZES[number]):

        def alter(frame: bytes, at: int = at) -> bytes:
            return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]

        assert not check(TamperedStore(LOG, {number: alter})).clean, f"byte {at} of frame {number}"


@settings(deadline=None)
@given(number=st.integers(0, len(SIZES) - 1), data=st.data(), mask=st.integers(1, 255))
def test_reading_altered_bytes_raises_named_errors_only(number: int, data: st.DataObject, mask: int) -> None:
    at = data.draw(st.integers(0, SIZES[number] - 1))
    store = TamperedStore(LOG, {number: lambda frame: frame[:at] + bytes([frame[at] ^ mask]) + frame[at + 1 :]})
    for read in (lambda: list(store.read_all()), lambda: list(store.read(STREAM)), lambda: store.rebuild(STREAM)):
        try:
            read()
        except StoreError:
            continue


# --- golden bytes ----------------------------------------------------------------------------------------------------


def test_the_bytes_of_a_frame_have_not_changed() -> None:
    """A frame that shipped must be readable for ever, with the same chain."""
    data, tip = frame_of(BODIES, TIMES)
    golden, golden_tip = (bytes.fromhex(line) for line in (GOLDEN / "frame.hex").read_text().split())
    assert data == golden
    assert tip == golden_tip
    assert list(read_frame(golden, 1).times()) == TIMES
