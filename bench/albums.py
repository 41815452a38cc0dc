"""A folder of photos as a person has them: a year of seasons and trips, cameras, and pictures that are there twice.

    python3 -m bench.albums FOLDER [--photos 10000] [--seed 1]

They are small, drawn, and the same for the same seed; what is real about them is their EXIF: times with the seasons,
places of trips, cameras with and without satellites. Some are saved again as messengers do, made smaller, cropped,
brighter. What is there twice is in ``twins.json``, beside the folder.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageDraw, ImageEnhance, ImageFilter

WIDTH, HEIGHT = 480, 360  # pixels; a phone's would take an hour to draw, and as long to read again
TWINS = 0.12  # of all photos
CAMERAS = (
    ("Apple", "iPhone 15", True),
    ("Canon", "EOS R6", False),
    ("Google", "Pixel 8", True),
    ("SONY", "DSC-RX100M7", False),
)
HOME = (48.137, 11.575)
TRIPS = (
    ("Lisbon", 38.72, -9.14), ("Tromsø", 69.65, 18.96), ("Kyoto", 35.01, 135.77), ("Cape Town", -33.92, 18.42),
    ("Suva", -18.14, 178.44), ("New York", 40.71, -74.01), ("Rome", 41.9, 12.5), ("Reykjavík", 64.15, -21.94),
)  # fmt: skip
_SEASONS = ((210, 225, 240), (120, 190, 110), (250, 210, 90), (190, 110, 60))


@dataclass(frozen=True)
class Shot:
    """One picture: its file below the folder, when and where it was taken, by which camera, what it shows."""

    file: str
    taken: dt.datetime
    place: tuple[float, float] | None
    camera: tuple[str, str, bool]
    scene: int
    twin_of: str | None = None


def shots(count: int, seed: int, year: int = 2024) -> list[Shot]:
    """What the folder holds, by file; a year at home with trips, and twins of some."""
    draw = random.Random(seed)
    originals = count - round(count * TWINS)
    begins = sorted(draw.sample(range(10, 350), min(len(TRIPS), max(1, originals // 40))))
    trips = dict(zip(begins, draw.sample(TRIPS, len(begins)), strict=True))
    found: list[Shot] = []
    day_of = [
        draw.choice((*range(365), *(begin + draw.randrange(6) for begin in begins for _ in range(20))))
        for _ in range(originals)
    ]
    for number, day in enumerate(sorted(day_of)):
        away = next((trip for begin, trip in trips.items() if begin <= day < begin + 6), None)
        taken = dt.datetime(year, 1, 1) + dt.timedelta(
            days=day, seconds=round(draw.triangular(6 * 3600, 23 * 3600, 15 * 3600))
        )
        north, east = (away[1], away[2]) if away else HOME
        camera = draw.choice(CAMERAS)
        near = (north + draw.gauss(0, 0.02), east + draw.gauss(0, 0.02))
        name = f"{taken:%Y/%m}/IMG_{number:05}.jpg"
        found.append(Shot(name, taken, near if camera[2] else None, camera, draw.getrandbits(32)))
    for number in range(count - originals):
        kept = draw.choice(found[:originals])
        twin = f"{kept.taken:%Y}/messages/WA{number:05}.jpg"
        found.append(Shot(twin, kept.taken, None, kept.camera, kept.scene, kept.file))
    return sorted(found, key=lambda shot: shot.file)


def picture(shot: Shot) -> Image.Image:
    """What it shows: a sky, hills and things, drawn from its scene's number in the colours of its season."""
    draw = random.Random(shot.scene)
    season = _SEASONS[(shot.taken.month % 12) // 3]
    image = Image.new("RGB", (WIDTH, HEIGHT))
    brush = ImageDraw.Draw(image)
    light = 0.35 + 0.65 * math.sin(math.pi * (shot.taken.hour - 5) / 19)
    for y in range(0, HEIGHT, 12):
        sky = tuple(
            round(light * (channel * (1 - y / HEIGHT) + season[at] * y / HEIGHT))
            for at, channel in enumerate((90, 150, 235))
        )
        brush.rectangle((0, y, WIDTH, y + 12), fill=sky)
    for _ in range(draw.randint(4, 9)):
        x, y = draw.randrange(-60, WIDTH), draw.randrange(HEIGHT // 8, HEIGHT)
        wide, high = draw.randrange(40, 220), draw.randrange(30, 200)
        colour = tuple(min(255, max(0, round(light * draw.gauss(channel, 70)))) for channel in season)
        box = (x, y, x + wide, y + high)
        match draw.randrange(3):
            case 0:
                brush.ellipse(box, fill=colour)
            case 1:
                brush.rectangle(box, fill=colour)
            case _:
                brush.pieslice(box, 180, 360, fill=colour)
    return image


def altered(image: Image.Image, how: int) -> tuple[Image.Image, int]:
    """A picture as it comes back from elsewhere, and the quality that it is saved with."""
    match how % 4:
        case 0:
            return image, 35
        case 1:
            return image.resize((WIDTH * 2 // 3, HEIGHT * 2 // 3)), 70
        case 2:
            return ImageEnhance.Brightness(image).enhance(1.15), 80
        case _:
            return image.crop((3, 2, WIDTH - 4, HEIGHT - 3)).filter(ImageFilter.GaussianBlur(0.6)), 80


def tags_of(shot: Shot) -> Image.Exif:
    """What its camera wrote."""
    tags = Image.Exif()
    tags[ExifTags.Base.Make], tags[ExifTags.Base.Model] = shot.camera[:2]
    tags[ExifTags.Base.Orientation] = 1
    details = tags.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = f"{shot.taken:%Y:%m:%d %H:%M:%S}"
    details[ExifTags.Base.ISOSpeedRatings] = 100 << shot.scene % 5
    details[ExifTags.Base.FNumber] = 1.8 + shot.scene % 7
    if shot.place is not None:
        details[ExifTags.Base.OffsetTimeOriginal] = f"{round(shot.place[1] / 15):+03}:00"
        gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
        for tag, reference, degrees, names in (
            (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, shot.place[0], "NS"),
            (ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, shot.place[1], "EW"),
        ):
            minutes, whole = math.modf(abs(degrees))
            gps[reference], gps[tag] = names[degrees < 0], (whole, minutes * 60, 0.0)
    return tags


def make_album(folder: Path, count: int, seed: int = 1) -> Iterator[Shot]:
    """Write the pictures, and ``twins.json`` beside the folder; yields each when it is written. What is there stays."""
    found = shots(count, seed)
    by_file = {shot.file: shot for shot in found}
    for number, shot in enumerate(found):
        target = folder / shot.file
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if shot.twin_of is None:
                picture(shot).save(target, "JPEG", quality=88, exif=tags_of(shot))
            else:
                image, quality = altered(picture(by_file[shot.twin_of]), number)
                image.save(target, "JPEG", quality=quality)  # messengers take out what a camera wrote
        yield shot
    twins = {shot.file: shot.twin_of for shot in found if shot.twin_of is not None}
    (folder.parent / "twins.json").write_text(json.dumps(twins))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m bench.albums", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(sum(1 for _ in make_album(options.folder, options.photos, options.seed)), "photos in", options.folder)


if __name__ == "__main__":
    main()
