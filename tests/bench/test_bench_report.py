"""The table's figures: medians, spreads, and how they compare with what was measured directly before them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from bench.disk import filesystem, is_memory, scratch
from bench.figure import Better, Figure, Group
from bench.report import rows, table
from bench.runner import Results, run


def results(better: Better, values: list[float], floors: list[float]) -> Results:
    figures = [Figure("floor", "a floor", "1/s", better), Figure("figure", "a figure", "1/s", better, "floor")]
    return Results(figures, {"floor": floors, "figure": values}, {"floor": [], "figure": floors}, [1.0])


def test_median_and_spread() -> None:
    _, row = rows(results(Better.MORE, [3.0, 1.0, 2.0], [4.0, 4.0, 4.0]))
    assert (row.minimum, row.median, row.maximum) == (1.0, 2.0, 3.0)
    assert (row.floor, row.floor_median) == ("a floor", 4.0)


@pytest.mark.parametrize(("better", "expected"), [(Better.MORE, 0.5), (Better.LESS, 2.0)])
def test_the_ratio_is_of_pairs(better: Better, expected: float) -> None:
    # The machine's pace changes tenfold between runs; the ratio does not.
    _, row = rows(results(better, [1.0, 10.0, 100.0], [2.0, 20.0, 200.0]))
    assert row.of_floor == pytest.approx(expected)


def test_numbers_are_short() -> None:
    text = table(rows(results(Better.MORE, [1_234_567.0], [0.012345])))
    assert "1,230,000" in text
    assert "0.0123" in text


def test_a_floor_is_measured_before_each_figure_and_the_first_round_does_not_count(tmp_path: Path) -> None:
    done: list[str] = []

    def work(key: str) -> Group:
        def one(folder: Path) -> Mapping[str, float]:
            assert not list(folder.iterdir())
            done.append(key)
            return {key: float(len(done))}

        return Group((Figure(key, key, "1/s", Better.MORE, "" if key == "floor" else "floor"),), one)

    found = run([work("floor"), work("one"), work("two")], 2, tmp_path, lambda line: None)
    assert done == ["floor", "one", "floor", "two"] * 3
    assert found.values["two"] == [8.0, 12.0]
    assert found.floors["two"] == [7.0, 11.0]
    assert found.values["floor"] == [5.0, 7.0, 9.0, 11.0]
    assert not list(tmp_path.iterdir())


def test_scratch_is_deleted_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch(tmp_path) as folder:
            (folder / "file").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


def test_the_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    inner = tmp_path / "with space" / "inner"
    inner.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    shown = str(inner.parent.resolve()).replace(" ", r"\040")
    mounts.write_text(f"tmpfs {shown} tmpfs rw 0 0\n/dev/a / ext4 rw 0 0\nproc /proc proc rw 0 0\n")
    assert filesystem(inner, mounts) == "tmpfs"
    assert filesystem(tmp_path, mounts) == "ext4"
    assert is_memory("tmpfs")
    assert not is_memory("ext4")
    assert filesystem(inner, tmp_path / "nothing") == "unknown"
