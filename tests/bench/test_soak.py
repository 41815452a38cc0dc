"""The soak: ended jobs leave nothing behind, the verdict sees what grows, and the command does what it says."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from bench.soak import pictures, tables
from bench.soak.load import loaded
from bench.soak.result import read
from bench.soak.sample import Sample
from bench.soak.slope import slope_of
from bench.soak.verdict import JUDGED, is_flat, judged
from hypothesis import given
from hypothesis import strategies as st

from perdure.store import LmdbEventStore

ROOT = Path(__file__).parents[2]
JOBS = 40


def even(second: int) -> int:
    return 16


def soak_of(
    seconds: int,
    private: Callable[[int], float] = even,
    threads: Callable[[int], int] = even,
    blocks: Callable[[int], int] = even,
) -> list[Sample]:
    """A sample every ten seconds; ``private`` in MiB."""
    return [
        Sample(
            seconds=second, private=round(private(second) * 2**20), resident=10**8, address_space=10**11,
            mappings=300, threads=threads(second), descriptors=9, readers=1, blocks=blocks(second),
            given_out=10**7, taken=2 * 10**7, log_file=10**8, log_used=10**8,
            running=5, ended=second, events=40 * second, cpu=second / 2,
            waiting=second * 7 % 5,
        )
        for second in range(0, seconds, 10)
    ]  # fmt: skip


def growing(samples: list[Sample]) -> list[str]:
    return [one.key for one in judged(samples, 60.0) if one.grows]


# --- the real thing --------------------------------------------------------------------------------------------------


def _alive() -> Counter[str]:
    gc.collect()
    kinds = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    ours = ("perdure.", "pykka.", "wasmtime.", "uuid.", "threading.", "_thread.", "ctypes.", "_ctypes.")
    return Counter({name: count for name, count in kinds.items() if name.startswith(ours)})


def test_jobs_that_have_ended_leave_nothing_in_memory(tmp_path: Path) -> None:
    with loaded(tmp_path, keep_seconds=3_600) as load:
        store = load.runtime.store
        assert isinstance(store, LmdbEventStore)

        def after(jobs: int) -> Counter[str]:
            for visit in load.visits():
                visit()
            load.jobs(jobs)
            store._ends.clear()  # a cache, of bounded size
            return _alive()

        before = after(JOBS)
        grown = after(JOBS) - before

    # A thread that ends at this moment may be there; something that each job leaves is there forty times.
    assert not {name: count for name, count in grown.items() if count >= JOBS // 2}


def test_the_command_soaks_judges_and_writes(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    words = ["--minutes", "0.08", "--warm-up", "0.01", "--every", "0.4", "--dir", str(tmp_path), "--json", str(file)]

    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", *words, "--allow-tmpfs"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode in (0, 1), done.stderr
    assert file.exists(), done.stderr
    result = read(file.read_bytes())
    assert (done.returncode == 0) == is_flat(result.judged)  # so short a soak may see its own start
    assert [one.key for one in result.judged] == list(JUDGED)
    assert result.samples[-1].ended > 0
    assert result.samples[-1].events > result.samples[0].events
    assert result.ended["completed"] > 0
    assert done.stdout.strip() == tables.as_markdown(result)
    assert pictures.drawn(file.read_bytes())["soak.svg"].startswith(b"<?xml")
    assert tables.markdown(file.read_bytes()).startswith("![Memory over time](pictures/soak.svg)")
    assert not list(tmp_path.glob(".bench-*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--minutes", "1", "--warm-up", "1"], "--minutes must be more than --warm-up"),
        (["--load", "1.5"], "--load must be more than 0"),
        (["--minutes", "1"], "--every must leave ten samples"),
        (["--dir", "no/such/folder"], "there is no folder no/such/folder"),
    ],
)
def test_wrong_words_are_refused(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


# --- the verdict -----------------------------------------------------------------------------------------------------


def test_what_stays_is_flat() -> None:
    assert growing(soak_of(1_800)) == []
    assert is_flat(judged(soak_of(1_800), 60.0))


def test_what_rises_and_falls_is_flat() -> None:
    assert growing(soak_of(1_800, lambda second: 40 + second % 70 / 10)) == []


def test_a_leak_is_seen_and_named() -> None:
    assert growing(soak_of(1_800, lambda second: 40 + second / 300 + second * 37 % 11 / 10)) == ["private"]
    assert growing(soak_of(1_800, threads=lambda second: 16 + second // 600)) == ["threads"]
    assert growing(soak_of(1_800, blocks=lambda second: 200_000 + 5 * second)) == ["blocks"]


def test_growth_that_comes_to_nothing_is_none() -> None:
    assert growing(soak_of(1_800, lambda second: 400 + second / 1_000)) == []


def test_growth_of_the_warm_up_is_not_judged() -> None:
    assert growing(soak_of(1_800, lambda second: 20 + min(second, 60))) == []


def test_too_few_samples_are_no_verdict() -> None:
    with pytest.raises(ValueError, match="5 samples after 60 s"):
        judged(soak_of(110), 60.0)


def test_a_result_comes_back_from_its_file() -> None:
    found = judged(soak_of(600), 60.0)
    assert msgspec.json.decode(msgspec.json.encode(found), type=list[type(found[0])]) == found  # type: ignore[misc]


# --- the slope -------------------------------------------------------------------------------------------------------


@given(st.integers(-1_000, 1_000), st.integers(-100, 100), st.integers(8, 40))
def test_a_line_has_its_slope_whatever_one_sample_says(wild: int, slope: int, count: int) -> None:
    times = [10.0 * number for number in range(count)]
    values = [slope * time for time in times]
    values[count // 2] += 1_000 * wild
    found = slope_of(times, values)
    assert found.median == slope
    assert found.low <= slope <= found.high


def test_a_slope_needs_three_samples() -> None:
    with pytest.raises(ValueError, match="three samples"):
        slope_of([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="different times"):
        slope_of([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
