"""Perceptual hashes, by ImageHash: pictures that look alike have hashes that differ in few of their 64 bits.

``phash`` (the lowest frequencies of a cosine transform) stands changes of size, brightness and quality best, ``dhash``
asks whether a pixel is brighter than its neighbour, ``ahash`` than the mean, ``whash`` uses Haar wavelets. Imported in
worker processes only.
"""

from __future__ import annotations

from typing import Final

import imagehash
import pywt  # noqa: F401 - ImageHash imports these two when they are first used; here nothing was read yet
import scipy.fftpack  # noqa: F401
from PIL import Image

from perdure.runtime.media.messages import Algorithm, MediaHashed

# Pixels of the shorter side that a picture is decoded with at least. The grids have 8 to 32 pixels a side: from eight
# times as many comes the hash of the whole picture, but for a bit now and then.
LEAST_SIDE: Final = 256
_BITS: Final = {
    "phash": imagehash.phash,
    "dhash": imagehash.dhash,
    "ahash": imagehash.average_hash,
    "whash": imagehash.whash,
}


def hashes(picture: Image.Image, algorithms: tuple[Algorithm, ...]) -> MediaHashed:
    """Hashes of a picture that is upright; what can be seen through is white."""
    grey = on_white(picture).convert("L")
    if min(grey.size) > LEAST_SIDE:
        # Once, instead of by each algorithm from all pixels.
        grey.thumbnail((max(grey.width * LEAST_SIDE // min(grey.size), 1),) * 2, Image.Resampling.BOX)
    return MediaHashed(**{name: str(_BITS[name](grey)) for name in algorithms})


def on_white(picture: Image.Image) -> Image.Image:
    """A picture without anything to see through."""
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")
