"""A photo as its entry's metadata says it, and what the entry of a file is called. Pure."""

import datetime as dt
import hashlib
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

from perdure_sdk.clients import Entry, ListedFile, MediaHashed, MediaInspected

EPOCH = dt.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Photo:
    """What is to be known of a photo. ``seconds``: when it was taken, in the camera's own time."""

    id: str
    file: str
    size: int
    pixels: int
    seconds: float | None
    place: tuple[float, float] | None
    phash: int
    dhash: int


def photo_of(entry: Entry) -> Photo:
    """What an entry's metadata says."""
    known = entry.metadata
    taken, place = known.get("taken_at"), known.get("place")
    seconds = (dt.datetime.fromisoformat(taken) - EPOCH).total_seconds() if taken else None
    hashes = int(known["phash"], 16), int(known["dhash"], 16)
    pixels = known["width"] * known["height"]
    return Photo(
        str(entry.id), known["file"], known["size"], pixels, seconds, (place[0], place[1]) if place else None, *hashes
    )


def metadata_of(file: ListedFile, found: MediaInspected, hashes: MediaHashed) -> dict[str, Any]:
    """What an entry says of its photo; null takes away what was said of an earlier picture in the file."""
    exif = found.exif
    return {
        **asdict(file),  # file, size, modified
        "width": found.width,
        "height": found.height,
        "taken_at": exif.taken_at if exif else None,
        "taken_unix_us": exif.taken_unix_us if exif else None,
        "place": [exif.latitude, exif.longitude] if exif and exif.latitude is not None else None,
        "camera": exif.camera.model if exif and exif.camera else None,
        "phash": hashes.phash,
        "dhash": hashes.dhash,
        "vanished": None,
    }


def name_of(file: str) -> str:
    """A name that no other file's entry has: its path, or a digest of it where that is no name for an entry."""
    name = file.replace("/", " > ")
    plain = name.isprintable() and name == name.strip() and unicodedata.is_normalized("NFC", name)
    if plain and ">" not in file and "\\" not in file and len(name.encode()) <= 255:
        return name
    return hashlib.sha256(file.encode()).hexdigest()
