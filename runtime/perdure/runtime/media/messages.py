"""What guests ask of pictures, and what they are answered; what goes to a worker process stands at the end."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from perdure.runtime.operations.declaration import Sensitive
from perdure.runtime.sources import Source

Algorithm = Literal["phash", "dhash", "ahash", "whash"]
ThumbnailFormat = Literal["jpeg", "webp", "png"]

MAX_THUMBNAIL: Final = 2_048  # pixels on a side
MAX_ANSWER_BYTES: Final = 5 * 1024 * 1024  # as base64 within what a job may be answered

_Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_THUMBNAIL)]


class InspectMedia(Source, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture: one of `data`, `entry` and `file`."""


class MakeThumbnail(Source, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture, and the box that a small one has to fit into; it is never larger than the picture.

    ``quality`` is for ``jpeg`` and ``webp``.
    """

    max_width: _Side = 320
    max_height: _Side = 320
    format: ThumbnailFormat = "jpeg"
    quality: Annotated[int, msgspec.Meta(ge=1, le=95)] = 80


class HashMedia(Source, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture, and which hashes of it."""

    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1, max_length=4)] = ("phash", "dhash")


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """Who made the camera and its lens, as they say it."""

    make: str | None = None
    model: str | None = None
    lens: str | None = None


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """How it was taken: seconds, the f-number, ISO, millimetres; ``flash``: whether it fired."""

    seconds: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    focal_length_35mm: float | None = None
    flash: bool | None = None


class Exif(msgspec.Struct, frozen=True, kw_only=True):
    """What the camera wrote into the picture, as far as it makes sense.

    Attributes:
        taken_at: when, in the camera's own time: ISO 8601 without an offset.
        offset: of that time from UTC (``+02:00``), if the camera knew it.
        taken_unix_us: when, in microseconds since 1970: by the offset, or by the satellites' time; else null.
        latitude, longitude: degrees (WGS 84), south and west below zero.
        altitude: metres above the sea.
        camera, exposure: what took it, and how.
    """

    taken_at: str | None = None
    offset: str | None = None
    taken_unix_us: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    camera: Camera | None = None
    exposure: Exposure | None = None


class MediaInspected(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture is.

    Attributes:
        media_type, format: ``image/jpeg`` and ``jpeg``; the formats are jpeg, png, heif, tiff, webp, gif, bmp, avif.
        width, height: pixels, as it is to be seen: turned as ``orientation`` says.
        frames: how many pictures are in the file, counted up to 10,000.
        size: bytes of the file.
        orientation: EXIF's, 1 to 8; how the pixels in the file have to be turned.
        animated: whether the frames follow each other in time.
        has_alpha: whether something of it can be seen through.
        exif: what the camera wrote; null if nothing.
    """

    media_type: str
    format: str
    width: int
    height: int
    frames: int
    size: int
    orientation: int
    animated: bool
    has_alpha: bool
    exif: Annotated[Exif | None, Sensitive] = None


class ThumbnailMade(msgspec.Struct, frozen=True, kw_only=True):
    """A small picture (base64): the first frame, upright, in sRGB, with nothing in it but its pixels."""

    content: Annotated[bytes, Sensitive]
    media_type: str
    width: int
    height: int


class MediaHashed(msgspec.Struct, frozen=True, kw_only=True):
    """Hashes of 64 bits in hex; null where not asked for. Pictures that look alike differ in few bits."""

    phash: Annotated[str | None, Sensitive] = None
    dhash: Annotated[str | None, Sensitive] = None
    ahash: Annotated[str | None, Sensitive] = None
    whash: Annotated[str | None, Sensitive] = None


# --- to a worker process ---------------------------------------------------------------------------------------------


class Inspect(msgspec.Struct, frozen=True, tag=True):
    """See `InspectMedia`."""


class Thumbnail(msgspec.Struct, frozen=True, tag=True):
    """See `MakeThumbnail`."""

    max_width: int
    max_height: int
    format: ThumbnailFormat
    quality: int


class Hash(msgspec.Struct, frozen=True, tag=True):
    """See `HashMedia`."""

    algorithms: tuple[Algorithm, ...]


class PictureTask(msgspec.Struct, frozen=True):
    """What to do with which bytes. ``max_pixels`` is the most that may be decoded."""

    picture: bytes
    wanted: Inspect | Thumbnail | Hash
    max_pixels: int
