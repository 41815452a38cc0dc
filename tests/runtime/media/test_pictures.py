"""What is said of pictures, what their thumbnails look like, and which hashes they have: the code of the workers."""

from __future__ import annotations

from typing import Any

import imagehash
import msgspec
import numpy
import pytest
from PIL import Image, ImageCms, ImageEnhance, ImageFilter
from tests.support.pictures import HEIC, decoded, drawn, encoded, exif

from perdure.actors.operations import OperationFailed
from perdure.runtime.media.messages import (
    Camera,
    Hash,
    Inspect,
    MediaHashed,
    MediaInspected,
    PictureTask,
    Thumbnail,
    ThumbnailFormat,
    ThumbnailMade,
)
from perdure.runtime.media.worker import picture

PIXELS = 10_000_000
CORNERS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def inspect(data: bytes) -> MediaInspected:
    answer = picture(msgspec.msgpack.encode(PictureTask(data, Inspect(), PIXELS)))
    return msgspec.msgpack.decode(answer, type=MediaInspected)


def thumbnail(data: bytes, width: int = 48, height: int = 48, format: ThumbnailFormat = "png") -> ThumbnailMade:
    answer = picture(msgspec.msgpack.encode(PictureTask(data, Thumbnail(width, height, format, 80), PIXELS)))
    return msgspec.msgpack.decode(answer, type=ThumbnailMade)


def hashes(data: bytes) -> MediaHashed:
    answer = picture(msgspec.msgpack.encode(PictureTask(data, Hash(("phash", "dhash", "ahash", "whash")), PIXELS)))
    return msgspec.msgpack.decode(answer, type=MediaHashed)


