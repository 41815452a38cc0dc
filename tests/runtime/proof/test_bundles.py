"""Bundles: one file that proves a job on any machine; and what becomes of those that were altered."""

from __future__ import annotations

import resource
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.bundles import bundle_of, parts_of, write
from tests.support.secret_calls import install_calls, run_calls
from tests.support.witness import install_witness, run_witness

from perdure.runtime import Runtime
from perdure.runtime.proof import BadBundle, BundleNotWritten, UnsupportedBundle, Verdict, verify_bundle
from perdure.runtime.proof.bundle import Bundle
from perdure.runtime.proof.bundle_format import BLOB, EVENTS, HEAD, MAGIC, OPENED, SEAL, record_head
from perdure.store import events as ev
from perdure.store.errors import StoreError
from perdure.store.events import job_stream
from perdure.store.frame import genesis, make_frame, read_frame

SECRET = b'{"word":"open sesame"}'


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A folder, and the bundle of a job that made every host call; its log is gone."""
    folder = tmp_path_factory.mktemp("bundles")
    with Runtime.open(folder / "data") as runtime:
        install_witness(runtime, folder)
        job = run_witness(runtime, "all")
        runtime.export_bundle(job.job_id, folder / "job.perdure")
    return folder, (folder / "job.perdure").read_bytes()


def test_a_bundle_proves_what_the_log_proves(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "all")
    path = tmp_path / "job.perdure"
    written = witness.export_bundle(job.job_id, path)
    log, bundle = witness.verify(job.job_id), verify_bundle(path)
    assert (bundle.verdict, bundle.source, bundle.projection) == (Verdict.PROVED, "bundle", "none")
    assert (bundle.compared, bundle.runs, bundle.hash) == (log.compared, log.runs, log.hash)
    assert bundle.ran_with == log.ran_with
    assert (written.events, written.blobs, written.sealed) == (job.state.sequence, 1, 0)
    assert written.size == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_content_has_the_same_bytes(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "all")
    paths = [tmp_path / name for name in ("one.perdure", "two.perdure")]
    for path in paths:
        witness.export_bundle(job.job_id, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_bundle_replaces_one_that_is_there(witness: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "job.perdure"
    path.write_bytes(b"old")
    witness.export_bundle(run_witness(witness, "quiet").job_id, path)
    assert verify_bundle(path).is_proved
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".new")] == []


def test_a_folder_that_is_not_there(witness: Runtime, tmp_path: Path) -> None:
    with pytest.raises(BundleNotWritten):
        witness.export_bundle(run_witness(witness, "quiet").job_id, tmp_path / "none" / "job.perdure")


def test_a_blob_that_is_missing_leaves_no_file(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "quiet")
    witness.store.blobs.remove(job.state.module)
    with pytest.raises(StoreError):
        witness.export_bundle(job.job_id, tmp_path / "job.perdure")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == []


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_sealed_payloads_stay_sealed(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, ("query:test.nothing", SECRET))
    job = run_calls(runtime)
    path = tmp_path / "job.perdure"
    written = runtime.export_bundle(job.job_id, path)
    assert (written.sealed, written.opened) == (1, 0)
    assert SECRET not in path.read_bytes()
    proof = verify_bundle(path)
    assert proof.verdict is Verdict.PARTIAL
    (lost,) = proof.lost
    assert (lost.run, lost.call, lost.calls) == (1, 1, 1)
    assert "sealed with key" in lost.why
    assert verify_bundle(path, keychain=runtime.keychain).is_proved


def test_secrets_are_added_only_on_demand_and_only_this_jobs(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, ("query:test.nothing", SECRET))
    job = run_calls(runtime)
    path = tmp_path / "job.perdure"
    written = runtime.export_bundle(job.job_id, path, secrets=True)
    assert (written.sealed, written.opened) == (1, 1)
    assert SECRET in path.read_bytes()
    proof = verify_bundle(path)
    # That the copy is what was sealed is the exporter's word.
    assert (proof.verdict, proof.lost) == (Verdict.PARTIAL, ())
    assert [one.what for one in proof.not_compared if not one.expected] == ["sealed payloads"]


def test_a_false_copy_of_a_secret_is_found(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, ("query:test.nothing", SECRET))
    path = tmp_path / "job.perdure"
    runtime.export_bundle(run_calls(runtime).job_id, path, secrets=True)
    parts = [
        (kind, content.replace(b"sesame", b"simsim") if kind == OPENED else content)
        for kind, content in parts_of(path.read_bytes())
    ]
    assert verify_bundle(write(tmp_path, bundle_of(parts))).verdict is Verdict.DIFFERS


# --- seals -----------------------------------------------------------------------------------------------------------


def test_a_seal_goes_along(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "all")
    seal = witness.seal()
    path = tmp_path / "job.perdure"
    witness.export_bundle(job.job_id, path)
    proof = verify_bundle(path)
    assert proof.is_proved
    assert proof.seal is not None
    assert (proof.seal.sequence, proof.seal.trusted) == (job.state.sequence, False)
    trusting = verify_bundle(path, seal_key=bytes.fromhex(proof.seal.key))
    assert trusting.seal is not None
    assert trusting.seal.trusted
    assert verify_bundle(path, seal_key=bytes(32)).verdict is Verdict.DAMAGED
    assert seal is not None


def shorter(parts: list[tuple[bytes, bytes]], keep: int) -> list[tuple[bytes, bytes]]:
    """The bundle of a history whose last events were cut off, made as if there had never been more."""
    head = msgspec.json.decode(parts[0][1])
    stream = job_stream(head["job"])
    (frame,) = (read_frame(content, 0) for kind, content in parts if kind == EVENTS)
    bodies, times = [bytes(body) for body in frame.bodies[:keep]], list(frame.times())[:keep]
    data, tip = make_frame(1, 1, genesis(stream), times, bodies)
    head |= {"sequence": keep, "hash": tip.hex()}
    others = [part for part in parts if part[0] not in (HEAD, EVENTS)]
    return [(HEAD, msgspec.json.encode(head)), (EVENTS, data), *others]


def test_a_tail_that_was_cut_off_is_found_by_the_seal(witness: Runtime, tmp_path: Path) -> None:
    job = run_witness(witness, "all")
    witness.seal()
    path = tmp_path / "job.perdure"
    witness.export_bundle(job.job_id, path)
    cut = shorter(parts_of(path.read_bytes()), 5)
    proof = verify_bundle(write(tmp_path, bundle_of(cut)))
    assert proof.verdict is Verdict.DAMAGED
    assert "its end was cut off" in proof.damage
    # Without a seal nobody can know: what is there is true.
    unsealed = [part for part in cut if part[0] != SEAL]
    assert verify_bundle(write(tmp_path, bundle_of(unsealed))).is_proved


# --- hostile files ---------------------------------------------------------------------------------------------------


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_altered_byte_is_found(exported: tuple[Path, bytes], data: st.DataObject) -> None:
    folder, good = exported
    at = data.draw(st.integers(0, len(good) - 1))
    altered = bytearray(good)
    altered[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadBundle):
        verify_bundle(write(folder, bytes(altered)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_altered_byte_under_a_digest_that_fits_proves_nothing(
    exported: tuple[Path, bytes], data: st.DataObject
) -> None:
    folder, good = exported
    parts = parts_of(good)
    number = data.draw(st.sampled_from([place for place, part in enumerate(parts) if part[0] != HEAD]))
    kind, content = parts[number]
    altered = bytearray(content)
    altered[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    parts[number] = (kind, bytes(altered))
    try:
        proof = verify_bundle(write(folder, bundle_of(parts)))
    except BadBundle:
        return
    assert not proof.is_proved


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_bundle_that_was_cut_is_none(exported: tuple[Path, bytes], data: st.DataObject) -> None:
    folder, good = exported
    with pytest.raises(BadBundle):
        verify_bundle(write(folder, good[: data.draw(st.integers(0, len(good) - 1))]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rubbish=st.binary(max_size=500), with_magic=st.booleans())
def test_rubbish_is_no_bundle(tmp_path: Path, rubbish: bytes, with_magic: bool) -> None:
    with pytest.raises(BadBundle):
        verify_bundle(write(tmp_path, (MAGIC if with_magic else b"") + rubbish))


def mutations(good: bytes) -> dict[str, bytes]:
    """Bundles that break one rule each, under digests that fit."""
    parts = parts_of(good)
    head, (events,), blobs = parts[0], [p for p in parts if p[0] == EVENTS], [p for p in parts if p[0] == BLOB]
    fields: dict[str, Any] = msgspec.json.decode(head[1])

    def headed(**changed: Any) -> bytes:
        return bundle_of([(HEAD, msgspec.json.encode(fields | changed)), *parts[1:]])

    nested = b"\x91" * 200_000
    return {
        "no events": bundle_of([head, *blobs]),
        "events twice": bundle_of([head, events, events, *blobs]),
        "two heads": bundle_of([head, head, events, *blobs]),
        "blobs first": bundle_of([head, *blobs, events]),
        "a blob twice": bundle_of([*parts, *blobs]),
        "no head": bundle_of(parts[1:]),
        "an unknown part": bundle_of([*parts, (b"MORE", b"")]),
        "more events than there are": headed(sequence=fields["sequence"] + 1),
        "a sequence below one": headed(sequence=0),
        "a huge sequence": headed(sequence=2**63),
        "a short hash": headed(hash="00"),
        "a hash that is none": headed(hash="zz" * 32),
        "a head with more": headed(more=1),
        "a head that is none": bundle_of([(HEAD, b"{"), *parts[1:]]),
        "a nested head": bundle_of([(HEAD, b"[" * 100_000), *parts[1:]]),
        "nested events": bundle_of([head, (EVENTS, nested), *blobs]),
        "an array of four thousand million": bundle_of([head, (EVENTS, b"\xdd\xff\xff\xff\xff"), *blobs]),
        "bytes that are not there": bundle_of([head, (EVENTS, b"\x96\x01\x01\xc6\xff\xff\xff\xff"), *blobs]),
        "something behind the end": good + b"\0",
        "a size beyond the file": MAGIC + record_head(HEAD, 2**40) + b"{}",
        "a size beyond all bounds": MAGIC + record_head(HEAD, 2**64 - 1) + b"{}",
        "another stream's number": bundle_of([head, (EVENTS, b"\x96\x02" + events[1][2:]), *blobs]),
        "an opened payload without a name": bundle_of([*parts, (OPENED, b"short")]),
    }


def test_every_broken_rule_is_an_error(exported: tuple[Path, bytes]) -> None:
    folder, good = exported
    accepted = []
    for name, data in mutations(good).items():
        try:
            verify_bundle(write(folder, data))
        except BadBundle:
            continue
        accepted.append(name)
    assert accepted == []


def test_another_jobs_events_are_damage(exported: tuple[Path, bytes]) -> None:
    folder, good = exported
    parts = parts_of(good)
    fields = msgspec.json.decode(parts[0][1])
    fields["job"] = "0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12"
    proof = verify_bundle(write(folder, bundle_of([(HEAD, msgspec.json.encode(fields)), *parts[1:]])))
    assert proof.verdict is Verdict.DAMAGED


def test_a_bundle_without_its_module_proves_no_run(exported: tuple[Path, bytes]) -> None:
    folder, good = exported
    proof = verify_bundle(write(folder, bundle_of([part for part in parts_of(good) if part[0] != BLOB])))
    assert proof.verdict is Verdict.PARTIAL
    assert proof.lost[0].calls == 15


def test_a_seal_that_is_rubbish(exported: tuple[Path, bytes]) -> None:
    folder, good = exported
    for seal in (b"", b"\xdd\xff\xff\xff\xff", b"\x98" + b"\x00" * 100):
        proof = verify_bundle(write(folder, bundle_of([*parts_of(good), (SEAL, seal)])))
        assert proof.verdict is Verdict.DAMAGED


def test_a_newer_format_is_named(exported: tuple[Path, bytes]) -> None:
    folder, good = exported
    with pytest.raises(UnsupportedBundle) as raised:
        verify_bundle(write(folder, good.replace(b"perdure bundle 1\n", b"perdure bundle 7\n", 1)))
    assert (raised.value.found, raised.value.known) == ("7", 1)


def test_limits_that_make_no_sense_end_in_no_crash(exported: tuple[Path, bytes]) -> None:
    folder, good = exported
    parts = parts_of(good)
    (frame,) = (read_frame(content, 0) for kind, content in parts if kind == EVENTS)
    for limits in (
        ev.JobLimits(memory_bytes=2**62),
        ev.JobLimits(memory_bytes=-1),
        ev.JobLimits(stack_bytes=2**40),
        ev.JobLimits(fuel=2**63),
        ev.JobLimits(payload_bytes=0),
    ):
        dispatched = msgspec.structs.replace(ev.decode(bytes(frame.bodies[0])), limits=limits)
        bodies = [ev.encode(dispatched), *(bytes(body) for body in frame.bodies[1:])]
        head = msgspec.json.decode(parts[0][1])
        data, tip = make_frame(1, 1, genesis(job_stream(head["job"])), list(frame.times()), bodies)
        altered = [(HEAD, msgspec.json.encode(head | {"hash": tip.hex()})), (EVENTS, data), *parts[2:]]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        proof = verify_bundle(write(folder, bundle_of(altered)))
        assert proof.verdict in (Verdict.PROVED, Verdict.PARTIAL, Verdict.DIFFERS)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024  # KiB


def test_a_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        Bundle(tmp_path)
