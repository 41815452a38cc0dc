"""What an extension's events add up to: what it was granted, and the version that waits for consent."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace
from tests.support.job_events import EXAMPLES, installed

from perdure.store import ExtensionState
from perdure.store import events as ev
from perdure.store.extension_state import ProposedVersion, evolve
from perdure.store.projection import decode_state, encode_state

GRANTED = ev.PermissionsGranted("1.0.0", b'{"methods":["query:"]}', "python")
PROPOSED = ev.UpdateProposed("2.0.0", b"{}", "a" * 64, 8)


def after(*events: ev.Event) -> ExtensionState:
    state: ExtensionState | None = None
    for sequence, event in enumerate(events, 1):
        state = evolve(state, event, sequence, sequence * 1000)
    assert state is not None
    return state


def test_a_log_without_grants_granted_nothing() -> None:
    state = after(installed())
    assert (state.grant, state.granted_at, state.granted_by, state.proposed) == (None, None, "", None)


def test_a_grant_outlives_a_new_version_a_load_and_an_unload() -> None:
    loaded = next(event for event in EXAMPLES if isinstance(event, ev.ExtensionLoaded))
    state = after(installed(), GRANTED, loaded, ev.ExtensionUnloaded(), installed())
    assert (state.grant, state.granted_at, state.granted_by) == (GRANTED.grant, 2000, "python")
    last = after(installed(), GRANTED, replace(GRANTED, grant=b"{}", by="cli:me"))
    assert (last.grant, last.granted_at, last.granted_by) == (b"{}", 3000, "cli:me")


def test_a_grant_ends_with_an_uninstall() -> None:
    state = after(installed(), GRANTED, PROPOSED, ev.ExtensionUninstalled(), installed())
    assert (state.grant, state.granted_at, state.granted_by, state.proposed) == (None, None, "", None)
    assert after(installed(), PROPOSED, ev.ExtensionUninstalled()).proposed is None


def test_a_proposed_version_waits_beside_the_installed_one() -> None:
    state = after(installed(), GRANTED, PROPOSED)
    assert state.version == installed().version
    assert state.proposed == ProposedVersion(
        version="2.0.0", manifest=b"{}", module="a" * 64, module_bytes=8, proposed_at=3000
    )
    assert after(installed(), PROPOSED, ev.UpdateDeclined("2.0.0", "python")).proposed is None
    assert after(installed(), PROPOSED, installed()).proposed is None
    newest = after(installed(), PROPOSED, replace(PROPOSED, version="3.0.0")).proposed
    assert newest is not None
    assert newest.version == "3.0.0"


def test_a_projection_of_an_earlier_release_is_read() -> None:
    state = after(installed())
    fields = msgspec.structs.asdict(state)
    for new in ("grant", "granted_at", "granted_by", "proposed", "provenance", "publisher"):
        del fields[new]
    assert decode_state("extension:x", msgspec.msgpack.encode(fields)) == state
    assert decode_state("extension:x", encode_state(after(installed(), GRANTED, PROPOSED))) == after(
        installed(), GRANTED, PROPOSED
    )


PINNED = ev.PublisherPinned(b"k" * 32, "Acme", "f" * 64, b"", "first", "python")
SIGNED = ev.ProvenanceRecorded("1.0.0", "f" * 64, b"k" * 32, "Acme", (), proposed=False, accepted=False, by="python")


def test_a_publisher_stays_pinned_until_it_is_forgotten() -> None:
    state = after(installed(), SIGNED, PINNED, installed(), ev.ExtensionUninstalled(), installed())
    assert state.publisher is not None
    assert (state.publisher.key, state.publisher.name, state.publisher.pinned_at) == (b"k" * 32, "Acme", 3000)
    assert (state.publisher.package, state.publisher.by) == ("f" * 64, "python")
    again = after(installed(), PINNED, ev.ExtensionUninstalled(), ev.PublisherForgotten(b"k" * 32, "cli"))
    assert (again.installed, again.publisher) == (False, None)


def test_where_a_version_comes_from_ends_with_that_version() -> None:
    state = after(installed(), SIGNED)
    assert state.provenance is not None
    assert (state.provenance.key, state.provenance.package) == (b"k" * 32, "f" * 64)
    assert after(installed(), SIGNED, installed()).provenance is None


def test_where_the_version_that_waits_comes_from() -> None:
    waits = replace(SIGNED, version="2.0.0", proposed=True)
    state = after(installed(), PROPOSED, waits)
    assert state.provenance is None
    assert state.proposed is not None
    assert state.proposed.provenance is not None
    assert state.proposed.provenance.name == "Acme"
    assert after(installed(), waits).proposed is None
    assert decode_state("extension:x", encode_state(state)) == state
