"""In plain Python: ``pytest``. In the sandbox, built and run by a real runtime: ``pytest --perdure-sandbox``."""

import json
import math

import pytest
from album_world import World, exif
from photos import duplicates, index, moments
from photos.album import Section, days, page, where
from photos.moments import kilometres, middle, moments_of
from photos.photo import Photo, name_of
from photos.similar import similar

from perdure_sdk import Unavailable
from perdure_sdk.testing import run_job

MUNICH, ROME = (48.137, 11.575), (41.9, 12.5)


def album() -> World:
    return World(
        files={
            "pics/a.jpg": (10, 1, exif("2024-07-14T10:00:00", MUNICH, "One")),
            "pics/b.jpg": (11, 1, exif("2024-07-14T11:00:00")),
            "pics/broken.jpg": (5, 1, None),
            "pics/c/d.jpg": (12, 1, exif("2024-07-14T12:00:00", ROME)),
            "pics/e.jpg": (13, 1, {}),
        },
        hashes={"pics/b.jpg": "00ff00ff00ff00ff", "pics/e.jpg": "0f0f0f0f0f0f0f0e", "pics/c/d.jpg": "f0f0ff00f0f0ff00"},
    )


def indexed(world: World, **state: object) -> dict[str, object]:
    result = run_job(index, {"folder": "pics", **state}, operations=world.operations())
    assert result.completed, result.error
    return {name: value for name, value in result.state.items() if name not in ("folder", "after", "thumbnail")}


def test_every_picture_becomes_an_entry_with_two_sidecars() -> None:
    world = album()
    result = run_job(index, {"folder": "pics"}, operations=world.operations())
    assert result.completed, result.error
    assert result.warnings == ["pics/broken.jpg: the picture is damaged, or incomplete (OSError)"]
    assert (result.items, result.bytes) == (5, 51)
    names = [entry["name"] for entry in world.entries.values()]
    assert names == ["pics > a.jpg", "pics > b.jpg", "pics > c > d.jpg", "pics > e.jpg"]
    assert {name for _, name in world.sidecars} == {"thumbnail", "exif"}
    assert len(world.sidecars) == 8
    actions = [call.method for call in result.calls if call.method.startswith("action:")]
    assert actions == ["action:vdfs.create_entry"] * 4, "an entry and its sidecars are one commit"
    metadata = next(iter(world.entries.values()))["metadata"]
    assert (metadata["file"], metadata["size"], metadata["modified"]) == ("pics/a.jpg", 10, 1)
    assert (metadata["taken_at"], metadata["place"], metadata["camera"]) == ("2024-07-14T10:00:00", [*MUNICH], "One")
    assert json.loads(world.sidecars["pics > a.jpg", "exif"]["text"])["camera"]["make"] == "Acme"


def test_a_second_run_does_only_what_changed() -> None:
    world = album()
    indexed(world)
    assert indexed(world) == {"total": 5, "indexed": 0, "updated": 0, "unchanged": 4, "broken": 1, "vanished": 0}
    world.files["pics/a.jpg"] = (10, 2, exif("2024-07-15T10:00:00"))
    del world.files["pics/b.jpg"]
    world.files["pics/new.jpg"] = (7, 1, {})
    assert indexed(world) == {"total": 5, "indexed": 1, "updated": 1, "unchanged": 2, "broken": 1, "vanished": 1}
    by_file = {entry["metadata"]["file"]: entry["metadata"] for entry in world.entries.values()}
    assert by_file["pics/a.jpg"]["taken_at"] == "2024-07-15T10:00:00"
    assert "place" not in by_file["pics/a.jpg"]
    assert by_file["pics/b.jpg"]["vanished"] is True
    world.files["pics/b.jpg"] = (11, 1, {})
    assert indexed(world)["unchanged"] == 5
    assert not any(entry["metadata"].get("vanished") for entry in world.entries.values())
    assert len(world.entries) == 5


def test_it_goes_on_behind_the_last_file() -> None:
    world = album()
    first = run_job(index, {"folder": "pics"}, operations=world.operations(), interrupt_at=3)
    assert first.interrupted
    assert first.state["after"] == "pics/b.jpg"
    second = run_job(index, first.state, operations=world.operations())
    assert second.completed
    assert (second.state["indexed"], second.state["unchanged"], len(world.entries)) == (4, 0, 4)


def test_a_host_that_cannot_open_pictures_fails_the_job() -> None:
    operations = album().operations() | {"query:media.inspect": Unavailable("pip install 'perdure[media]'")}
    result = run_job(index, {"folder": "pics"}, operations=operations)  # type: ignore[arg-type]
    assert result.error is not None
    assert "pip install" in result.error.message


