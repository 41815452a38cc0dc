"""Pictures of strangers, decoded by Pillow and libheif. Imported in worker processes only.

Only the decoders of `FORMATS` are open: Pillow could do more, and some of that would start other programs.
"""

from __future__ import annotations

import io
import itertools
from typing import Any, Final

import numpy
import pi_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from perdure.actors.operations import OperationFailed

# Pillow's name of each, ours, and its media type. An MPO is a JPEG with others behind it, of cameras with two lenses.
FORMATS: Final = {
    "JPEG": ("jpeg", "image/jpeg"),
    "MPO": ("jpeg", "image/jpeg"),
    "PNG": ("png", "image/png"),
    "HEIF": ("heif", "image/heic"),
    "TIFF": ("tiff", "image/tiff"),
    "WEBP": ("webp", "image/webp"),
    "GIF": ("gif", "image/gif"),
    "BMP": ("bmp", "image/bmp"),
    "AVIF": ("avif", "image/avif"),
}
# Named, so that they are imported before anything is read: they put themselves into Pillow's table.
_PLUGINS: Final = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
_KNOWN: Final = "jpeg, png, heif, tiff, webp, gif, bmp, avif"
# Pillow opens an MPO as a JPEG, and sees then that it is one.
_OPENED: Final = tuple(name for name in FORMATS if name != "MPO")
MAX_FRAMES: Final = 10_000  # counted; a GIF tells how many it has only by being read to its end
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def prepare() -> None:
    """Have libheif registered, with one thread and nothing decoded that nobody asked for; Pillow's limits are ours."""
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    Image.MAX_IMAGE_PIXELS = None  # `opened` refuses, with the limit that the embedder chose
    ImageFile.LOAD_TRUNCATED_IMAGES = False


def opened(data: bytes, max_pixels: int) -> Image.Image:
    """A picture, of which only the head was read.

    Raises:
        OperationFailed: it is none, or larger than it may be.
    """
    try:
        picture = Image.open(io.BytesIO(data), formats=_OPENED)
    except UnidentifiedImageError:
        raise OperationFailed("invalid_payload", f"it is no picture that can be opened ({_KNOWN})") from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - what decoders raise on damaged heads is of every kind
        raise damaged(error) from None
    _check_size(picture, max_pixels)
    return picture


def _check_size(picture: Image.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise OperationFailed("invalid_payload", "the picture has no pixels")
    if width * height > max_pixels:
        raise OperationFailed(
            "failed", f"the picture has {width:,} x {height:,} pixels; it may have {max_pixels:,} in all"
        )


def damaged(error: BaseException) -> OperationFailed:
    """What is said of a picture that a decoder gave up on; not what the decoder said, which may quote it."""
    return OperationFailed("invalid_payload", f"the picture is damaged, or incomplete ({type(error).__name__})")


def loaded(picture: Image.Image, least: int | None, max_pixels: int) -> Image.Image:
    """The first frame's pixels, as grey, RGB or RGBA, not yet turned.

    ``least``: the shorter side that is needed. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, in a fraction of
    the time; others as a whole.

    Raises:
        OperationFailed: they cannot be decoded.
    """
    try:
        if least is not None and picture.format in ("JPEG", "MPO"):
            width, height = picture.size
            scale = max(1, min(width, height) // least)
            picture.draft(None, (max(1, width // scale), max(1, height // scale)))
        picture.load()
        _check_size(picture, max_pixels)  # of what was decoded: a head may lie
        return _eight_bits(picture)
    except (OperationFailed, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise damaged(error) from None


def _eight_bits(picture: Image.Image) -> Image.Image:
    mode = picture.mode
    if mode in ("L", "RGB", "RGBA"):
        return picture
    if mode == "1":
        return picture.convert("L")
    if mode.startswith(("I", "F")):
        return _scaled(picture)
    return picture.convert("RGBA" if has_alpha(picture) else "RGB")


def _scaled(picture: Image.Image) -> Image.Image:
    """Grey of more than eight bits: 16 bits by their upper half, others by their brightest and darkest."""
    values: Any = numpy.asarray(picture).astype(numpy.float32)
    values = numpy.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = 0.0, 65_535.0
    if not picture.mode.startswith("I;16") and not (values.min() >= 0 and 255 < values.max() <= high):
        low, high = float(values.min()), float(values.max())
    values = (values - low) * (255.0 / ((high - low) or 1.0))
    return Image.fromarray(values.clip(0, 255).astype(numpy.uint8), "L")


def has_alpha(picture: Image.Image) -> bool:
    """Whether something of it can be seen through."""
    return picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info


def orientation_of(tags: Any) -> int:
    """EXIF's orientation, 1 where it says nothing or nonsense. Pillow's HEIF plugin has turned its pictures already."""
    try:
        value = tags.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - tags are read when they are asked for, and may be damaged
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The pixels as they are to be seen."""
    method = _UPRIGHT.get(orientation)
    return picture.transpose(method) if method is not None else picture


def frames_of(picture: Image.Image) -> int:
    """How many frames the file has; what is damaged behind the first is not counted."""
    if not isinstance(picture, GifImagePlugin.GifImageFile | TiffImagePlugin.TiffImageFile):
        return min(max(1, int(getattr(picture, "n_frames", 1))), MAX_FRAMES)
    for number in itertools.count(1):
        if number >= MAX_FRAMES:
            break
        try:
            # Pillow's own way to count, without its end: it reads no pixels.
            picture._seek(number, False) if isinstance(picture, GifImagePlugin.GifImageFile) else picture.seek(number)
        except Exception:  # noqa: BLE001 - the end, or damage
            break
    return number
