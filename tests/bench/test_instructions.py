"""Instructions of single steps: each case runs, counts are repeatable, and more of them than stored fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from bench.figure import BenchFailed
from bench.instructions import stored
from bench.instructions.case import Case
from bench.instructions.cases import all_cases
from bench.instructions.judging import Change, Counted, judge, table
from bench.instructions.stored import Interpreter, StoredCount, StoredCounts, fitting, packages_of, updated

ROOT = Path(__file__).parents[2]
HERE = Interpreter(python="3.11", build="0123456789ab", machine="x86_64", libc="glibc 2.36")


def case(key: str) -> Case:
    return next(one for one in all_cases() if one.key == key)


@pytest.mark.parametrize("one", all_cases(), ids=lambda one: one.key)
def test_each_case_does_its_steps_and_goes_on(one: Case, tmp_path: Path) -> None:
    with one.prepare(tmp_path) as steps:
        steps(1)
        steps(2)
    assert one.repeats > 0
    assert packages_of(one).keys() == set(one.packages)


def test_keys_are_different() -> None:
    keys = [one.key for one in all_cases()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (1_029, 1_000, Change.NONE),
        (1_031, 1_000, Change.SLOWER),
        (971, 1_000, Change.NONE),
        (969, 1_000, Change.FASTER),
        (1_000, None, Change.NEW),
    ],
)
def test_beyond_the_tolerance_is_a_change(now: float, before: float | None, said: Change) -> None:
    assert judge(now, before, 0.03) is said


def test_the_table_is_aligned() -> None:
    row = Counted(key="k", title="t", instructions=1_100.0, before=1_000.0, tolerance=0.03, change=Change.SLOWER)
    failed = msgspec.structs.replace(row, instructions=None, failure="why not")
    shown = table([row, failed], "stored")
    assert "+10.00 %" in shown
    assert "why not" in shown
    assert len({len(line) for line in shown.splitlines()}) == 1


def test_a_count_holds_for_its_interpreter_and_its_packages() -> None:
    one = case("messages")
    kept = [StoredCounts(HERE, {one.key: StoredCount(1_000.0, packages_of(one))})]
    assert fitting(kept, HERE, one) == 1_000.0
    assert fitting(kept, msgspec.structs.replace(HERE, build="other"), one) is None
    assert fitting(kept, HERE, case("encode")) is None
    old = [StoredCounts(HERE, {one.key: StoredCount(1_000.0, {"msgspec": "0.1"})})]
    assert fitting(old, HERE, one) is None


def test_an_update_leaves_the_others() -> None:
    other = msgspec.structs.replace(HERE, python="3.12")
    first = updated([], HERE, {"a": StoredCount(1.0, {}), "b": StoredCount(2.0, {})})
    second = updated(updated(first, other, {"a": StoredCount(9.0, {})}), HERE, {"b": StoredCount(3.0, {})})
    assert {entry.interpreter: entry.cases for entry in second} == {
        HERE: {"a": StoredCount(1.0, {}), "b": StoredCount(3.0, {})},
        other: {"a": StoredCount(9.0, {})},
    }


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    kept = [StoredCounts(HERE, {"a": StoredCount(1.5, {"lmdb": "3.0.0"})})]
    stored.write(kept, tmp_path / "stored.json")
    assert stored.read(tmp_path / "stored.json") == kept
    assert stored.read(tmp_path / "none.json") == []
    (tmp_path / "stored.json").write_text('{"counts": 1}')
    with pytest.raises(BenchFailed, match="holds no stored counts"):
        stored.read(tmp_path / "stored.json")


def test_what_is_stored_here_is_of_cases_that_there_are() -> None:
    keys = {one.key for one in all_cases()}
    assert stored.STORED.exists()
    for entry in stored.read():
        assert entry.cases.keys() <= keys
        assert all(count.instructions > 0 for count in entry.cases.values())


def counted(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.instructions", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_count_is_kept_and_more_of_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "stored.json"
    first = counted("--only", "messages", "--stored", str(file), "--update")
    assert first.returncode == 0, first.stdout + first.stderr
    content = json.loads(file.read_text())
    (count,) = [entry["cases"]["messages"] for entry in content]
    # As if the step had been a tenth cheaper when that was stored.
    count["instructions"] /= 1.1
    file.write_text(json.dumps(content))
    results = tmp_path / "results.json"
    second = counted("--only", "messages", "--stored", str(file), "--json", str(results))
    assert second.returncode == 1, second.stdout + second.stderr
    assert "Slower than stored: messages." in second.stdout
    (row,) = json.loads(results.read_text())
    assert row["change"] == "slower"
    assert row["instructions"] / row["before"] == pytest.approx(1.1, abs=0.03)


def test_wrong_words_are_refused() -> None:
    assert counted("--only", "nonsense").returncode == 2
    done = counted("--update", "--against", "HEAD")
    assert done.returncode == 2
    assert "does not go with --against" in done.stderr


def test_without_valgrind_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.instructions", "--only", "messages"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "valgrind is not installed" in done.stdout
