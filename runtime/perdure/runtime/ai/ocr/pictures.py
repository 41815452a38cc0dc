"""Pictures in files, decoded with Pillow: the few kinds that text comes in, and none larger than is allowed."""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from perdure.actors.operations import OperationFailed

# Each decoder is a way in. MPO is what telephones write: a JPEG with more than one picture in it.
_KINDS: Final = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "HEIF": "image/heic",
}


class Pictures:
    """The pictures of one file; of those that move, and of what telephones write, the first.

    Raises:
        OperationFailed: `invalid_payload`: it is none that can be read.
    """

    def __init__(self, content: bytes, max_pixels: int) -> None:
        Image.init()
        _register_heif()
        Image.MAX_IMAGE_PIXELS = None  # ours is checked for each picture, and is an error instead of a warning
        warnings.simplefilter("ignore")  # of tags that make no sense, for a log that is not there
        self._max_pixels = max_pixels
        try:
            self._image = Image.open(io.BytesIO(content), formats=[kind for kind in _KINDS if kind in Image.OPEN])
        except UnidentifiedImageError:
            raise OperationFailed("invalid_payload", _unknown(content)) from None
        except (OSError, ValueError, SyntaxError, KeyError, OverflowError) as error:
            raise _damaged(error) from None
        self.media_type = _KINDS[str(self._image.format)]

    def count(self) -> int:
        """How many pages it has; only a TIFF has more than one."""
        if self.media_type != "image/tiff":
            return 1
        try:
            return int(getattr(self._image, "n_frames", 1))
        except (OSError, ValueError, SyntaxError, KeyError, OverflowError, EOFError) as error:
            raise _damaged(error) from None

    def picture(self, number: int) -> NDArray[np.uint8]:
        """A page as RGB, the way up that the camera noted, on white where it is transparent.

        Raises:
            OperationFailed: `invalid_payload`: it is too large, or damaged.
        """
        try:
            self._image.seek(number - 1)
            wide, high = self._image.size
            if wide * high > self._max_pixels:
                raise OperationFailed(
                    "invalid_payload", f"a picture of {wide} x {high} pixels; at most {self._max_pixels} in all"
                )
            upright = ImageOps.exif_transpose(self._image)
            return np.asarray(_opaque(upright), np.uint8)
        except (OSError, ValueError, SyntaxError, KeyError, TypeError, OverflowError, EOFError) as error:
            raise _damaged(error) from None


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):  # more than 8 bits a pixel: stretched, not cut off
        values = np.asarray(image, np.float64)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        return Image.fromarray(np.uint8((values - low) * (255 / max(high - low, 1e-9)))).convert("RGB")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        drawn = image.convert("RGBA")
        paper = Image.new("RGBA", drawn.size, "white")
        return Image.alpha_composite(paper, drawn).convert("RGB")
    return image.convert("RGB")


def _register_heif() -> None:
    try:
        import pi_heif  # noqa: PLC0415 - a host may do without it
    except ImportError:
        return
    pi_heif.register_heif_opener(thumbnails=False)


def _unknown(content: bytes) -> str:
    kinds = "PDF, PNG, JPEG, TIFF, WebP, GIF, BMP, HEIC"
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return "it is a HEIC picture that cannot be read; the host may lack pi-heif: pip install pi-heif"
    return f"it is no file that text can be read from, or its beginning is damaged; those are {kinds}"


def _damaged(error: Exception) -> OperationFailed:
    # What Pillow says may quote the file; its kind says enough.
    return OperationFailed("invalid_payload", f"the picture is damaged, or ends too early ({type(error).__name__})")
