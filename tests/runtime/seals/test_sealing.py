"""Making seals: what they state, when nothing changed, who signs, at intervals, and through crashes."""

from __future__ import annotations

import subprocess
import threading
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.runtime.secrets.crash import Crash, dying_at
from tests.support.job_events import job_id
from tests.support.manual_clock import ManualClock
from tests.support.sealed_logs import STREAMS, SealedLog
from tests.support.small_disk import small_disk
from tests.support.waiting import eventually

from perdure.runtime import InvalidSeal, Runtime, RuntimeSettings, SealKeyLost
from perdure.runtime.seals.checking import SealWitness
from perdure.runtime.seals.key_line import KeyLine
from perdure.runtime.seals.seal_file import check_seal_file, seal_file_of
from perdure.runtime.seals.sealed_log import read_keys
from perdure.runtime.seals.sealer import Sealer
from perdure.runtime.seals.signing import as_pem, is_signed, sign
from perdure.runtime.secrets.keychain import Keychain
from perdure.store import DiskFull, Head, LmdbEventStore, StoreError, check
from perdure.store import events as ev
from perdure.store.failpoints import SEAL_NAMES
from perdure.store.seals.ends import decode_ends

FAILPOINTS = [name for name in SEAL_NAMES if name.startswith("seal.")]
MANY = 1_000  # streams


def problems(log: SealedLog) -> list[str]:
    report = check(log.store, SealWitness(keychain=log.keychain))
    return [f"{problem.where}: {problem.what}" for problem in report.problems]


def again(log: SealedLog) -> Sealer:
    """The next process."""
    return Sealer(log.store, log.keychain, log.store.append, log.clock)


def test_a_seal_states_every_stream_and_is_signed() -> None:
    log = SealedLog()
    log.work(count=3)
    seal = log.sealer.seal()
    statement = seal.statement
    assert (statement.position, statement.streams, statement.previous) == (10 + 1, 4, b"")
    assert is_signed(statement.key, seal.signature, statement.text)
    file = seal_file_of(log.store)
    assert check_seal_file(file, statement.key) == statement
    heads: dict[str, Head] = {}
    log.store.heads(heads.__setitem__)
    for number, stream, sequence, tip in file.ends:
        if stream == ev.RUNTIME_STREAM:
            assert sequence == 2  # the key's introduction, not the seal itself
        else:
            assert (heads[stream].number, heads[stream].sequence, heads[stream].hash) == (number, sequence, tip)


def test_only_what_changed_is_written() -> None:
    log = SealedLog()
    first = log.sealer.seal()
    assert log.sealer.seal() == first  # nothing happened
    log.work(STREAMS[1])
    second = again(log).seal()
    assert second.statement.previous == first.statement.digest
    event = next(stored.event for stored in log.store.read(ev.RUNTIME_STREAM, backward=True))
    assert isinstance(event, ev.HeadsSealed)
    assert isinstance(event.changes, ev.Inline)
    assert {end.stream for end in decode_ends(event.changes.data)} == {ev.RUNTIME_STREAM, STREAMS[1]}
    assert problems(log) == []


def test_what_a_sealer_keeps_may_be_in_a_file(tmp_path: Path) -> None:
    log = SealedLog()
    sealer = Sealer(log.store, log.keychain, log.store.append, log.clock, scratch=tmp_path)
    for round_ in range(4):
        log.work(STREAMS[round_ % len(STREAMS)])
        if round_ == 2:
            sealer.close()  # the next seal begins with what the log says
            sealer.close()
        sealer.seal()
        assert problems(log) == []
        assert list(tmp_path.iterdir()) == []
    assert again(log).newest() == sealer.newest()
    sealer.close()


