"""What scanners and telephones do to a page, and what hands and pockets did before: pure, from a seed."""

from __future__ import annotations

import io
from random import Random
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
_DARK: Final = 35.0  # what ink is at least, so that a shadow does not swallow it


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """How a picture was taken. Degrees turn against the clock; ``blur`` is a Gaussian's sigma in pixels."""

    turn: float = 0.0
    quarter_turns: int = 0
    blur: float = 0.0
    motion: int = 0
    """Pixels that the hand moved."""
    noise: float = 0.0
    """The standard deviation of each pixel, of 255."""
    contrast: float = 1.0
    perspective: float = 0.0
    """How far the corners are out, as a share of the picture's width."""
    shadow: float = 0.0
    """How much light is missing where it is darkest, 0 to 1."""
    crumple: float = 0.0
    """Pixels that folds move the paper."""
    background: int = 0
    """The brightness of what lies around the paper; 0 for none: the picture is the paper."""
    speckles: int = 0
    fade: float = 0.0
    """How much ink is missing in a band across the page: thermal paper, an empty cartridge."""
    quality: int = 85
    """Of the JPEG."""


def scanned(draw: Random, hard: bool) -> Damage:
    """A page on a flatbed or through a feeder."""
    return Damage(
        turn=draw.uniform(-2.0, 2.0) if hard else draw.uniform(-1.0, 1.0),
        quarter_turns=1 if hard and draw.random() < 0.15 else 0,
        blur=draw.uniform(0.3, 1.0),
        noise=draw.uniform(1, 8),
        contrast=draw.uniform(0.7, 1.0),
        speckles=draw.choice((0, 20, 120)),
        fade=draw.choice((0.0, 0.0, 0.0, 0.4)),
        quality=draw.choice((55, 70, 85)),
    )


def snapped(draw: Random, hard: bool) -> Damage:
    """A picture of a telephone, on a table, by lamp light."""
    return Damage(
        turn=draw.uniform(-4.0, 4.0),
        quarter_turns=draw.choice((0, 0, 0, 0, 1, 3)) if hard else draw.choice((0, 0, 0, 0, 0, 1)),
        blur=draw.uniform(0.4, 1.5) if hard else draw.uniform(0.3, 1.1),
        motion=draw.choice((0, 0, 3)) if hard else 0,
        noise=draw.uniform(3, 12),
        contrast=draw.uniform(0.6, 0.95),
        perspective=draw.uniform(0.0, 0.05),
        shadow=draw.uniform(0.1, 0.55),
        fade=draw.choice((0.0, 0.0, 0.3, 0.5)),
        crumple=draw.uniform(0.0, 2.5) if hard else draw.uniform(0.0, 1.5),
        background=draw.choice((30, 70, 110, 160)),
        quality=draw.choice((45, 60, 75, 85)),
    )


def taken(page: Image.Image, damage: Damage, draw: Random) -> Image.Image:
    """``page`` (grey) as the camera saw it."""
    chance = np.random.default_rng(draw.getrandbits(64))
    pixels = np.asarray(page, dtype=np.float32)
    pixels = _DARK + (pixels - _DARK) * damage.contrast + (1 - damage.contrast) * 40
    if damage.fade:
        rows = np.arange(pixels.shape[0]) / pixels.shape[0]
        band = np.exp(-(((rows - chance.uniform(0.1, 0.9)) / 0.15) ** 2)) * damage.fade
        pixels += (pixels.max() - pixels) * band[:, None].astype(np.float32)
    if damage.crumple:
        pixels = _crumpled(pixels, damage.crumple, chance)
    if damage.background:
        margin = max(20, round(min(pixels.shape) * 0.06))
        pixels = cv2.copyMakeBorder(
            pixels, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=[float(damage.background)]
        ).astype(np.float32)
    edge = float(damage.background or pixels.max())
    pixels = _turned(pixels, damage, edge, chance)
    if damage.shadow:
        pixels *= _light(pixels.shape[0], pixels.shape[1], damage.shadow, chance)
    if damage.blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), damage.blur).astype(np.float32)
    if damage.motion:
        kernel = np.full((1, damage.motion), 1 / damage.motion, dtype=np.float32)
        pixels = cv2.filter2D(pixels, -1, kernel).astype(np.float32)
    for _ in range(damage.speckles):
        y, x = int(chance.integers(pixels.shape[0])), int(chance.integers(pixels.shape[1]))
        pixels[y : y + 2, x : x + 2] = chance.choice((30.0, 230.0))
    if damage.noise:
        pixels += chance.normal(0, damage.noise, pixels.shape).astype(np.float32)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    turns = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    quarter = turns[damage.quarter_turns]
    return image if quarter is None else image.transpose(quarter)


def jpeg(image: Image.Image, quality: int) -> bytes:
    """As a file."""
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return target.getvalue()


def png(image: Image.Image) -> bytes:
    """As a file, in 16 greys so that it stays small."""
    target = io.BytesIO()
    image.quantize(16).save(target, "PNG", optimize=True)
    return target.getvalue()


def _crumpled(pixels: Any, strength: float, chance: np.random.Generator) -> Any:
    """Smooth waves in both directions, and a fold that is a little darker."""
    height, width = pixels.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    long = chance.uniform(180, 420, 4)
    phase = chance.uniform(0, 6.28, 4)
    moved_x = x + strength * (np.sin(y / long[0] * 6.28 + phase[0]) + np.sin((x + y) / long[1] * 6.28 + phase[1]))
    moved_y = y + strength * (np.sin(x / long[2] * 6.28 + phase[2]) + np.sin((x - y) / long[3] * 6.28 + phase[3]))
    bent = cv2.remap(
        pixels,
        moved_x.astype(np.float32),
        moved_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    fold = int(chance.integers(height // 4, 3 * height // 4))
    shade = 1 - 0.12 * np.exp(-(((np.arange(height) - fold) / 6.0) ** 2))
    return (bent * shade[:, None]).astype(np.float32)


def _turned(pixels: Any, damage: Damage, edge: float, chance: np.random.Generator) -> Any:
    """Turned and seen aslant, on a canvas that has room for all of it."""
    height, width = pixels.shape
    radians = np.deg2rad(abs(damage.turn))
    room_x = round(height * np.sin(radians) / 2 + width * damage.perspective)
    room_y = round(width * np.sin(radians) / 2 + width * damage.perspective)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    middle = corners.mean(axis=0)
    turn = np.deg2rad(-damage.turn)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (corners - middle) @ matrix.T + middle + (room_x, room_y)
    moved += chance.uniform(-1, 1, (4, 2)) * width * damage.perspective
    view = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    size = (width + 2 * room_x, height + 2 * room_y)
    turned = cv2.warpPerspective(
        pixels, view, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=[edge]
    )
    return turned.astype(np.float32)


def _light(height: int, width: int, shadow: float, chance: np.random.Generator) -> Any:
    """Light from one side, and a soft shadow, as of the hand that holds the telephone."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = chance.uniform(0, 6.28)
    across = (np.cos(angle) * x / width + np.sin(angle) * y / height + 1) / 2
    light = 1 - shadow * 0.5 * across
    centre, radius = chance.uniform(0, 1, 2), chance.uniform(0.3, 0.7)
    near = np.exp(-(((x / width - centre[0]) ** 2 + (y / height - centre[1]) ** 2) / radius**2))
    return (light - shadow * 0.5 * near).astype(np.float32)
