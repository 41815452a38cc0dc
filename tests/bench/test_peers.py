"""The comparison with peers: whose turn it is, what is made of the values, and what happens to who is not there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from bench.figure import Better
from bench.machine import describe_machine
from bench.peers import pictures, tables
from bench.peers.command import PEERS
from bench.peers.comparing import chosen, compare, estimate, pairs_of_a_run
from bench.peers.counts import FULL, QUICK, Counts
from bench.peers.meter import Meter, allocated, flushes
from bench.peers.peer import Peer
from bench.peers.perdure import PERDURE
from bench.peers.results import Pairs, Results, best_peer, decoded, encoded, ratio
from bench.peers.rows import ROWS, Row, Subject
from bench.peers.turn import TurnFailed, run_turn, wait_until

LOG_ROWS = [row for row in ROWS if row.subject is Subject.LOG]


def peer(key: str, *subjects: Subject, missing: str = "", pace: float = 1.0, **words: Any) -> Peer:
    return Peer(
        key=key,
        name=key.title(),
        durability="it flushes",
        child="tests.support.peer_child",
        subjects=dict.fromkeys(subjects or (Subject.LOG,), 1.0),
        version=lambda: f"{key} 1.0",
        missing=lambda: missing,
        words=lambda: words,
        pace=pace,
    )


OURS = peer("perdure", *Subject)


def comparison(peers: list[Peer], runs: int, measure: Callable[..., dict[str, float]], folder: Path) -> Results:
    return compare(
        OURS, peers, LOG_ROWS, FULL, runs, folder, describe_machine("ext4"), "bench", lambda line: None, measure
    )


def test_perdure_takes_its_turn_directly_before_each_peer_and_the_first_run_does_not_count(tmp_path: Path) -> None:
    turns: list[tuple[str, bool]] = []

    def measure(who: Peer, subject: Subject, counts: Counts, folder: Path) -> dict[str, float]:
        assert not list(folder.iterdir())
        turns.append((who.key, counts == QUICK))
        return {"append_1": float(len(turns))}

    results = comparison([peer("one"), peer("other")], 2, measure, tmp_path)
    assert turns == [
        (who, warm_up) for warm_up in (True, False, False) for who in ("perdure", "one", "perdure", "other")
    ]
    assert results.pairs == [
        Pairs("append_1", "one", [5.0, 9.0], [6.0, 10.0]),
        Pairs("append_1", "other", [7.0, 11.0], [8.0, 12.0]),
    ]
    assert results.ours["append_1"] == [5.0, 7.0, 9.0, 11.0]
    assert not list(tmp_path.iterdir())


def test_a_peer_that_fails_takes_no_more_turns_at_that_subject_and_the_rest_goes_on(tmp_path: Path) -> None:
    turns: list[str] = []

    def measure(who: Peer, subject: Subject, counts: Counts, folder: Path) -> dict[str, float]:
        turns.append(who.key)
        if who.key == "weak" and turns.count("weak") == 2:
            raise TurnFailed("its server died | of `thirst`")
        return {"append_1": 2.0}

    results = comparison([peer("weak"), peer("strong")], 3, measure, tmp_path)
    assert (turns.count("weak"), turns.count("strong"), turns.count("perdure")) == (2, 4, 6)
    (failure,) = results.failures
    assert (failure.peer, failure.subject, failure.run) == ("weak", "log", 1)
    assert "- Weak, log, run 1: its server died / of 'thirst'" in tables.text(results)
    assert [(pairs.peer, len(pairs.theirs)) for pairs in results.pairs] == [("strong", 3)]


def test_a_peer_that_is_missing_is_named_and_perdure_is_measured_without_it(tmp_path: Path) -> None:
    told: list[str] = []
    absent = peer("absent", missing="absent is not installed: python3 -m pip install '.[bench]'")
    results = compare(
        OURS, [absent], LOG_ROWS, QUICK, 2, tmp_path, describe_machine("ext4"), "bench", told.append,
        lambda *turn: {"append_1": 4.0},
    )  # fmt: skip
    assert "Absent is missing: absent is not installed: python3 -m pip install '.[bench]'\n" in told
    text = tables.text(results)
    assert "| Absent | missing: absent is not installed:" in text
    assert "| append of 1 event | events/s | " in " ".join(text.split())
    assert results.ours["append_1"] == [4.0, 4.0]
    assert results.pairs == []


def test_a_turn_of_perdure_that_fails_is_told_too(tmp_path: Path) -> None:
    def measure(who: Peer, *turn: Any) -> dict[str, float]:
        if who is OURS:
            raise TurnFailed("ours")
        return {"append_1": 1.0}

    results = comparison([peer("one")], 1, measure, tmp_path)
    assert [failure.reason for failure in results.failures] == ["ours", "ours"]
    assert results.pairs == []


def test_subjects_that_a_peer_has_not_are_not_asked_of_it() -> None:
    peers = [peer("one", Subject.STEPS, Subject.LOG), peer("other", Subject.STEPS)]
    found = list(pairs_of_a_run(peers, (Subject.LOG, Subject.STEPS)))
    assert [(pair.subject, pair.peer) for pair in found] == [
        (Subject.STEPS, peers[0]),
        (Subject.STEPS, peers[1]),
        (Subject.LOG, peers[0]),
    ]
    assert [pair.peer for pair in pairs_of_a_run(peers, (Subject.BUSY,))] == [None]


def test_a_run_with_all_peers_takes_a_quarter_of_an_hour() -> None:
    assert 5 * 60 < estimate(PERDURE, PEERS, set(Subject), 5) < 17 * 60
    assert len({one.key for one in (PERDURE, *PEERS)}) == len(PEERS) + 1


@pytest.mark.parametrize(
    ("part", "peers", "rows"),
    [
        ("dbos", {"dbos-sqlite", "dbos-wal", "dbos-postgres"}, {"steps_1", "busy_8", "recovery", "recovery_open"}),
        ("append_1", {"eventsourcing"}, {"append_1", "append_100", "append_1000"}),
        ("busy", {"dbos-wal", "restate"}, {"busy_1", "busy_8"}),
        ("", {one.key for one in PEERS}, {row.key for row in ROWS}),
        ("nothing like it", set(), set()),
    ],
)
def test_a_part_is_a_peer_or_rows(part: str, peers: set[str], rows: set[str]) -> None:
    some, found = chosen(PEERS, part)
    assert {one.key for one in some} == peers
    assert rows <= {row.key for row in found}
    assert bool(rows) == bool(found)


def row(better: Better, wanted: float = 0.0) -> Row:
    return Row("row", "a row", "1/s", better, Subject.LOG, wanted)


@pytest.mark.parametrize(("better", "expected"), [(Better.MORE, 2.0), (Better.LESS, 0.5)])
def test_a_ratio_is_of_pairs_and_above_one_perdure_is_ahead(better: Better, expected: float) -> None:
    # The disk's pace changes tenfold between runs; the ratio does not.
    found = ratio(row(better), Pairs("row", "one", [2.0, 20.0, 200.0], [1.0, 10.0, 100.0]))
    assert found is not None
    assert (found.median, found.minimum, found.maximum) == (expected, expected, expected)


def test_nothing_is_not_compared() -> None:
    assert ratio(row(Better.LESS), Pairs("row", "one", [1.0], [0.0])) is None
    assert ratio(row(Better.MORE), Pairs("row", "one", [], [])) is None


def results(*pairs: Pairs, wanted: float = 0.0, better: Better = Better.MORE) -> Results:
    found = compare(
        OURS, [peer("one"), peer("other")], [row(better, wanted)], QUICK, 1, Path(), describe_machine("ext4"), "bench",
        lambda line: None, lambda *turn: {},
    )  # fmt: skip
    return msgspec.structs.replace(found, ours={"row": pairs[0].ours}, pairs=list(pairs))


def test_the_best_peer_is_the_one_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = [Pairs("row", "one", [6.0] * 3, [2.0] * 3), Pairs("row", "other", [6.0] * 3, [4.0] * 3)]
    ahead = results(*pairs, wanted=3.0)
    assert best_peer(ahead.rows[0], ahead) == pairs[1]
    assert "- a row: 1.50 \N{MULTIPLICATION SIGN} of Other, where we want 3.00" in tables.text(ahead)
    assert "Where a peer is ahead" not in tables.text(results(*pairs, wanted=1.5))
    facts = [msgspec.structs.replace(one, weaker=one.key == "other") for one in ahead.peers]
    assert best_peer(ahead.rows[0], msgspec.structs.replace(ahead, peers=facts)) == pairs[0]
    behind = results(*pairs, better=Better.LESS)
    assert best_peer(behind.rows[0], behind) == pairs[0]
    assert "- a row: One is ahead, we are at 0.333 \N{MULTIPLICATION SIGN}." in tables.text(behind)


def test_results_are_read_as_they_were_written_and_drawn_the_same_each_time(tmp_path: Path) -> None:
    steps = [each for each in ROWS if each.subject is Subject.STEPS]
    found = compare(
        OURS, [peer("one", Subject.STEPS)], steps, QUICK, 2, tmp_path, describe_machine("ext4"), "bench",
        lambda line: None, lambda *turn: {each.key: 2.0 for each in steps},
    )  # fmt: skip
    data = encoded(found)
    assert encoded(decoded(data)) == data
    drawn = pictures.drawn(data)
    assert sorted(drawn) == ["peers-ratios.svg", "peers-steps.svg"]
    assert drawn["peers-ratios.svg"] == pictures.ratios(found)
    for name, picture in drawn.items():
        assert f"pictures/{name}" in tables.markdown(data)
        assert b"One" in picture


# --- one turn --------------------------------------------------------------------------------------------------------


def turn(tmp_path: Path, timeout: float = 60.0, pace: float = 1.0, **words: Any) -> dict[str, float]:
    folder = tmp_path / "turn"
    folder.mkdir()
    return run_turn(peer("one", pace=pace, **words), Subject.LOG, QUICK, folder, timeout)


def test_a_turn_gives_values(tmp_path: Path) -> None:
    assert turn(tmp_path, does="measure") == {"append_1": float(QUICK.appends[1]), "append_100": 3.0}


def test_a_peer_that_dies_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(TurnFailed, match="ended with 1 and without values: the disk is full"):
        turn(tmp_path, does="die")


def test_values_of_other_rows_are_none(tmp_path: Path) -> None:
    with pytest.raises(TurnFailed, match="values of no row: steps_1"):
        turn(tmp_path, does="speak of other rows")


def test_a_peer_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pytest.raises(TurnFailed, match="it hung"):
        turn(tmp_path, timeout=1.5, does="hang", file=str(file))
    pid = int(file.read_text())
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "its end")


def test_more_steps_for_the_fast_and_never_none() -> None:
    assert FULL.at_pace(4.0).steps == {jobs: count * 4 for jobs, count in FULL.steps.items()}
    assert min(QUICK.at_pace(0.001).steps.values()) > 1
    assert FULL.at_pace(0.1).recovery_steps == FULL.recovery_steps


# --- what a stretch of work takes ------------------------------------------------------------------------------------


def test_flushes_are_those_of_the_folders_device(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    stats = tmp_path / "diskstats"
    other = "   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 99 17"
    own = f" {os.major(device)} {os.minor(device)} vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 1234 17"
    stats.write_text(f"{other}\n{own}\n")
    assert flushes(tmp_path, stats) == 1234
    stats.write_text(other)
    assert flushes(tmp_path, stats) is None
    assert flushes(tmp_path, tmp_path / "nothing") is None


def test_space_is_what_holds_data(tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"x" * 8192)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "pg_wal").mkdir()
    (tmp_path / "pg_wal" / "segment").write_bytes(b"x" * 4096)
    assert allocated(tmp_path) == 8192 + 4096
    assert allocated(tmp_path, {"pg_wal"}) == 8192


def test_processor_time_is_counted(tmp_path: Path) -> None:
    with Meter(tmp_path) as meter:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
    assert meter.processor > 0.02
    assert meter.of_steps(8, 10)["cpu_8"] == pytest.approx(meter.processor * 1e5)
    assert meter.of_steps(8, 10)["steps_8"] == pytest.approx(10 / meter.seconds)
