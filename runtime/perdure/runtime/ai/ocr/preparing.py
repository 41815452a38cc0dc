"""Pictures are made fit for Tesseract: cut out, levelled, scaled, the light evened out.

Each step gives the matrix that leads from the new picture's pixels back to the page's, so that words are where they
are on the page. The numbers were chosen with `bench.ocr`.
"""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # height x width, or height x width x 3 (RGB)
Matrix = NDArray[np.float64]  # 3 x 3, homogeneous

_LETTER: Final = 30  # pixels: the height of letters that Tesseract's networks were trained for, ascenders and all
_MOST_SKEW: Final = 20.0  # degrees
_GLYPHS: Final = 4000  # as many are enough to know how lines run
_DARK: Final = 110  # of 255: paper is brighter, almost always
_PAPER: Final = 235  # of 255: how bright it is made; what is brighter still is kept apart from it
_SHEET_SIDE: Final = 700  # pixels: the size at which a sheet is looked for


def grey_of(picture: Picture) -> Picture:
    """Without colours."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


class Glyphs:
    """What looks like letters in a picture: boxes of ink that hangs together.

    Attributes:
        boxes: n x 4: left, top, width, height.
        letter: the usual height; 0 if there are none.
    """

    def __init__(self, grey: Picture) -> None:
        ink = cv2.adaptiveThreshold(
            cv2.GaussianBlur(grey, (3, 3), 0), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _window(grey), 12
        )
        _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
        boxes = stats[1:, :4].astype(np.float64)
        filled = stats[1:, cv2.CC_STAT_AREA] / np.maximum(boxes[:, 2] * boxes[:, 3], 1)
        wide, high = boxes[:, 2], boxes[:, 3]
        most = max(grey.shape) / 12
        # Not dust, not pictures, not rules; letters of a word may run together.
        fits = (np.minimum(wide, high) >= 2) & (np.maximum(wide, high) >= 7) & (high < most) & (wide < most)
        fits &= (wide < 4 * high) & (high < 6 * wide) & (filled > 0.15) & (filled < 0.95)
        self.boxes = boxes[fits]
        self.letter = float(np.median(np.maximum(self.boxes[:, 2], self.boxes[:, 3]))) if len(self.boxes) else 0.0
        # What is much smaller than the usual is noise of the camera.
        self.boxes = self.boxes[np.maximum(self.boxes[:, 2], self.boxes[:, 3]) > 0.45 * self.letter]
        if len(self.boxes) > _GLYPHS:
            self.boxes = self.boxes[:: len(self.boxes) // _GLYPHS + 1]

    def skew(self) -> tuple[float, bool]:
        """By how many degrees lines rise to the right, and whether they run up and down instead of across."""
        if len(self.boxes) < 15:
            return 0.0, False
        left, top, wide, high = self.boxes.T
        across = _best_angle(left + wide / 2, top + high, self.letter)
        upright = _best_angle(top + high / 2, left + wide, self.letter)
        upright2 = _best_angle(top + high / 2, left, self.letter)
        best = max(upright, upright2, key=lambda found: found[1])
        if best[1] > 1.25 * across[1]:
            return -best[0], True
        return across[0], False


def dark_on_light(picture: Picture) -> Picture:
    """With light letters on a dark ground turned into dark ones on light, if that is what the picture has."""
    grey = grey_of(picture)
    if float(np.median(grey[::4, ::4])) > _DARK:
        return picture
    # A dark photograph is not reversed, it is dark: more must look like letters the other way round.
    reverse = np.asarray(255 - picture, np.uint8)
    return reverse if len(Glyphs(grey_of(reverse)).boxes) > 1.3 * len(Glyphs(grey).boxes) else picture


def framed(picture: Picture, room: int) -> Picture:
    """With a border of its own ground around it."""
    grey = grey_of(picture)
    ground = float(np.percentile(grey, 75)) if grey.size else 255.0
    return np.asarray(
        cv2.copyMakeBorder(picture, room, room, room, room, cv2.BORDER_CONSTANT, value=[ground] * 3), np.uint8
    )


def _window(grey: Picture) -> int:
    return int(max(15, min(grey.shape) // 40) | 1)


def _best_angle(along: NDArray[np.float64], base: NDArray[np.float64], letter: float) -> tuple[float, float]:
    """The angle at which most points stand on few lines, and how well they do."""

    def quality(degrees: float) -> float:
        radians = math.radians(degrees)
        heights = base * math.cos(radians) + along * math.sin(radians)
        counts = np.bincount(((heights - heights.min()) / max(letter / 5, 1)).astype(np.int64))
        return float(np.square(counts).sum()) / len(base)

    # Half a degree is what a line of a page's width may be off within a letter's height; then ever finer.
    best = max(np.arange(-_MOST_SKEW, _MOST_SKEW + 0.1, 0.5), key=quality)
    for step in (0.1, 0.02):
        best = max(best + step * np.arange(-6, 7), key=quality)
    return float(best), quality(best)


def turned(picture: Picture, quarters: int) -> Picture:
    """Turned clockwise."""
    return np.ascontiguousarray(np.rot90(picture, -quarters))


def scaling(glyphs: Glyphs, picture: Picture, wanted: float | None, max_pixels: int) -> float:
    """By which factor a picture is scaled, so that its letters are as large as they should be; 1 if they nearly are."""
    factor = wanted or (_LETTER / glyphs.letter if glyphs.letter else 1.0)
    if wanted is None:
        factor = 1.0 if 0.75 < factor < 1.3 else min(max(factor, 0.2), 3.0)
    return min(factor, math.sqrt(max_pixels / max(picture.shape[0] * picture.shape[1], 1)))


def levelled(picture: Picture, degrees: float, factor: float) -> tuple[Picture, Matrix]:
    """Turned by some degrees clockwise, so that lines which rose so much are level, and scaled, at once."""
    high, wide = picture.shape[:2]
    if abs(degrees) < 0.1 and factor == 1.0:
        return picture, np.eye(3)
    if abs(degrees) < 0.1:
        size = (max(round(wide * factor), 1), max(round(high * factor), 1))
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8), _inverse(
            np.diag([size[0] / wide, size[1] / high, 1.0])
        )
    turn = np.vstack([cv2.getRotationMatrix2D((wide / 2, high / 2), -degrees, factor), [0, 0, 1]])
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    new_wide, new_high = (wide * cosine + high * sine) * factor, (wide * sine + high * cosine) * factor
    turn[0, 2] += new_wide / 2 - wide / 2
    turn[1, 2] += new_high / 2 - high / 2
    if factor < 0.7:  # a warp takes single points; without this, thin strokes fall between them
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / factor), np.uint8)
    return _warped(picture, turn, round(new_wide), round(new_high)), _inverse(turn)


def _inverse(matrix: Any) -> Matrix:
    return np.linalg.inv(np.asarray(matrix, np.float64))


def _warped(picture: Picture, matrix: Any, wide: int, high: int) -> Picture:
    return np.asarray(
        cv2.warpPerspective(
            picture, matrix, (max(wide, 1), max(high, 1)), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def mapped_box(box: tuple[float, float, float, float], matrix: Matrix) -> tuple[float, float, float, float]:
    """The upright box around a box that is seen through a matrix."""
    left, top, right, bottom = box
    corners = matrix @ np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]], np.float64)
    x, y = corners[0] / corners[2], corners[1] / corners[2]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def sheet(grey: Picture) -> NDArray[np.float32] | None:
    """The corners of a bright sheet on a darker ground: upper left, upper right, lower right, lower left; or None."""
    factor = _SHEET_SIDE / max(grey.shape)
    if factor > 1:
        return None
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), (5, 5), 0)
    threshold, _ = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for offset in (0, 25, -25):
        found = _bright_quadrilateral(np.asarray(small, np.uint8), threshold + offset)
        if found is not None:
            return np.asarray(found / factor, np.float32)
    return None


def _bright_quadrilateral(small: Picture, threshold: float) -> NDArray[np.float64] | None:
    _, bright = cv2.threshold(small, threshold, 255, cv2.THRESH_BINARY)
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    area = cv2.contourArea(hull)
    if not 0.12 * small.size < area < 0.97 * small.size:
        return None
    length = cv2.arcLength(hull, closed=True)
    corners = next(
        (
            found.reshape(4, 2).astype(np.float64)
            for part in (0.02, 0.03, 0.05, 0.08)
            if len(found := cv2.approxPolyDP(hull, part * length, closed=True)) == 4
        ),
        None,
    )
    if corners is None or cv2.contourArea(corners.astype(np.float32)) < 0.9 * area:
        return None
    inside = cv2.fillConvexPoly(np.zeros(small.shape, np.uint8), corners.astype(np.int32), 1)
    around = cv2.dilate(inside, np.ones((25, 25), np.uint8)) - inside
    ground, paper = small[around == 1], small[inside == 1]
    # The paper of a page with a frame, or with a dark headline, is as bright outside as inside.
    if len(ground) < 0.01 * small.size or float(np.median(paper)) - float(np.percentile(ground, 75)) < 20:
        return None
    return _in_order(corners)


def _in_order(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = corners.mean(axis=0)
    around = corners[np.argsort(np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0]))]
    return np.roll(around, -int(np.argmin(around.sum(axis=1))), axis=0)


def cut_out(picture: Picture, corners: NDArray[np.float32]) -> tuple[Picture, Matrix]:
    """A sheet as it looks from straight above."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    wide, high = max(sides[0], sides[2]), max(sides[1], sides[3])
    target = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    return _warped(picture, matrix, round(float(wide)), round(float(high))), _inverse(matrix)


