"""The bytes of every shipped shape, kept. Whoever changes one gives the new shape a new tag instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.job_events import EXAMPLES

from perdure.store import events as ev

GOLDEN = Path(__file__).parent / "golden" / "events"


def golden(tag: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{tag}.hex").read_text())


@pytest.mark.parametrize("event", EXAMPLES, ids=ev.tag_of)
def test_golden_bytes_are_decoded(event: ev.Event) -> None:
    assert ev.decode(golden(ev.tag_of(event))) == event


@pytest.mark.parametrize("event", EXAMPLES, ids=ev.tag_of)
def test_an_event_is_encoded_to_its_golden_bytes(event: ev.Event) -> None:
    assert ev.encode(event).hex() == golden(ev.tag_of(event)).hex()


def test_every_type_has_an_example_and_golden_bytes() -> None:
    assert [type(event) for event in EXAMPLES] == list(ev.EVENT_TYPES)
    assert {path.stem for path in GOLDEN.glob("*.hex")} == {ev.tag_of(kind) for kind in ev.EVENT_TYPES}


def test_an_event_can_be_found_by_its_tag() -> None:
    for kind in ev.EVENT_TYPES:
        assert ev.type_of(ev.tag_of(kind)) is kind
    with pytest.raises(KeyError):
        ev.type_of("no such event")


def test_an_event_is_durable_unless_its_documentation_says_buffered() -> None:
    for event in EXAMPLES:
        text = type(event).__doc__ or ""
        assert ("Buffered." in text) is not ev.is_durable(event)
        assert ("Durable" in text) is ev.is_durable(event)