def test_a_seal_that_has_no_room_for_its_list_can_be_made_later(tmp_path: Path) -> None:
    log = SealedLog(jobs=200)
    with small_disk(tmp_path / "disk") as disk:
        sealer = Sealer(log.store, log.keychain, log.store.append, log.clock, scratch=disk.path)
        disk.fill()
        with pytest.raises(DiskFull):
            sealer.seal()
        disk.free()
        assert sealer.seal().statement.streams == len(list(log.store.streams()))
        sealer.close()
    assert problems(log) == []


def test_keys_follow_one_another_and_old_seals_stay_checkable() -> None:
    log = SealedLog()
    first = log.sealer.seal().statement.key
    old = seal_file_of(log.store)
    log.work()
    second = log.sealer.rotate()
    assert list(log.keychain.seal_keys()) == [second]
    log.work()
    assert log.sealer.seal().statement.key == second
    third = again(log).rotate()
    log.work()
    assert again(log).seal().statement.key == third
    new = seal_file_of(log.store)
    assert problems(log) == []
    for trusted in (first, second, third):
        assert check(log.store, SealWitness(key=trusted)).clean
        assert check_seal_file(new, trusted).key == third
    assert check_seal_file(old, first).key == first
    assert check(log.store, SealWitness(seal=old, key=first)).clean
    # The old seal's file knows nothing of keys that came later; the log does.
    with pytest.raises(InvalidSeal, match="no line of keys"):
        check_seal_file(old, third)
    assert read_keys(log.store).keys == [first, second, third]


def test_a_key_signs_only_in_its_time() -> None:
    log = SealedLog()
    seal = log.sealer.seal()
    private = log.keychain.seal_private_key(log.keychain.seal_keys()[seal.statement.key])
    log.sealer.rotate()
    log.work()
    newest = log.sealer.seal()
    late = replace(newest.statement, key=seal.statement.key)
    with pytest.raises(InvalidSeal, match="did not sign at that position"):
        read_keys(log.store).check(late, sign(private, late.text))
    early = replace(seal.statement, key=newest.statement.key)
    with pytest.raises(InvalidSeal, match="did not sign at that position"):
        read_keys(log.store).check(early, bytes(64))


def test_a_lost_key() -> None:
    log = SealedLog()
    first = log.sealer.seal().statement.key
    log.keychain.destroy(*log.keychain.seal_keys().values())
    log.work()
    with pytest.raises(SealKeyLost) as caught:
        again(log).seal()
    assert caught.value.key == first
    sealer = again(log)
    new = sealer.rotate()
    sealer.seal()
    report = check(log.store, SealWitness())
    assert report.clean
    assert "a new line of keys" in report.notes[0]
    assert not check(log.store, SealWitness(key=new)).clean  # it does not vouch for what came before it
    assert not check(log.store, SealWitness(key=first)).clean


def test_introductions_that_do_not_follow() -> None:
    log, other = SealedLog(), SealedLog()
    log.sealer.seal(), other.sealer.seal()
    log.sealer.rotate(), other.sealer.rotate()
    mine, others = read_keys(log.store).introductions, read_keys(other.store).introductions
    for line in (
        [mine[1]],
        [mine[0], mine[0]],
        [mine[0], others[1]],
        [mine[0], replace(mine[1], position=1)],
        [mine[0], replace(mine[1], endorsement=mine[1].signature)],
        [mine[0], replace(mine[1], signature=mine[1].endorsement)],
        [replace(mine[0], signature=b"")],
        [replace(mine[0], log=bytes(32))],
        [replace(mine[0], key=b"short")],
    ):
        with pytest.raises(InvalidSeal):
            KeyLine(line)


@pytest.mark.parametrize("failpoint", FAILPOINTS)
@pytest.mark.parametrize("step", ["first", "next", "rotation"])
def test_a_death_while_sealing_leaves_what_the_next_one_goes_on_with(failpoint: str, step: str) -> None:
    log = SealedLog()
    if step != "first":
        log.sealer.seal()
        log.work()
    sealer = again(log)
    try:
        with dying_at(failpoint):
            sealer.rotate() if step == "rotation" else sealer.seal()
    except Crash:
        pass
    log.work(STREAMS[2])
    for who in (sealer, again(log)):  # the same process may live on, where it was an error and no death
        who.seal()
        assert problems(log) == []
        assert len(log.keychain.seal_keys()) == 1
        log.work(STREAMS[1])