def unevenness(grey: Picture) -> float:
    """How much the brightness of the paper differs over a picture, 0 to 1."""
    paper = _paper(grey, 400)
    dark, bright = np.percentile(paper, (5, 95))
    return float(bright - dark) / 255


def grain(picture: Picture) -> float:
    """A camera's noise, as a standard deviation of 255: the median of what a blur takes away, so ink is no part."""
    grey = grey_of(picture)[::2].astype(np.float32)
    return 1.4826 * float(np.median(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2.0))))


def smoothed(picture: Picture, letter: float) -> Picture:
    """Blurred by half of what a stroke is wide: grain goes, letters stay."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(letter / 20, 0.5)), np.uint8)


def evened(picture: Picture) -> Picture:
    """With the light evened out: paper is equally bright everywhere."""
    grey = grey_of(picture)
    paper = cv2.resize(_paper(grey, 800), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(grey, np.maximum(paper, 1), scale=_PAPER), np.uint8)


def _paper(grey: Picture, side: int) -> NDArray[np.uint8]:
    """The picture without its ink, small."""
    factor = min(1.0, side / max(grey.shape))
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    size = max(5, side // 32) | 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.asarray(cv2.medianBlur(closed, min(size, 255)), np.uint8)


def binarised(picture: Picture, letter: float, *, adaptive: bool) -> Picture:
    """Black and white."""
    grey = grey_of(picture)
    if not adaptive:
        return np.asarray(cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8)
    window = max(15, round(letter * 1.6)) | 1
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    return np.asarray(
        cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, window, 15), np.uint8
    )
