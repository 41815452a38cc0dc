"""Pictures for tests, made by Pillow: of every format, with what cameras write into them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageDraw

HEIC = Path(__file__).parents[1] / "runtime" / "media" / "pictures" / "turned.heic"


def drawn(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A picture whose corners can be told apart: red, green, blue and white, clockwise from the upper left."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    half = (width // 2, height // 2)
    for corner, colour in (((0, 0), "red"), ((1, 0), "lime"), ((1, 1), "blue"), ((0, 1), "white")):
        at = (corner[0] * half[0], corner[1] * half[1])
        draw.rectangle((*at, at[0] + half[0], at[1] + half[1]), fill=colour)
    return picture.convert(mode)


def exif(
    *,
    orientation: int | None = None,
    taken: str | None = None,
    offset: str | None = None,
    place: tuple[float, float] | None = None,
    altitude: float | None = None,
    camera: tuple[str, str] | None = None,
    **more: Any,
) -> Image.Exif:
    """What a camera writes; ``more`` are tags of the Exif directory by their names in `PIL.ExifTags.Base`."""
    tags = Image.Exif()
    if camera is not None:
        tags[ExifTags.Base.Make], tags[ExifTags.Base.Model] = camera
    if orientation is not None:
        tags[ExifTags.Base.Orientation] = orientation
    details = tags.get_ifd(ExifTags.IFD.Exif)
    if taken is not None:
        details[ExifTags.Base.DateTimeOriginal] = taken
    if offset is not None:
        details[ExifTags.Base.OffsetTimeOriginal] = offset
    for name, value in more.items():
        details[ExifTags.Base[name]] = value
    if place is not None:
        gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
        latitude, longitude = place
        gps[ExifTags.GPS.GPSLatitudeRef] = "S" if latitude < 0 else "N"
        gps[ExifTags.GPS.GPSLatitude] = _sexagesimal(latitude)
        gps[ExifTags.GPS.GPSLongitudeRef] = "W" if longitude < 0 else "E"
        gps[ExifTags.GPS.GPSLongitude] = _sexagesimal(longitude)
        if altitude is not None:
            gps[ExifTags.GPS.GPSAltitudeRef] = b"\1" if altitude < 0 else b"\0"
            gps[ExifTags.GPS.GPSAltitude] = abs(altitude)
        tags[ExifTags.IFD.GPSInfo] = gps
    if details:
        tags[ExifTags.IFD.Exif] = details  # TIFF's writer takes what is named here only
    return tags


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(abs(degrees) * 60, 60)
    minutes, seconds = divmod(rest * 60, 60)
    return whole, minutes, round(seconds, 4)


def encoded(picture: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """A file's bytes; ``options`` are those of Pillow's writer."""
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    """A picture, its pixels read."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
