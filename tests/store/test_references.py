"""Which blobs something names: none is missed, whatever kind of event names it."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.job_events import EXAMPLES, MODULE, Ticks, job_id, start_job

from perdure.store import MemoryEventStore
from perdure.store import events as ev
from perdure.store.blobs import digest_of
from perdure.store.frame import read_frame
from perdure.store.references import blobs_of, may_name_blobs, named_in_frame, named_in_row

DIGEST = digest_of(b"some bytes")
REF = ev.BlobRef(digest=DIGEST, size=100_000)


def named(event: ev.Event) -> set[str]:
    """The digests that are found in the bytes of a frame with this event."""
    from perdure.store.frame import genesis, make_frame

    data, _ = make_frame(1, 1, genesis("job:x"), [1], [ev.encode(event)])
    found = {digest.hex() for digest in named_in_frame(read_frame(data, 1))}
    assert may_name_blobs(data) or not found
    return found


def _payload_fields(event: ev.Event) -> list[str]:
    hints = {field.name: str(field.type) for field in msgspec.structs.fields(type(event))}
    return [name for name, hint in hints.items() if "BlobRef" in hint]


WITH_PAYLOADS = [(event, name) for event in EXAMPLES for name in _payload_fields(event)]


@pytest.mark.parametrize(("event", "name"), WITH_PAYLOADS, ids=lambda value: str(value)[:20])
def test_every_payload_that_is_a_blob_is_found(event: ev.Event, name: str) -> None:
    changed = msgspec.structs.replace(event, **{name: REF})
    assert DIGEST in blobs_of(changed)
    assert DIGEST in named(changed)
    sealed = msgspec.structs.replace(event, **{name: ev.Sealed("key", b"{}", REF)})
    assert DIGEST in blobs_of(sealed)
    assert DIGEST in named(sealed)


@pytest.mark.parametrize("event", EXAMPLES, ids=ev.tag_of)
def test_the_bytes_of_an_event_name_at_least_what_it_names(event: ev.Event) -> None:
    assert blobs_of(event) <= named(event)


def test_modules_are_named_but_not_by_having_been_compiled() -> None:
    for event in EXAMPLES:
        if getattr(event, "module", None) == MODULE:
            assert (MODULE in blobs_of(event)) is not isinstance(event, ev.ModuleCompiled)
            assert (MODULE in named(event)) is not isinstance(event, ev.ModuleCompiled)


def test_the_rows_that_an_event_writes_name_theirs() -> None:
    value = msgspec.msgpack.encode([1, DIGEST, {"more": DIGEST}])
    event = ev.ActionAnswered(1, 1, "action:a.b", None, "", ev.Inline(b"{}"), ev.Inline(b"{}"), "", ())
    event = msgspec.structs.replace(event, writes=(ev.RowWrite(b"key", value),))
    assert DIGEST in named(event)
    assert {digest.hex() for digest in named_in_row(b"key", value)} >= {DIGEST}
    assert {digest.hex() for digest in named_in_row(b"vdfs\0" + DIGEST.encode(), b"")} == {DIGEST}
    assert DIGEST in {digest.hex() for digest in named_in_row(b"", b"ab" + DIGEST.encode() + b"cd")}
    assert list(named_in_row(b"key", b"nothing")) == []


def test_a_guests_text_names_nothing() -> None:
    with MemoryEventStore(Ticks()) as store:
        text = f'{{"digest": "{DIGEST}"}}'
        start_job(store, 1, [ev.LogWritten(1, 1, 1, text)])
        (raw,) = store.frames()
        assert DIGEST not in {digest.hex() for digest in named_in_frame(read_frame(raw.data, raw.position))}
        assert store.job(job_id(1)).sequence == 3
