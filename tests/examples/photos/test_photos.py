"""The photos example on a real runtime, with real pictures: killed while it indexes, proved, with least permissions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bench.albums import Shot, shots
from tests.examples.photos.conftest import EXAMPLE, PHOTOS
from tests.support.command_line import PATIENCE, CommandLine
from tests.support.pictures import drawn, encoded, exif
from tests.support.waiting import TIMEOUT, eventually

from perdure.store import LmdbEventStore
from perdure.store.events import ActionAnswered

pytestmark = [pytest.mark.timeout(600)]


def test_its_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "27 passed" in done.stdout


def test_it_is_less_than_400_lines() -> None:
    assert sum(len(path.read_text().splitlines()) for path in (EXAMPLE / "photos").glob("*.py")) < 400


def pages(perdure: CommandLine, method: str, field: str, **request: Any) -> Iterator[Any]:
    while True:
        page = perdure.done("call", method, json.dumps(request), "--json").json
        yield from page[field]
        if page["next"] is None:
            return
        request["cursor"] = page["next"]


def photos(perdure: CommandLine) -> dict[str, dict[str, Any]]:
    """The entries of photos by their files; each file has one."""
    found = list(pages(perdure, "query:vdfs.list_entries", "entries", kind="photo", limit=1000))
    files = Counter(entry["metadata"]["file"] for entry in found)
    assert [file for file, times in files.items() if times > 1] == []
    return {entry["metadata"]["file"]: entry for entry in found}


def state_of(perdure: CommandLine, job: dict[str, Any]) -> dict[str, Any]:
    """A job's last state."""
    found: dict[str, Any] = perdure.done("jobs", "show", job["job_id"], "--json").json["checkpoint"]["state"]
    return found


def sidecar(perdure: CommandLine, entry_id: str, name: str) -> Any:
    request = {"entry_id": entry_id, "name": name, "text": name != "thumbnail"}
    return perdure.done("call", "query:vdfs.read_sidecar", json.dumps(request), "--json").json


@pytest.mark.long
def test_an_album(perdure: CommandLine, album: Path, tmp_path: Path) -> None:
    album = Path(shutil.copytree(album, tmp_path / "album"))
    job = perdure.done(
        "run", "photos", "index", "--state", '{"folder": "album"}', "--folder", f"album={album}", "--json"
    ).json
    assert (job["status"], job["items"], job["warnings"]) == ("completed", PHOTOS + 2, 2)
    found = photos(perdure)
    expected: dict[str, Shot] = {f"album/{shot.file}": shot for shot in shots(PHOTOS - 1, 1)}
    assert set(found) == {*expected, "album/phone.HEIC"}
    for file, shot in expected.items():
        metadata = found[file]["metadata"]
        assert metadata["taken_at"] == (shot.taken.isoformat() if shot.twin_of is None else None)
        assert (metadata["place"] is None) == (shot.place is None)
        if shot.place is not None:
            assert metadata["place"] == pytest.approx(shot.place, abs=1e-4)
    heic = found["album/phone.HEIC"]
    assert (heic["media_type"], heic["metadata"]["camera"], heic["sidecars"]) == ("image/heic", "iPhone 15", 2)
    assert json.loads(sidecar(perdure, heic["id"], "exif")["text"])["altitude"] == 519.0
    assert sidecar(perdure, heic["id"], "thumbnail")["content"].startswith("/9j/")  # a JPEG

    changed = album / shots(PHOTOS - 1, 1)[7].file
    changed.write_bytes(encoded(drawn(500, 400), exif=exif(taken="2031:01:01 00:00:00")))
    again = perdure.done("run", "photos", "index", "--state", '{"folder": "album"}', "--json").json
    state = state_of(perdure, again)
    assert (state["updated"], state["unchanged"], state["indexed"]) == (1, PHOTOS - 1, 0)
    assert photos(perdure)[f"album/{changed.relative_to(album)}"]["metadata"]["taken_at"] == "2031-01-01T00:00:00"

    moments = state_of(perdure, perdure.done("run", "photos", "moments", "--json").json)
    said = json.loads(sidecar(perdure, moments["entry"], "moments.json")["text"])
    assert sum(len(moment["photos"]) for moment in said) == len(expected) + 1 - moments["undated"]
    assert all(later["begin"] > earlier["end"] for later, earlier in pairwise(said))
    assert "<img" in sidecar(perdure, moments["entry"], "album.html")["text"]

    duplicates = state_of(perdure, perdure.done("run", "photos", "duplicates", "--json").json)
    groups = json.loads(sidecar(perdure, duplicates["entry"], "duplicates.json")["text"])
    twins = {(file, f"album/{shot.twin_of}") for file, shot in expected.items() if shot.twin_of is not None}
    together = {one["file"]: number for number, group in enumerate(groups) for one in group}
    found_twins = [(a, b) for a, b in twins if a in together and together[a] == together.get(b)]
    assert len(found_twins) >= 0.9 * len(twins)
    originals = [{expected[one["file"]].twin_of or expected[one["file"]].file for one in group} for group in groups]
    assert sum(len(different) == 1 for different in originals) >= 0.95 * len(groups)
    assert all(group[0]["pixels"] == max(one["pixels"] for one in group) for group in groups)

    assert perdure.done("verify", "--all", "--json").json["not_proved"] == []
    suggested = json.loads(perdure.done("extensions", "permissions", "photos", "--suggest").out)
    asked = perdure.done("extensions", "inspect", "photos", "--json").json["permissions"]["methods"]
    assert {name.removesuffix(".v1") for name in suggested["methods"]} == {*asked}


@pytest.mark.long
def test_killed_at_several_moments_each_photo_is_there_once(perdure: CommandLine, album: Path) -> None:
    command: tuple[object, ...] = (
        "run",
        "photos",
        "index",
        "--state",
        '{"folder": "album"}',
        "--folder",
        f"album={album}",
    )
    kills = 0
    for least in (1, 60, 130):
        with perdure.process(*command) as child:
            eventually(partial(has_come_to, perdure, least, child), PATIENCE)
            kills += child.poll() is None
            child.kill()
            child.wait(TIMEOUT)
        command = ("resume",)
    assert kills == 3
    perdure.done("resume")
    job = perdure.job()
    assert (job["status"], job["items"], job["warnings"]) == ("completed", PHOTOS + 2, 2)
    state = state_of(perdure, job)
    assert (state["indexed"], state["updated"], state["unchanged"]) == (PHOTOS, 0, 0)
    found = photos(perdure)
    assert len(found) == PHOTOS
    assert {(entry["revision"], entry["sidecars"]) for entry in found.values()} == {(1, 2)}
    assert effects(perdure) == {"action:vdfs.create_entry": PHOTOS}
    proof = perdure.done("verify", "--all", "--again", "--json").json
    assert proof["not_proved"] == []


def has_come_to(perdure: CommandLine, least: int, child: subprocess.Popen[str]) -> bool:
    """Whether the only job has done so many pictures, or its process has ended."""
    job = perdure.job()
    return child.poll() is not None or (job is not None and job["items"] >= least)


def effects(perdure: CommandLine) -> Counter[str]:
    """How often each action took effect, by the log."""
    with LmdbEventStore.open_readonly(perdure.data) as store:
        events = (stored.event for stream in store.streams("job:") for stored in store.read(stream))
        return Counter(event.method for event in events if isinstance(event, ActionAnswered) and not event.code)
