"""Where Tesseract's language data is, and which package has what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.actors.operations import OperationFailed

_SUFFIX: Final = ".traineddata"
# Debian and Ubuntu, Fedora, Arch and Alpine, own builds, Homebrew on both kinds of Macs, MacPorts.
_PLACES: Final = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tesseract-ocr/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "/usr/local/opt/tesseract/share/tessdata",
    "/opt/local/share/tessdata",
)


def language_folder(languages: str, folder: str | None) -> str:
    """The folder with the data of all these languages.

    Args:
        languages: like ``deu+fra``.
        folder: the only one to look in; None for that of ``TESSDATA_PREFIX``, then where systems have it.

    Raises:
        OperationFailed: `unavailable`: there is none; the message says which packages would bring it.
    """
    wanted = languages.split("+")
    best: set[str] = set()
    for place in _places(folder):
        installed = installed_languages(place)
        if installed.issuperset(wanted):
            return str(place)
        if len(installed.intersection(wanted)) >= len(best.intersection(wanted)):
            best = installed
    missing = [name for name in wanted if name not in best]
    packages = " ".join(f"tesseract-ocr-{name.lower().replace('_', '-')}" for name in missing)
    raise OperationFailed(
        "unavailable",
        f"the host has no language data for {', '.join(missing)}; it has {', '.join(sorted(best)) or 'none at all'}."
        f" Debian and Ubuntu: apt install {packages}; elsewhere TESSDATA_PREFIX names the folder that has"
        f" {missing[0]}{_SUFFIX}",
    )


def installed_languages(folder: Path) -> set[str]:
    """The languages that there is data for in a folder."""
    try:
        return {file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX)}
    except OSError:
        return set()


def _places(folder: str | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    if prefix := os.environ.get("TESSDATA_PREFIX"):
        yield Path(prefix)
        yield Path(prefix, "tessdata")  # what Tesseract 3 meant by it
    for pattern in _PLACES:
        # The newest version first.
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