def test_a_refused_append_seals_nothing() -> None:
    log = SealedLog()
    log.sealer.seal()
    log.work()

    def refuse(stream: str, events: object) -> object:
        raise StoreError("the disk is full")

    append, log.sealer._append = log.sealer._append, refuse  # type: ignore[assignment]  # there is no public way to it
    with pytest.raises(StoreError):
        log.sealer.seal()
    log.sealer._append = append
    log.work()
    log.sealer.seal()
    assert problems(log) == []


def test_a_runtime_seals_by_itself_when_something_changed(tmp_path: Path) -> None:
    clock = ManualClock()
    with Runtime.in_memory(clock=clock, settings=RuntimeSettings(seal_interval=600.0)) as runtime:
        store = runtime.store

        def seals() -> int:
            return sum(isinstance(stored.event, ev.HeadsSealed) for stored in store.read(ev.RUNTIME_STREAM))

        clock.advance(599)
        runtime._housekeeping.look()
        runtime.call("query:credentials.list", {"extension": "notes"})
        assert seals() == 0
        for count in (1, 2):
            clock.advance(660)
            runtime._housekeeping.look()
            eventually(lambda count=count: seals() == count)  # type: ignore[misc]  # mypy knows no lambda with a default
            runtime.publish("something.happened")
        assert check(store, SealWitness(keychain=runtime.keychain)).clean


@pytest.mark.parametrize("interval", [1.0, 60.0, 3_600.0])
def test_a_seal_comes_soon_after_its_interval(interval: float) -> None:
    log = SealedLog()
    (chore,) = log.sealer.chores(interval)
    times = [log.sealer.seal().statement.time]
    while len(times) < 4:
        log.clock.advance(chore.interval * 0.999)  # a seal is never just as old as it should be
        log.work()
        chore.run(threading.Event())
        if (newest := log.sealer.newest().statement.time) != times[-1]:
            times.append(newest)
    for before, after in pairwise(times):
        assert interval <= (after - before) / 1e6 <= 1.1 * interval


def test_a_seal_takes_little_memory_for_each_stream_that_changed(tmp_path: Path) -> None:
    log = SealedLog(jobs=MANY)
    log.sealer = Sealer(log.store, log.keychain, log.store.append, log.clock, scratch=tmp_path)
    log.sealer.seal()  # what is loaded once is loaded
    for number in range(1, MANY + 1):
        log.work(ev.job_stream(job_id(number)))
    tracemalloc.start()
    try:
        log.sealer.seal()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    log.sealer.close()
    assert most / MANY < 400  # bytes; their list itself is 88 a stream


def test_the_next_process_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    with Runtime.open(tmp_path) as runtime:
        first = runtime.seal()
        assert runtime.seal() == first
    with Runtime.open(tmp_path) as runtime:
        second = runtime.seal()
        assert second.statement.previous == first.statement.digest
        runtime.rotate_seal_key()
        runtime.rotate_master_key()
        third = runtime.seal()
        assert third.statement.key != first.statement.key
    with LmdbEventStore.open_readonly(tmp_path) as store:
        report = check(store, SealWitness(keychain=Keychain.of_folder(tmp_path), key=first.statement.key))
    assert report.problems == []
    assert report.seals == 3


def test_openssl_says_the_same(tmp_path: Path) -> None:
    log = SealedLog()
    seal = log.sealer.seal()
    (tmp_path / "key.pem").write_text(as_pem(seal.statement.key))
    (tmp_path / "statement").write_bytes(seal.statement.text)
    (tmp_path / "signature").write_bytes(seal_file_of(log.store).signature)
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in statement -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout + done.stderr
