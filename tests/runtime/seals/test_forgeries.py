"""Whoever rewrites a sealed log, so that all its hashes fit, is found: by the seals in it, or by one kept elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.job_events import dispatched, items, job_id, started, warning
from tests.support.sealed_logs import STREAMS, Fact, SealedLog, forged

from perdure.runtime.seals.checking import SealWitness
from perdure.runtime.seals.seal_file import SealFile, seal_file_of
from perdure.store import EventStore, check
from perdure.store import events as ev
from perdure.store.integrity import Report


def sealed_log(steps: Sequence[int]) -> SealedLog:
    """Work in a stream for each step, or a seal for a 0, and a seal at the end."""
    log = SealedLog()
    for step in (*steps, 0):
        if step:
            log.work(STREAMS[step - 1])
        else:
            log.sealer.seal()
    return log


def checked(store: EventStore, log: SealedLog, seal: SealFile | None = None) -> Report:
    return check(store, SealWitness(seal=seal, keychain=log.keychain))


def by_stream(store: EventStore) -> dict[str, list[bytes]]:
    return {stream: [stored.hash for stored in store.read(stream)] for stream in store.streams()}


STEPS = st.lists(st.integers(0, 3), min_size=1, max_size=12)


@given(STEPS)
def test_a_log_that_nobody_touched_is_clean(steps: list[int]) -> None:
    log = sealed_log(steps)
    report = checked(log.store, log, seal_file_of(log.store))
    assert report.problems == []
    assert report.seals >= 1
    assert report.sealed > 3
    copy = forged(log, log.facts)
    assert copy is not None
    assert checked(copy, log, seal_file_of(log.store)).problems == []


@settings(max_examples=300)
@given(STEPS, st.data())
def test_any_single_change_is_found(steps: list[int], data: st.DataObject) -> None:
    log = sealed_log(steps)
    seal, facts = seal_file_of(log.store), log.facts
    sealed = facts[: log.sealer.newest().statement.position]
    place = data.draw(st.integers(0, len(sealed) - 1))
    fact = facts[place]
    match data.draw(st.sampled_from(["alter", "time", "remove", "insert", "swap", "move"])):
        case "alter":
            event = ev.decode(fact.body)
            if isinstance(event, ev.ItemsCounted):
                event = replace(event, count=event.count + 1)
            elif isinstance(event, ev.RuntimeOpened):
                event = replace(event, pid=event.pid + 1)
            elif isinstance(event, ev.HeadsSealed):
                event = replace(event, time=event.time + 1)
            elif isinstance(event, ev.SealKeyIntroduced):
                event = replace(event, endorsement=b"x" * 64, signature=b"y" * 64)
            elif isinstance(event, ev.JobDispatched):
                event = replace(event, version="9.9.9")
            elif isinstance(event, ev.JobStarted):
                event = replace(event, pid=event.pid + 1)
            facts[place] = replace(fact, body=ev.encode(event))
        case "time":
            facts[place] = replace(fact, time=fact.time + 1)
        case "remove":
            del facts[place]
        case "insert":
            facts.insert(place, Fact(STREAMS[0], ev.encode(warning(1, "forged")), fact.time))
        case "swap":
            facts[place], facts[place + 1] = facts[place + 1], facts[place]
        case "move":
            facts.append(facts.pop(place))
    other = forged(log, facts)
    if other is None or by_stream(other) == by_stream(log.store):
        return  # no store takes it; or events of two streams changed places: between two seals that is nobody's concern
    assert not checked(other, log, seal).clean


@given(STEPS, st.data())
def test_a_cut_off_tail_is_found_by_a_seal_kept_elsewhere_and_named(steps: list[int], data: st.DataObject) -> None:
    log = sealed_log(steps)
    seal = seal_file_of(log.store)
    position = log.sealer.newest().statement.position
    kept = data.draw(st.integers(1, position - 1))
    shorter = forged(log, log.facts[:kept])
    assert shorter is not None
    report = checked(shorter, log, seal)
    shortened = {fact.stream for fact in log.facts[kept:position]}
    assert shortened <= {problem.where for problem in report.problems}
    assert any("tail was cut off" in problem.what or "gone" in problem.what for problem in report.problems)


def test_a_replaced_stream_is_named() -> None:
    log = sealed_log([1, 2, 3])
    facts = [fact for fact in log.facts if fact.stream != STREAMS[1]]
    false = [dispatched(job_id(2)), started(), items(2)]
    facts += [Fact(STREAMS[1], ev.encode(event), 1) for event in false]
    other = forged(log, facts)
    assert other is not None
    report = checked(other, log)
    assert any(p.where == STREAMS[1] and "altered or replaced" in p.what for p in report.problems)


def test_a_log_that_was_made_anew_with_other_keys_is_found() -> None:
    log, false = sealed_log([1, 2]), sealed_log([1, 3])
    seal = seal_file_of(log.store)
    report = checked(false.store, log, seal)
    assert any("the keys folder has another key" in problem.what for problem in report.problems)
    trusted = check(false.store, SealWitness(key=log.sealer.newest().statement.key))
    assert any("no line of keys" in problem.what for problem in trusted.problems)


def test_a_log_without_its_seals_is_none_that_a_key_vouches_for() -> None:
    log = sealed_log([1])
    kinds = ev.HeadsSealed | ev.SealKeyIntroduced
    bare = forged(log, [fact for fact in log.facts if not isinstance(ev.decode(fact.body), kinds)])
    assert bare is not None
    assert check(bare, SealWitness()).clean  # nothing in it says that there was ever a seal
    assert not check(bare, SealWitness(key=log.sealer.newest().statement.key)).clean
    assert not check(bare, SealWitness(seal=seal_file_of(log.store))).clean


def test_a_seal_of_another_log() -> None:
    log, other = sealed_log([1]), SealedLog(jobs=2)
    other.store.append(ev.RUNTIME_STREAM, [ev.RuntimeClosed(1)])
    other = SealedLog(jobs=1)
    renamed = forged(other, [replace(fact, time=fact.time + 5) for fact in other.facts])
    assert renamed is not None
    report = check(renamed, SealWitness(seal=seal_file_of(log.store)))
    assert any("of another log" in problem.what for problem in report.problems)


def test_what_is_not_sealed_yet_is_said() -> None:
    log = SealedLog()
    assert check(log.store, SealWitness()).notes == ["nothing is sealed yet: perdure log seal"]
    log.sealer.seal()
    assert check(log.store, SealWitness()).notes == []
    log.work()
    assert "is not sealed yet" in check(log.store, SealWitness()).notes[0]
