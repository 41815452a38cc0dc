"""What a camera wrote, and what it should not have written."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from perdure.runtime.media.exif import MAX_TEXT, read_exif
from perdure.runtime.media.messages import Camera, Exif, Exposure

JULY = {0x9003: "2024:07:14 18:30:05"}
MUNICH = {1: "N", 2: (48.0, 8.0, 15.0), 3: "E", 4: (11.0, 34.0, 30.0), 5: b"\0", 6: IFDRational(5190, 10)}


def found(image: dict[int, Any] | None = None, camera: Any = None, place: Any = None) -> Exif:
    read = read_exif(image or {}, camera or {}, place or {})
    assert read is not None
    return read


def test_a_whole_one() -> None:
    camera = JULY | {
        0x9291: "12", 0x9011: "+02:00", 0xA434: "24mm f/1.8", 0x829A: IFDRational(1, 250), 0x829D: IFDRational(18, 10),
        0x8827: 64, 0x920A: IFDRational(24, 1), 0xA405: 24, 0x9209: 16,
    }  # fmt: skip
    assert found({0x010F: "Apple\0", 0x0110: " iPhone 15 "}, camera, MUNICH) == Exif(
        taken_at="2024-07-14T18:30:05.120000",
        offset="+02:00",
        taken_unix_us=1_720_974_605_120_000,
        latitude=48.1375,
        longitude=11.575,
        altitude=519.0,
        camera=Camera(make="Apple", model="iPhone 15", lens="24mm f/1.8"),
        exposure=Exposure(seconds=0.004, f_number=1.8, iso=64, focal_length=24.0, focal_length_35mm=24.0, flash=False),
    )


def test_nothing_at_all() -> None:
    assert read_exif({}, {}, {}) is None


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2024:07:14 18:30:05", "2024-07-14T18:30:05"),
        ("2024-07-14T18:30:05", "2024-07-14T18:30:05"),
        ("2024:7:4 8:03", "2024-07-04T08:03:00"),
        ("2024:07:14 18:30:60", "2024-07-14T18:30:59"),
        ("0000:00:00 00:00:00", None),
        ("2024:02:30 10:00:00", None),
        ("    :  :     :  :  ", None),
        ("yesterday", None),
        ("9" * 10_000, None),
        ("٢٠٢٤:07:14 18:30:05", None),
    ],
)
def test_times(text: str, taken: str | None) -> None:
    assert found({0x0110: "x"}, {0x9003: text}).taken_at == taken


def test_the_moment_of_exposure_comes_first_and_the_files_last() -> None:
    image = {0x0132: "2026:01:01 00:00:00"}
    assert found(image, JULY).taken_at == "2024-07-14T18:30:05"
    assert found(image, {0x9004: "2025:01:01 00:00:00"}).taken_at == "2025-01-01T00:00:00"
    assert found(image).taken_at == "2026-01-01T00:00:00"


@pytest.mark.parametrize("offset", ["+25:00", "+02:75", "2", "", "+2:00", "+99:99", None, b"\xff\xff"])
def test_an_offset_that_is_none_says_nothing(offset: Any) -> None:
    read = found({}, JULY | {0x9011: offset})
    assert (read.offset, read.taken_unix_us) == (None, None)


def test_the_satellites_know_the_time() -> None:
    read = found({}, JULY, {0x1D: "2024:07:14", 0x07: (16.0, 30.0, 4.5)})
    assert read.taken_unix_us == 1_720_974_604_500_000
    for parts in ((99.0, 99.0, 99.0), (-1.0, 0.0, 0.0), (1.0, 2.0), IFDRational(0, 0), (1, 2, IFDRational(1, 0))):
        assert found({}, JULY, {0x1D: "2024:07:14", 0x07: parts}).taken_unix_us is None


def test_places_all_over_the_world() -> None:
    assert found({}, {}, {1: "S", 2: (33.5,), 3: "W", 4: (70, 30.0), 5: 1, 6: 12}).latitude == -33.5
    assert found({}, {}, {1: "s", 2: (33.5,), 3: "w", 4: (70, 30.0), 5: 1, 6: 12}).longitude == -70.5
    assert found({}, {}, {1: "S", 2: (33.5,), 3: "W", 4: (70, 30.0), 5: 1, 6: 12}).altitude == -12


@pytest.mark.parametrize(
    "wrong",
    [
        {2: (91.0, 0.0, 0.0)},
        {4: (180.0, 0.0, 1.0)},
        {2: (IFDRational(1, 0), 0, 0)},
        {2: (float("nan"), 0, 0)},
        {2: (-1.0, 0.0, 0.0)},
        {1: "Q"},
        {1: None},
        {2: None},
        {2: "48"},
        {2: ()},
        {2: (1.0,) * 100_000},
        {2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)},
    ],
)
def test_half_a_place_is_none(wrong: dict[int, Any]) -> None:
    read = found({0x0110: "x"}, {}, MUNICH | wrong)
    assert (read.latitude, read.longitude, read.altitude) == (None, None, None)


def test_texts_are_short_and_can_be_shown() -> None:
    camera = found({0x010F: b"Ca\xffn\x1b[31mon\0rest", 0x0110: "m" * 100_000}).camera
    assert camera is not None
    assert camera.make == "Ca\N{REPLACEMENT CHARACTER}n [31mon"
    assert camera.model == "m" * MAX_TEXT


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.builds(IFDRational, st.integers(-(2**32), 2**32), st.integers(-(2**31), 2**31))
    | st.fractions().map(Fraction)
    | st.from_regex(r"\A[0-9]{1,4}:[0-9]{1,2}:[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})?\Z")
    | st.from_regex(r"\A[+-][0-9]{2}:[0-9]{2}\Z")
    | st.sampled_from("NSEW"),
    lambda inner: st.tuples(inner, inner, inner) | st.lists(inner, max_size=10),
    max_leaves=6,
)
TAGS = (
    0x010F, 0x0110, 0x0132, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x829A, 0x829D, 0x8827, 0x9209,
    0x920A, 0xA405, 0xA434, 1, 2, 3, 4, 5, 6, 7, 0x1D,
)  # fmt: skip
directories = st.dictionaries(st.sampled_from(TAGS), anything)


@given(directories, directories, directories)
def test_no_nonsense_is_an_error_or_comes_through(image: Any, camera: Any, place: Any) -> None:
    read = read_exif(image, camera, place)
    text = msgspec.json.encode(read)
    assert b"NaN" not in text
    assert msgspec.json.decode(text, type=Exif | None) == read
    if read is not None:
        assert read.latitude is None or -90 <= read.latitude <= 90
        assert read.longitude is None or -180 <= read.longitude <= 180
        assert (read.latitude is None) == (read.longitude is None)
        assert read.offset is None or read.taken_at is not None
