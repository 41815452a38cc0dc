"""Tesseract, kept warm: loading a language takes a tenth of a second, and a worker process reads many pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import tesserocr
from numpy.typing import NDArray

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.ocr.layout import Spotted

_KEPT: Final = 3  # languages that stay loaded; each takes some 30 MB
_WORD: Final = "5"  # the level of a word's row in Tesseract's table


class Tesseract:
    """The engines of a process, by language."""

    def __init__(self) -> None:
        self._engines: dict[tuple[str, str], tesserocr.PyTessBaseAPI] = {}
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)

    def read(
        self, picture: NDArray[np.uint8], folder: str, languages: str, mode: int, seconds: float
    ) -> list[list[Spotted]]:
        """Recognise a picture's words, in runs that Tesseract holds to be lines.

        Args:
            picture: grey or RGB.
            folder: with the language data.
            languages: like ``deu+fra``.
            mode: one of ``tesserocr.PSM``: what kind of page it is.
            seconds: how long it may take.

        Raises:
            OperationFailed: `failed`: it took too long; `unavailable`: the language data cannot be read.
        """
        engine = self._engine(folder, languages)
        engine.SetPageSegMode(mode)
        high, wide = picture.shape[:2]
        depth = 1 if picture.ndim == 2 else 3
        engine.SetImageBytes(np.ascontiguousarray(picture).tobytes(), wide, high, depth, wide * depth)
        engine.SetSourceResolution(300)  # it would guess, and warn; what it is, only the size of letters says
        try:
            if not engine.Recognize(max(int(seconds * 1000), 1)):
                raise OperationFailed("failed", "Tesseract could not read the picture")
            table = engine.GetTSVText(0)
        finally:
            engine.Clear()
        return _runs(table)

    def _engine(self, folder: str, languages: str) -> tesserocr.PyTessBaseAPI:
        key = folder, languages
        engine = self._engines.pop(key, None)
        if engine is None:
            if not all(_is_data(Path(folder, f"{name}.traineddata")) for name in languages.split("+")):
                raise _unusable(languages)
            try:
                engine = tesserocr.PyTessBaseAPI(path=folder, lang=languages, oem=tesserocr.OEM.LSTM_ONLY)
            except RuntimeError:
                raise _unusable(languages) from None
            engine.SetVariable("debug_file", "")
            while len(self._engines) >= _KEPT:
                self._engines.pop(next(iter(self._engines))).End()
        self._engines[key] = engine  # the last used is the last
        return engine


def _runs(table: str) -> list[list[Spotted]]:
    """Tesseract's table: level, page, block, paragraph, line, word, left, top, width, height, confidence, text."""
    runs: dict[tuple[str, str, str], list[Spotted]] = {}
    for row in table.splitlines():
        cells = row.split("\t", 11)
        if len(cells) != 12 or cells[0] != _WORD or not (text := cells[11].strip()):
            continue
        left, top, wide, high = (float(cell) for cell in cells[6:10])
        word = Spotted(text, min(max(float(cells[10]) / 100, 0.0), 1.0), (left, top, left + wide, top + high))
        runs.setdefault((cells[2], cells[3], cells[4]), []).append(word)
    return list(runs.values())


def _is_data(file: Path) -> bool:
    """Whether a file begins like language data: with how many parts it has. Tesseract does not survive others."""
    with file.open("rb") as opened:
        head = opened.read(4)
    return len(head) == 4 and min(int.from_bytes(head, "little"), int.from_bytes(head, "big")) in range(1, 64)


def _unusable(languages: str) -> OperationFailed:
    return OperationFailed(
        "unavailable", f"the host's data for {languages} is damaged, or not for Tesseract 4 or later"
    )
