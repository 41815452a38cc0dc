"""What decides without reading a picture: which pages, which lines, which text makes sense, where language data is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.ocr.gaps import places, uncovered, with_place
from perdure.runtime.ai.ocr.language_data import language_folder
from perdure.runtime.ai.ocr.layout import Spotted, confidence_of, page_text, visual_lines, whole_numbers
from perdure.runtime.ai.ocr.page_ranges import chosen_pages
from perdure.runtime.ai.ocr.settings import OcrSettings
from perdure.runtime.ai.ocr.text_layer import Character, Layer, is_good, makes_sense, words_of
from perdure.runtime.ai.ocr.turning import quarters_to_read, turned_box, turned_size
from perdure.runtime.errors import InvalidLimits


def spotted(text: str, left: float, top: float, height: float = 10, sure: float = 0.9) -> Spotted:
    return Spotted(text, sure, (left, top, left + 0.6 * height * len(text), top + height))


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "count", "pages"),
    [(None, 3, [1, 2, 3]), ("2", 3, [2]), ("1-5", 3, [1, 2, 3]), ("3,1,1-2", 9, [1, 2, 3]), ("2-999999", 3, [2, 3])],
)
def test_pages_that_are_meant(wanted: str | None, count: int, pages: list[int]) -> None:
    assert chosen_pages(wanted, count, 3) == pages


@pytest.mark.parametrize(
    ("wanted", "count", "words"),
    [(None, 4, "it has 4 pages"), ("1-4", 9, "4 pages; at most 3"), ("5", 4, "no page 5"), ("3-2", 4, "backwards")],
)
def test_pages_that_are_refused(wanted: str | None, count: int, words: str) -> None:
    with pytest.raises(OperationFailed, match=words) as caught:
        chosen_pages(wanted, count, 3)
    assert caught.value.code == "invalid_payload"


# --- lines ------------------------------------------------------------------------------------------------------------


def test_what_stands_side_by_side_is_one_line() -> None:
    runs = [[spotted("Total", 0, 40)], [spotted("Milk", 0, 20), spotted("1l", 30, 20)], [spotted("9.50", 300, 42)],
            [spotted("1.20", 300, 21)], [spotted("Shop", 100, 0, 12)]]  # fmt: skip
    text, numbers = page_text(visual_lines(runs))
    assert text.splitlines() == ["Shop", "Milk 1l  1.20", "Total  9.50"]
    assert numbers == [0, 1, 2]


def test_lines_that_rise_stay_lines() -> None:
    """Paper that is bent: each line ends higher than the one above it began."""
    runs = [[spotted("abcdef", 60 * step, 30 * row - 4 * step)] for row in range(6) for step in range(6)]
    assert [len(line) for line in visual_lines(runs)] == [6] * 6
    # That needs neighbours: these two have none in between, and do not touch each other's height.
    assert len(visual_lines([[spotted("left", 0, 30)], [spotted("right", 400, 0)]])) == 2


def test_fine_print_does_not_join_a_headline() -> None:
    assert len(visual_lines([[spotted("INVOICE", 0, 0, 40)], [spotted("page", 400, 25, 10)]])) == 2


def test_a_gap_between_lines_is_an_empty_line() -> None:
    lines = visual_lines([[spotted("a", 0, top)] for top in (0, 15, 30, 70, 85)])
    text, numbers = page_text(lines)
    assert text == "a\na\na\n\na\na"
    assert numbers == [0, 1, 2, 4, 5]


WORDS = st.builds(
    spotted,
    st.text("abc1.,é漢", min_size=1, max_size=6),
    *[st.floats(0, 2000, allow_nan=False)] * 2,
    st.floats(0.5, 80),
    st.floats(0, 1),
)


@given(st.lists(st.lists(WORDS, max_size=4), max_size=30))
def test_no_word_is_lost_and_none_is_made(runs: list[list[Spotted]]) -> None:
    lines = visual_lines(runs)
    assert sorted(id(word) for line in lines for word in line) == sorted(id(word) for run in runs for word in run)
    text, numbers = page_text(lines)
    assert text.split() == [word.text for line in lines for word in line]
    assert [text.split("\n")[number].split() for number in numbers] == [[w.text for w in line] for line in lines]
    assert 0 <= confidence_of(word for line in lines for word in line) <= 1 + 1e-9


def test_amounts_are_in_one_piece() -> None:
    line = [spotted("19,", 0, 0), spotted("94", 20, 0), spotted("5,", 100, 0), spotted("2026", 113, 0)]
    assert [word.text for word in whole_numbers(line)] == ["19,94", "5,", "2026"]
    apart = [spotted("1.", 0, 0), spotted("50", 25, 0)]
    assert whole_numbers(apart) == apart


# --- what was left out ------------------------------------------------------------------------------------------------


def test_rows_of_letters_without_a_word_are_read_again() -> None:
    glyphs = np.array([[x, y, 8, 10] for y in (0, 40) for x in (0, 10, 20, 200, 210)] + [[500, 0, 1, 1]], np.float64)
    runs = [
        [Spotted("abc", 0.9, (0, 0, 28, 10))],
        [Spotted("xyz", 0.9, (0, 40, 28, 50))],
        [spotted("??", 200, 0, sure=0.2)],
    ]
    free = uncovered(glyphs, 10, runs)
    found = places(glyphs, free, 10, 9)
    assert sorted(found) == [(200, 0, 218, 10), (200, 40, 218, 50)]
    assert places(glyphs, free, 10, 1) == found[:1]
    better = with_place(runs, (200, 0, 218, 10), [[Spotted("42", 0.95, (200, 0, 218, 10))]])
    assert [word.text for run in better for word in run] == ["abc", "xyz", "42"]
    assert with_place(better, (0, 0, 28, 10), [[Spotted("a8c", 0.4, (0, 0, 28, 10))]]) == better


# --- turning ----------------------------------------------------------------------------------------------------------


@given(st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(50, 90)] * 2), st.integers(0, 3))
def test_a_page_that_is_turned_back_is_as_it_was(box: tuple[float, float, float, float], quarters: int) -> None:
    wide, high = turned_size(100, 200, quarters)
    there = turned_box(box, 100, 200, quarters)
    assert 0 <= there[0] <= there[2] <= wide
    assert 0 <= there[1] <= there[3] <= high
    assert turned_box(there, wide, high, 4 - quarters) == pytest.approx(box)
    # Step by step it comes to the same.
    assert turned_box(there, wide, high, 1) == pytest.approx(turned_box(box, 100, 200, quarters + 1))


def test_how_a_page_is_turned_to_be_read() -> None:
    assert [quarters_to_read(*way) for way in ((1, 0), (0, -1), (-1, 0), (0, 1))] == [0, 1, 2, 3]


# --- text layers ------------------------------------------------------------------------------------------------------


def characters(text: str) -> list[Character | None]:
    return [None if one == " " else Character(one, (6.0 * at, 0, 6.0 * at + 5, 10)) for at, one in enumerate(text)]


def test_words_of_characters() -> None:
    assert [word.text for word in words_of(characters("Net 30 days"))] == ["Net", "30", "days"]
    apart = [Character("a", (0, 0, 5, 10)), Character("b", (20, 0, 25, 10)), Character("c", (26, 30, 31, 40))]
    assert [word.text for word in words_of(apart)] == ["a", "b", "c"]
    assert [word.text for word in words_of(characters("\ufb01n cafe\u0301"))] == ["fin", "café"]
    twice = [*characters("Total"), None, *characters("Total")]
    assert [word.text for word in words_of(twice)] == ["Total"]


@pytest.mark.parametrize(
    "text",
    ["Total due 12.50 within thirty days", "12.50 3 7,00", "Zwölf Boxkämpfer jagen Viktor", "合計 請求書 番号",
     "Łódź Kraków Warszawa sprzedaż", "INVOICE", "Příliš žluťoučký kůň úpěl", "Счёт на оплату", "A-17"],
)  # fmt: skip
def test_text_that_makes_sense(text: str) -> None:
    assert makes_sense(text.split())


@pytest.mark.parametrize(
    "text",
    ["7RWDO GXH ZLWKLQ WKLUWB GDBV", "\ue001\ue002\ue003 \ue004", "\ufffd\ufffd\ufffd", "", "§$%&/ ()=? !!! ***",
     "Wklv lv qrw hqjolvk whaw", "\x01\x02\x03\x04"],
)  # fmt: skip
def test_text_that_makes_none(text: str) -> None:
    assert not makes_sense(text.split())


def test_a_stamp_on_a_scan_is_not_its_text() -> None:
    stamp = words_of(characters("Scanned with an app"))
    assert not is_good(Layer(stamp, 0.0, 0.95))
    assert is_good(Layer(stamp, 0.0, 0.1))
    assert is_good(Layer(stamp * 10, 0.0, 0.95))
    assert not is_good(Layer(stamp * 10, 0.3, 0.0))


# --- language data, settings ------------------------------------------------------------------------------------------


def test_the_folder_that_has_all_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eng", "deu"):
        (tmp_path / f"{name}.traineddata").touch()
    assert language_folder("deu+eng", str(tmp_path)) == str(tmp_path)
    with pytest.raises(OperationFailed) as caught:
        language_folder("eng+chi_sim+fra", str(tmp_path))
    assert caught.value.code == "unavailable"
    assert "chi_sim, fra; it has deu, eng" in caught.value.message
    assert "apt install tesseract-ocr-chi-sim tesseract-ocr-fra" in caught.value.message
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path.parent / "nowhere"))
    assert language_folder("eng", None).endswith("tessdata")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert language_folder("eng", None) == str(tmp_path)
    with pytest.raises(OperationFailed, match="none at all"):
        language_folder("eng", str(tmp_path / "missing"))


@pytest.mark.parametrize(
    "field", ["max_bytes", "max_pages", "max_pixels", "max_characters", "page_seconds", "processes"]
)
def test_settings_that_make_no_sense(field: str) -> None:
    with pytest.raises(InvalidLimits, match=re.escape(f"ocr.{field}")):
        OcrSettings(**{field: 0})  # type: ignore[arg-type]  # any of its fields


@pytest.mark.parametrize("wrong", [{"dpi": 10}, {"memory_bytes": 1 << 20}])
def test_settings_that_cannot_work(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidLimits):
        OcrSettings(**wrong)  # type: ignore[arg-type]  # as a program that is not checked would