def test_moments_are_an_album() -> None:
    world = album()
    indexed(world)
    result = run_job(moments, operations=world.operations())
    assert result.completed, result.error
    assert (result.state["moments"], result.state["undated"]) == (2, 1)
    found = json.loads(world.sidecars["Moments", "moments.json"]["text"])
    assert [len(moment["photos"]) for moment in found] == [1, 2]
    assert found[1]["begin"] == "2024-07-14 10:00:00"
    html = world.sidecars["Moments", "album.html"]["text"]
    assert "14 July 2024, 10:00 to 11:00" in html
    assert "48.14° N 11.57° E" in html
    assert html.count("<img") == 3


def test_duplicates_are_groups() -> None:
    world = album()
    indexed(world)
    result = run_job(duplicates, {"distance": 2}, operations=world.operations())
    assert result.completed, result.error
    assert (result.state["groups"], result.state["photos"]) == (1, 2)
    (group,) = json.loads(world.sidecars["Duplicates", "duplicates.json"]["text"])
    assert [one["file"] for one in group] == ["pics/e.jpg", "pics/a.jpg"]


def test_a_distance_that_says_nothing_is_refused() -> None:
    assert "may be 0 to" in str(run_job(duplicates, {"distance": 40}, operations=album().operations()).error)


def photo(number: int, **known: object) -> Photo:
    fields = {
        "id": f"{number}",
        "file": f"{number}",
        "size": 1,
        "pixels": 1,
        "seconds": None,
        "place": None,
        "phash": 0,
        "dhash": 0,
    }
    return Photo(**{**fields, **known})  # type: ignore[arg-type]


def test_moments_end_after_a_gap_and_far_away() -> None:
    hours = [0, 1, 5, 12, 13]
    places = [MUNICH, None, (48.2, 11.6), MUNICH, ROME]
    photos = [photo(n, seconds=h * 3600.0, place=p) for n, (h, p) in enumerate(zip(hours, places, strict=True))]
    found = moments_of([*photos[::-1], photo(9)], gap_hours=6, distance_km=50)
    assert [[one.id for one in moment] for moment in found] == [["0", "1", "2"], ["3"], ["4"]]
    assert moments_of([], 6, 50) == []


def test_places() -> None:
    assert math.isclose(kilometres(MUNICH, ROME), 697.6, abs_tol=1)
    assert kilometres((0, 179.9), (0, -179.9)) < 23
    assert middle([photo(1, place=(0.0, 179.0)), photo(2, place=(0.0, -179.0))]) in ((0.0, 180.0), (0.0, -180.0))
    assert middle([photo(1)]) is None
    assert where((-33.92, 18.42)) == "33.92° S 18.42° E"


def test_no_chain_of_small_steps_joins_strangers() -> None:
    base = 0x0F0F_0F0F_0F0F_0F0F
    steps = [photo(n, phash=base ^ (1 << 3 * n) - 1, pixels=100 - n) for n in range(6)]
    assert [[one.id for one in group] for group in similar(steps, 6)] == [["0", "1", "2"], ["3", "4", "5"]]


@pytest.mark.parametrize("distance", range(13))
def test_what_is_near_enough_is_always_found(distance: int) -> None:
    base = 0x1234_5678_9ABC_DEF0
    for shift in range(0, 64 - distance, 5):
        near = base ^ ((1 << distance) - 1) << shift
        assert len(similar([photo(1, phash=base), photo(2, phash=near)], distance)) == 1
        assert similar([photo(1, phash=base), photo(2, phash=near ^ (1 << (shift + distance) % 64))], distance) == []


def test_pictures_of_one_colour_are_not_alike() -> None:
    assert similar([photo(1, phash=1 << 63), photo(2, phash=1 << 63)], 6) == []


def test_names_of_entries() -> None:
    assert name_of("pics/2024/a.jpg") == "pics > 2024 > a.jpg"
    odd = [
        "pics/" + "x" * 300,
        "pics/a > b",
        "pics/a\\b",
        "pics/a\x07b",
        "pics/e\N{COMBINING ACUTE ACCENT}.jpg",
        "pics/a ",
    ]
    assert all(len(name_of(file)) == 64 for file in odd)


def test_pages_show_no_one_elses_html_and_have_an_end() -> None:
    html = page("<b>", [Section("<script>", "&", [('"><img src=x onerror=alert(1)>', b"x" * 1_000_000)] * 9)])
    assert "<script>" not in html
    assert "onerror=alert(1)>" not in html.replace("&gt;", "")
    assert 1 <= html.count("<img") < 9
    assert len(html) < 4 << 20


def test_days() -> None:
    assert days(0, 0) == "1 January 1970, 00:00"
    assert days(0, 3600) == "1 January 1970, 00:00 to 01:00"
    assert days(0, 86_400 * 40) == "1 January to 10 February 1970"
    assert days(-86_400, 0) == "31 December 1969 to 1 January 1970"
