"""Pages that are turned by quarters. Pure."""

from __future__ import annotations

from typing import Literal

from perdure.runtime.ai.ocr.messages import Box

Quarters = Literal[0, 1, 2, 3]  # clockwise


def turned_size(width: float, height: float, quarters: int) -> tuple[float, float]:
    """The size of a page after it was turned clockwise."""
    return (height, width) if quarters % 2 else (width, height)


def turned_box(box: Box, width: float, height: float, quarters: int) -> Box:
    """Where a box of a page of this size is after the page was turned clockwise."""
    left, top, right, bottom = box
    match quarters % 4:
        case 1:
            return height - bottom, left, height - top, right
        case 2:
            return width - right, height - bottom, width - left, height - top
        case 3:
            return top, width - right, bottom, width - left
    return box


def quarters_to_read(x: float, y: float) -> Quarters:
    """How often a page is to be turned clockwise so that what runs this way (y downwards) runs to the right."""
    if abs(x) >= abs(y):
        return 0 if x >= 0 else 2
    return 3 if y > 0 else 1
