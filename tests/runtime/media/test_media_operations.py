"""``query:media.inspect``, ``thumbnail`` and ``hash`` as extensions and programs call them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.pictures import decoded, drawn, encoded, exif
from tests.support.python_jobs import PythonJobs

from perdure.runtime import OperationError, Runtime, RuntimeSettings
from perdure.runtime.errors import InvalidLimits
from perdure.runtime.media import operations
from perdure.runtime.media.settings import MediaSettings

METHODS = ["query:media.inspect", "query:media.thumbnail", "query:media.hash"]
PHOTO = encoded(drawn(640, 480), exif=exif(taken="2024:07:14 18:30:05", place=(48.137, 11.575), camera=("Canon", "R5")))
SETTINGS = RuntimeSettings(media=MediaSettings(max_bytes=1_000_000, max_pixels=1_000_000, processes=1))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with Runtime.open(tmp_path_factory.mktemp("media") / "data", settings=SETTINGS) as made:
        yield made


@pytest.fixture(scope="module")
def jobs(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> PythonJobs:
    folder = tmp_path_factory.mktemp("extension")
    made = PythonJobs(runtime, folder, methods=[*METHODS, "action:vdfs.create_entry"])
    (folder / "album").mkdir()
    (folder / "album" / "a.jpg").write_bytes(PHOTO)
    runtime.share_folder(made.extension, "album", folder / "album")
    return made


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_file_an_entry_and_bytes_are_the_same_picture(jobs: PythonJobs) -> None:
    data = base64_of(PHOTO)
    entry = jobs.call("action:vdfs.create_entry", {"name": "a.jpg", "content": data})["id"]
    found = [
        jobs.call("query:media.inspect", source)
        for source in ({"data": data}, {"entry": entry}, {"file": "album/a.jpg"})
    ]
    assert found[0] == found[1] == found[2]
    assert (found[0]["format"], found[0]["width"], found[0]["height"]) == ("jpeg", 640, 480)
    assert found[0]["exif"]["taken_at"] == "2024-07-14T18:30:05"
    assert found[0]["exif"]["camera"]["model"] == "R5"


def test_a_thumbnail_and_hashes(jobs: PythonJobs) -> None:
    small = jobs.call(
        "query:media.thumbnail", {"file": "album/a.jpg", "max_width": 100, "max_height": 30, "format": "webp"}
    )
    assert (small["width"], small["height"], small["media_type"]) == (40, 30, "image/webp")
    assert decoded(base64.b64decode(small["content"])).size == (40, 30)
    hashes = jobs.call("query:media.hash", {"file": "album/a.jpg", "algorithms": ["phash", "ahash"]})
    assert len(hashes["phash"]) == len(hashes["ahash"]) == 16
    assert hashes["dhash"] is None


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("inspect", {}),
        ("inspect", {"file": "album/a.jpg", "data": ""}),
        ("inspect", {"file": "album/a.jpg", "colour": "red"}),
        ("thumbnail", {"file": "album/a.jpg", "max_width": 0}),
        ("thumbnail", {"file": "album/a.jpg", "max_width": 100_000}),
        ("thumbnail", {"file": "album/a.jpg", "format": "svg"}),
        ("thumbnail", {"file": "album/a.jpg", "quality": 101}),
        ("hash", {"file": "album/a.jpg", "algorithms": []}),
        ("hash", {"file": "album/a.jpg", "algorithms": ["md5"]}),
    ],
)
def test_bad_input_is_named(jobs: PythonJobs, operation: str, request_: dict[str, Any]) -> None:
    assert jobs.call(f"query:media.{operation}", request_)["code"] == "invalid_payload"


def test_the_embedders_limits_hold(jobs: PythonJobs) -> None:
    wide = jobs.call("query:media.inspect", {"data": base64_of(encoded(drawn(1001, 1000), "PNG"))})
    assert (wide["code"], "1,001 x 1,000 pixels" in wide["error"]) == ("failed", True)
    long = jobs.call("query:media.inspect", {"data": base64_of(bytes(1_000_001))})
    assert long["code"] == "invalid_payload"


def test_limits_that_make_no_sense() -> None:
    for wrong in ({"max_pixels": 0}, {"max_bytes": 0}, {"processes": 0}, {"memory_bytes": 1000}):
        with pytest.raises(InvalidLimits):
            MediaSettings(**wrong)


def test_pictures_places_and_times_are_sealed_in_the_log(runtime: Runtime, jobs: PythonJobs) -> None:
    photo = encoded(
        drawn(320, 200), exif=exif(taken="2023:12:24 18:30:05", place=(47.25, 11.5), camera=("Leica", "Q3"))
    )
    small = jobs.call("query:media.thumbnail", {"data": base64_of(photo)})["content"]
    jobs.call("query:media.inspect", {"data": base64_of(photo)})
    hashes = jobs.call("query:media.hash", {"data": base64_of(photo)})
    log = b"".join(str(stored.event).encode() for stored in runtime.store.read_all())
    for secret in (small, base64_of(photo), "2023-12-24", "47.25", hashes["phash"], "Leica"):
        assert secret.encode() not in log, secret[:80]
    assert b"image/jpeg" in log


def test_a_decoder_that_dies_or_hangs_costs_its_own_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setattr(operations, "FUNCTION", "tests.support.worker_tasks:cursed_picture")
    with Runtime.open(tmp_path / "data", settings=SETTINGS) as runtime:
        with pytest.raises(OperationError) as died:
            runtime.call("query:media.inspect", {"data": base64_of(b"die")})
        assert (died.value.code, "SIGABRT" in str(died.value)) == ("failed", True)
        with pytest.raises(OperationError, match="did not end within"):
            runtime.call("query:media.hash", {"data": base64_of(b"hang")}, timeout=1.0)
        assert runtime.call("query:media.inspect", {"data": base64_of(PHOTO)}).width == 640
