"""Writes the golden lists anew: ``python3 -m tests.conformance EXTENSION``, the folder of one that is right.

Whoever runs it reads every line that changed: the lists are what all four languages are held to.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.conformance.lives import GOLDEN, all_lives
from tests.support.guest_builds import install

from perdure.runtime import Runtime


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place, Runtime.open(Path(place) / "data") as runtime:
        for name, told in all_lives(runtime, install(runtime, folder)):
            (GOLDEN / f"{name}.txt").write_text("".join(f"{line}\n" for line in told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
