from __future__ import annotations

import msgspec
import pytest
from tests.support.job_events import EXAMPLES, dispatched, items, job_id, started, warning

from perdure.store import MemoryEventStore, events, upcast
from perdure.store import events as ev
from perdure.store.frame import read_events
from perdure.store.upcast import UPCASTS


class WarningAdded2(ev.GuestEvent, frozen=True, tag="warning.2"):
    """What a second shape of a warning could be."""

    message: str
    severity: int


class WarningAdded3(ev.GuestEvent, frozen=True, tag="warning.3"):
    """And a third."""

    message: str
    severity: str


TABLE: upcast.Upcasts = {
    ev.WarningAdded: lambda old: WarningAdded2(old.call, old.fuel, old.message, 1),
    WarningAdded2: lambda old: WarningAdded3(old.call, old.fuel, old.message, ("info", "warn")[old.severity]),
}


def test_an_old_shape_becomes_the_present_one_step_by_step() -> None:
    assert upcast.upcast(warning(7, "odd"), TABLE) == WarningAdded3(7, 70, "odd", "warn")
    assert upcast.upcast(WarningAdded2(7, 70, "odd", 0), TABLE) == WarningAdded3(7, 70, "odd", "info")


def test_other_events_pass_through_untouched() -> None:
    for example in EXAMPLES:
        if not isinstance(example, ev.WarningAdded):
            assert upcast.upcast(example, TABLE) is example


def test_no_shape_has_been_superseded_yet() -> None:
    """When one is, this test gets its golden bytes and what they become."""
    assert dict(UPCASTS) == {}


def test_old_events_are_upcast_wherever_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item counted by the old shape turns up as two of the present one: in reads, folds and the projection."""
    assert isinstance(UPCASTS, dict)
    monkeypatch.setitem(UPCASTS, ev.BytesCounted, lambda old: ev.ItemsCounted(old.call, old.fuel, old.count * 2))
    stream = ev.job_stream(job_id(1))
    with MemoryEventStore() as store:
        old = ev.BytesCounted(call=1, fuel=10, count=21)
        store.append(stream, [dispatched(job_id(1)), started(), old])
        present = ev.ItemsCounted(call=1, fuel=10, count=42)
        (frame,) = store.frames()
        assert read_events(frame.data, 1).events[2] == present
        last = next(store.read(stream, backward=True))
        assert last.event == present
        assert last.body == ev.encode(old), "the bytes stay what they were, and so does the chain"
        rebuilt = store.rebuild(stream)
        assert rebuilt is not None
        assert rebuilt == store.state(stream)
        assert store.job(job_id(1)).items == 42


def test_an_event_keeps_its_tag_as_its_first_item() -> None:
    for example in EXAMPLES:
        decoded = msgspec.msgpack.decode(ev.encode(example))
        assert decoded[0] == events.tag_of(example)
    assert msgspec.msgpack.decode(ev.encode(items(3, 9))) == ["items", 3, 30, 9]
