"""A page as a list of marks, so that a PDF with text and a picture come from one drawing.

Units are points (1/72 inch); y counts down from the top edge, and a text stands on its y.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Face: TypeAlias = Literal["sans", "sans-bold", "serif", "serif-bold", "mono", "mono-bold", "wide", "wide-bold"]
Align: TypeAlias = Literal["left", "right", "centre"]
A4: Final = (595.0, 842.0)
LETTER: Final = (612.0, 792.0)


class Text(msgspec.Struct, frozen=True):
    """One run of text; ``grey`` from 0, black, to 1."""

    x: float
    y: float
    text: str
    size: float
    face: Face = "sans"
    align: Align = "left"
    grey: float = 0.0

    @property
    def shown(self) -> str:
        """What is drawn: fonts that are not ``wide`` have no narrow no-break space."""
        return self.text if self.face.startswith("wide") else self.text.replace("\u202f", "\u00a0")


class Rule(msgspec.Struct, frozen=True):
    """A straight line."""

    x: float
    y: float
    to_x: float
    to_y: float
    width: float = 0.7


class Box(msgspec.Struct, frozen=True):
    """A filled rectangle, its corner on the left at the top."""

    x: float
    y: float
    width: float
    height: float
    grey: float


class Sheet:
    """One page; layouts write on it in the order of reading."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self.marks: list[Text | Rule | Box] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 9,
        face: Face = "sans",
        align: Align = "left",
        grey: float = 0,
    ) -> None:
        """Write."""
        if text:
            self.marks.append(Text(x, y, text, size, face, align, grey))

    def rule(self, x: float, y: float, to_x: float, width: float = 0.7) -> None:
        """A line across."""
        self.marks.append(Rule(x, y, to_x, y, width))

    def box(self, x: float, y: float, width: float, height: float, grey: float = 0.9) -> None:
        """A shade behind what is written later."""
        self.marks.append(Box(x, y, width, height, grey))

    def bars(self, x: float, y: float, width: float, height: float, pattern: str) -> None:
        """A barcode of no standard: a bar for each character's bits."""
        bits = "".join(f"{ord(char):07b}" for char in pattern)
        step = width / len(bits)
        for index, bit in enumerate(bits):
            if bit == "1":
                self.marks.append(Box(x + index * step, y, step, height, 0.0))

    def cropped(self, height: float) -> Sheet:
        """The upper part of it: a roll of paper is cut where the text ends."""
        shorter = Sheet(self.width, height)
        shorter.marks = self.marks
        return shorter

    def texts(self) -> list[str]:
        """What is written on it, in the order of writing."""
        return [mark.text for mark in self.marks if isinstance(mark, Text)]