def corners(image: Image.Image) -> list[str]:
    """Which colour each corner has, clockwise from the upper left."""
    near = (image.width // 8, image.height // 8)
    far = (image.width - 1 - near[0], image.height - 1 - near[1])
    found = []
    for at in ((near[0], near[1]), (far[0], near[1]), (far[0], far[1]), (near[0], far[1])):
        colour: Any = image.convert("RGB").getpixel(at)
        found.append(min(CORNERS, key=lambda name: sum(abs(a - b) for a, b in zip(CORNERS[name], colour, strict=True))))
    return found


@pytest.mark.parametrize(
    ("writer", "format", "media_type"),
    [
        ("JPEG", "jpeg", "image/jpeg"),
        ("PNG", "png", "image/png"),
        ("TIFF", "tiff", "image/tiff"),
        ("WEBP", "webp", "image/webp"),
        ("GIF", "gif", "image/gif"),
        ("BMP", "bmp", "image/bmp"),
        ("AVIF", "avif", "image/avif"),
    ],
)
def test_every_format(writer: str, format: str, media_type: str) -> None:
    data = encoded(drawn(), writer)
    assert inspect(data) == MediaInspected(
        media_type=media_type, format=format, width=96, height=64, frames=1, size=len(data), orientation=1,
        animated=False, has_alpha=False,
    )  # fmt: skip
    assert corners(decoded(thumbnail(data).content)) == ["red", "lime", "blue", "white"]
    phash = hashes(data).phash
    assert phash is not None
    assert imagehash.hex_to_hash(phash) - imagehash.phash(drawn()) <= 4


def test_heic_turned_by_the_phone() -> None:
    found = inspect(HEIC.read_bytes())
    assert (found.format, found.media_type, found.orientation) == ("heif", "image/heic", 1)
    assert (found.width, found.height) == (64, 96)
    assert found.exif is not None
    assert found.exif.taken_at == "2024-07-14T18:30:05"
    assert found.exif.taken_unix_us == 1_720_974_605_000_000
    assert found.exif.camera == Camera(make="Apple", model="iPhone 15")
    assert (found.exif.latitude, found.exif.longitude) == (48.1376389, 11.575)
    small = decoded(thumbnail(HEIC.read_bytes(), 64, 96).content)
    assert small.size == (64, 96)
    assert corners(small)[1] == "red"


@pytest.mark.parametrize("writer", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_of_every_format_that_has_it(writer: str) -> None:
    tags = exif(
        taken="2024:07:14 18:30:05", offset="-03:30", place=(-33.45, -70.66), altitude=-12.5, camera=("Canon", "R5"),
        LensModel="RF 24-70", ExposureTime=0.004, FNumber=2.8, ISOSpeedRatings=400, FocalLength=35.0,
    )  # fmt: skip
    found = inspect(encoded(drawn(), writer, exif=tags)).exif
    assert found is not None
    assert (found.taken_at, found.offset) == ("2024-07-14T18:30:05", "-03:30")
    assert found.taken_unix_us == 1_720_994_405_000_000
    assert found.latitude is not None
    assert found.longitude is not None
    assert (round(found.latitude, 5), round(found.longitude, 5), found.altitude) == (-33.45, -70.66, -12.5)
    assert found.camera == Camera(make="Canon", model="R5", lens="RF 24-70")
    assert found.exposure is not None
    assert (found.exposure.f_number, found.exposure.iso, found.exposure.focal_length) == (2.8, 400, 35.0)


@pytest.mark.parametrize("writer", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright(writer: str, orientation: int) -> None:
    """Pixels are laid down so that the orientation sets them right; the inverse of five is itself, of six eight."""
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    lying = drawn(96, 64)
    if orientation in inverse:
        lying = lying.transpose(inverse[orientation])
    data = encoded(lying, writer, exif=exif(orientation=orientation))
    found = inspect(data)
    assert (found.width, found.height, found.orientation) == (96, 64, orientation)
    small = thumbnail(data, 48, 48)
    assert (small.width, small.height) == (48, 32)
    assert corners(decoded(small.content)) == ["red", "lime", "blue", "white"]
    straight = hashes(encoded(drawn(96, 64), writer))
    assert straight.dhash is not None
    assert hashes(data).dhash == straight.dhash or writer != "PNG"


@pytest.mark.parametrize("format", ["jpeg", "webp", "png"])
def test_a_thumbnail_has_nothing_in_it_but_its_pixels(format: ThumbnailFormat) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = exif(taken="2024:07:14 18:30:05", place=(48.1, 11.5), orientation=6)
    data = encoded(drawn(400, 300), "JPEG", exif=tags, icc_profile=profile, comment="who I am")
    small = thumbnail(data, format=format)
    assert small.media_type == f"image/{format}"
    opened = decoded(small.content)
    assert (small.width, small.height) == opened.size == (36, 48)
    assert not opened.getexif()
    assert not {"exif", "icc_profile", "comment", "xmp"} & set(opened.info)


def test_a_thumbnail_is_never_larger_and_never_empty() -> None:
    assert (thumbnail(encoded(drawn(20, 10), "PNG")).width, thumbnail(encoded(drawn(20, 10), "PNG")).height) == (20, 10)
    line = thumbnail(encoded(drawn(3000, 1), "PNG"), 100, 100)
    assert (line.width, line.height) == (100, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "LAB"])
def test_every_kind_of_pixels(mode: str) -> None:
    base = drawn(64, 64)
    image = base.convert("L").convert(mode) if mode in ("LA", "I", "F", "I;16") else base.convert(mode)
    if mode == "I;16":
        image = Image.fromarray(numpy.asarray(image) * 256)
    data = encoded(image, "PNG" if mode in ("1", "L", "LA", "P", "RGBA", "I;16") else "TIFF")
    for format in ("jpeg", "webp", "png"):
        small = decoded(thumbnail(data, format=format).content)
        assert small.size == (48, 48)
        assert small.convert("L").getextrema()[1] > small.convert("L").getextrema()[0] + 20  # type: ignore[operator]
    assert hashes(data).phash


def test_sixteen_bits_keep_their_brightness() -> None:
    grey = Image.new("I;16", (10, 10), 0x8000)
    assert decoded(thumbnail(encoded(grey, "PNG")).content).getpixel((5, 5)) in (127, 128)


def test_what_can_be_seen_through() -> None:
    data = encoded(Image.new("RGBA", (10, 10), (255, 0, 0, 0)), "PNG")
    assert inspect(data).has_alpha
    assert decoded(thumbnail(data, format="png").content).getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert decoded(thumbnail(data, format="jpeg").content).getpixel((5, 5)) == (255, 255, 255)
    palette = Image.new("P", (10, 10))
    assert inspect(encoded(palette, "GIF", transparency=0)).has_alpha


@pytest.mark.parametrize("writer", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames(writer: str) -> None:
    more = [drawn(30, 20).rotate(turn) for turn in (10, 20)]
    found = inspect(encoded(drawn(30, 20), writer, save_all=True, append_images=more))
    assert (found.frames, found.animated) == (3, writer != "TIFF")


def test_a_jpeg_with_others_behind_it_is_a_jpeg() -> None:
    found = inspect(encoded(drawn(), "MPO", save_all=True, append_images=[drawn()]))
    assert (found.format, found.media_type, found.frames, found.animated) == ("jpeg", "image/jpeg", 2, False)


def test_colours_of_another_profile_become_those_that_everybody_shows() -> None:
    """A profile that says that all is darker: the thumbnail is darker, and says nothing of it."""
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    data = encoded(drawn(), "JPEG", icc_profile=linear)  # it does not fit: then it is left alone
    assert corners(decoded(thumbnail(data).content)) == ["red", "lime", "blue", "white"]
    assert corners(decoded(thumbnail(encoded(drawn(), "JPEG", icc_profile=b"nonsense")).content))[0] == "red"


def test_hashes_know_a_picture_again() -> None:
    base = Image.effect_mandelbrot((640, 480), (-1.4, -0.3, 0.4, 1.2), 60).convert("RGB")
    kept = hashes(encoded(base, quality=95)).phash
    assert kept is not None
    variants = (
        encoded(base, quality=40),
        encoded(base.resize((320, 240))),
        encoded(ImageEnhance.Brightness(base).enhance(1.2)),
        encoded(base.filter(ImageFilter.GaussianBlur(1)), "WEBP"),
        encoded(base.crop((8, 6, 632, 474))),
    )
    for data in variants:
        phash = hashes(data).phash
        assert phash is not None
        assert imagehash.hex_to_hash(kept) - imagehash.hex_to_hash(phash) <= 10
    other = hashes(encoded(drawn(640, 480))).phash
    assert other is not None
    assert imagehash.hex_to_hash(kept) - imagehash.hex_to_hash(other) > 16


def test_a_large_picture_has_the_hash_of_all_its_pixels() -> None:
    base = Image.effect_mandelbrot((2400, 1800), (-1.4, -0.3, 0.4, 1.2), 60).convert("RGB")
    phash = hashes(encoded(base, quality=90)).phash
    assert phash is not None
    assert imagehash.hex_to_hash(phash) - imagehash.phash(base) <= 4


def test_only_what_is_asked_for() -> None:
    answer = picture(msgspec.msgpack.encode(PictureTask(encoded(drawn()), Hash(("dhash",)), PIXELS)))
    found = msgspec.msgpack.decode(answer, type=MediaHashed)
    assert found.dhash is not None
    assert (found.phash, found.ahash, found.whash) == (None, None, None)


def test_more_pixels_than_there_may_be_are_refused_before_they_are_decoded() -> None:
    for wanted in (Inspect(), Thumbnail(10, 10, "jpeg", 80), Hash(("phash",))):
        with pytest.raises(OperationFailed, match="4,000 x 3,000 pixels") as refused:
            picture(msgspec.msgpack.encode(PictureTask(encoded(drawn(4000, 3000), "PNG"), wanted, PIXELS)))
        assert refused.value.code == "failed"
