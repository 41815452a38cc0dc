"""What worker processes do with pictures; see `perdure.runtime.worker_processes`."""

from __future__ import annotations

import contextlib
import io
from typing import Any, Final

import msgspec
from PIL import Image, ImageCms

from perdure.actors.operations import OperationFailed
from perdure.runtime.media import pictures
from perdure.runtime.media.exif import read_exif
from perdure.runtime.media.hashes import LEAST_SIDE, hashes, on_white
from perdure.runtime.media.messages import (
    MAX_ANSWER_BYTES,
    Exif,
    Hash,
    Inspect,
    MediaHashed,
    MediaInspected,
    PictureTask,
    Thumbnail,
    ThumbnailMade,
)

_EXIF_DIRECTORY: Final = 0x8769
_GPS_DIRECTORY: Final = 0x8825
_SRGB: Final = ImageCms.createProfile("sRGB")
_decoder: Final = msgspec.msgpack.Decoder(PictureTask)

pictures.prepare()


def picture(request: bytes) -> bytes:
    """Answer a `PictureTask`: with a `MediaInspected`, a `ThumbnailMade` or a `MediaHashed`."""
    task = _decoder.decode(request)
    opened = pictures.opened(task.picture, task.max_pixels)
    answer: MediaInspected | ThumbnailMade | MediaHashed
    match task.wanted:
        case Inspect():
            answer = inspected(opened, len(task.picture))
        case Thumbnail():
            answer = thumbnail(opened, task.wanted, task.max_pixels)
        case Hash():
            answer = hashed(opened, task.wanted, task.max_pixels)
    return msgspec.msgpack.encode(answer)


def inspected(opened: Image.Image, size: int) -> MediaInspected:
    """What a picture is, by its head: its pixels are not decoded."""
    name, media_type = pictures.FORMATS[str(opened.format)]
    tags = _tags(opened)
    orientation = pictures.orientation_of(tags)
    width, height = opened.size if orientation < 5 else opened.size[::-1]
    alpha = pictures.has_alpha(opened)
    exif = _exif(tags)
    frames = pictures.frames_of(opened)  # last: it goes on to other frames
    return MediaInspected(
        media_type=media_type,
        format=name,
        width=width,
        height=height,
        frames=frames,
        size=size,
        orientation=orientation,
        animated=frames > 1 and name in ("gif", "webp", "png", "avif"),
        has_alpha=alpha,
        exif=exif,
    )


def thumbnail(opened: Image.Image, wanted: Thumbnail, max_pixels: int) -> ThumbnailMade:
    """A small picture, upright."""
    orientation = pictures.orientation_of(_tags(opened))
    box = (wanted.max_width, wanted.max_height)
    box = box if orientation < 5 else (box[1], box[0])
    profile = opened.info.get("icc_profile")
    fitting = _fitting(opened.size, box)
    # Twice what is needed, so that the last step of making it smaller is a good one.
    small = pictures.loaded(opened, 2 * max(1, min(fitting)), max_pixels)
    if fitting != small.size:
        small = small.resize(fitting, Image.Resampling.LANCZOS, reducing_gap=2.0)
    small = pictures.upright(_in_srgb(small, profile), orientation)
    if wanted.format == "jpeg":
        small = on_white(small)
    small.info = {}  # writers take what they find there along
    out = io.BytesIO()
    if wanted.format == "png":
        small.save(out, "PNG", optimize=False)
    else:
        small.save(out, wanted.format.upper(), quality=wanted.quality)
    if out.tell() > MAX_ANSWER_BYTES:
        raise OperationFailed("failed", f"the thumbnail has {out.tell():,} bytes: ask for a smaller one, or for a jpeg")
    return ThumbnailMade(
        content=out.getvalue(), media_type=f"image/{wanted.format}", width=small.width, height=small.height
    )


def hashed(opened: Image.Image, wanted: Hash, max_pixels: int) -> MediaHashed:
    """Hashes of a picture as it is to be seen."""
    orientation = pictures.orientation_of(_tags(opened))
    decoded = pictures.loaded(opened, LEAST_SIDE, max_pixels)
    return hashes(pictures.upright(decoded, orientation), wanted.algorithms)


def _fitting(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same shape that fits into the box, and is not larger than the picture."""
    scale = min(box[0] / size[0], box[1] / size[1], 1.0)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _in_srgb(small: Image.Image, profile: Any) -> Image.Image:
    """The colours that everybody shows, since the profile that says what they mean goes with the other metadata."""
    if profile and small.mode == "RGB":
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(small, source, _SRGB, outputMode="RGB")
            return converted if converted is not None else small
    return small


def _tags(opened: Image.Image) -> Any:
    try:
        return opened.getexif()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - damaged in one of a hundred ways: then it says nothing
        return {}


def _exif(tags: Any) -> Exif | None:
    return read_exif(_Readable(tags), _directory(tags, _EXIF_DIRECTORY), _directory(tags, _GPS_DIRECTORY))


def _directory(tags: Any, which: int) -> dict[int, Any]:
    try:
        return dict(tags.get_ifd(which)) if tags else {}
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return {}


class _Readable(dict[int, Any]):
    """Tags that Pillow reads when they are asked for, of which a damaged one is none."""

    def __init__(self, tags: Any) -> None:
        super().__init__()
        self._tags = tags

    def get(self, key: int, default: Any = None) -> Any:
        try:
            return self._tags.get(key, default)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - as above
            return default
