"""What stands between marks in docs/benchmarks.md, made from bench/results: ``python3 -m bench.publish [--check]``.

Each part of the page is between ``<!-- NAME -->`` and ``<!-- end NAME -->``; a part is one function that takes the
bytes of one file of results and gives Markdown, and perhaps one that draws its pictures. A part whose results nobody
has measured stays as it is. Pictures need matplotlib (extra ``bench``); without it they stay as they are, and that is
said.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from bench.curves import pictures as curve_pictures
from bench.curves import tables as curve_tables
from bench.peers import pictures as peer_pictures
from bench.peers import tables as peer_tables
from bench.soak import pictures as soak_pictures
from bench.soak import tables as soak_tables

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "benchmarks.md"
RESULTS: Final = ROOT / "bench" / "results"
PICTURES: Final = ROOT / "docs" / "pictures"


class Part(msgspec.Struct, frozen=True):
    """One part of the page. ``results``: a file's name below bench/results; ``pictures``: file name to SVG."""

    name: str
    results: str
    markdown: Callable[[bytes], str]
    pictures: Callable[[bytes], Mapping[str, bytes]] | None = None


class MarksMissing(Exception):
    """The page does not have the marks of a part, or not in their order."""


PARTS: Final[tuple[Part, ...]] = (
    Part("PEERS", "peers.json", peer_tables.markdown, peer_pictures.drawn),
    Part("CURVES", "curves.json", curve_tables.markdown, curve_pictures.drawn),
    Part("SOAK", "soak.json", soak_tables.markdown, soak_pictures.drawn),
)


def between(page: str, name: str) -> tuple[int, int]:
    """Where the part's text begins and ends in the page.

    Raises:
        MarksMissing: there is no such part.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    start = page.find(begin)
    stop = page.find(end, start)
    if start < 0 or stop < 0:
        raise MarksMissing(f"docs/benchmarks.md has no {begin} … {end}")
    return start + len(begin), stop


def filled(page: str, parts: Sequence[Part], results: Path) -> str:
    """The page with each part anew whose results are there."""
    for part in parts:
        file = results / part.results
        if file.exists():
            start, stop = between(page, part.name)
            page = f"{page[:start]}\n\n{part.markdown(file.read_bytes()).strip()}\n\n{page[stop:]}"
    return page


def draw(parts: Sequence[Part], results: Path, folder: Path) -> list[Path]:
    """Draw the pictures of each part whose results are there; the files that were written."""
    written = []
    for part in parts:
        file = results / part.results
        if part.pictures is not None and file.exists():
            for name, content in part.pictures(file.read_bytes()).items():
                (folder / name).write_bytes(content)
                written.append(folder / name)
    return written


def publish() -> list[str]:
    """Write page and pictures; says what was done."""
    page = PAGE.read_text()
    after = filled(page, PARTS, RESULTS)
    PAGE.write_text(after)
    said = [f"docs/benchmarks.md: {'written' if after != page else 'as it was'}"]
    if find_spec("matplotlib") is None:
        return [*said, "pictures: not drawn, because matplotlib is not installed: python3 -m pip install '.[bench]'"]
    return [*said, *(f"{file.relative_to(ROOT)}: drawn" for file in draw(PARTS, RESULTS, PICTURES))]


def main() -> int:
    """See the module's text; with ``--check`` 1 if the page is not what the results say."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.publish", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the page differs")
    if parser.parse_args().check:
        same = filled(PAGE.read_text(), PARTS, RESULTS) == PAGE.read_text()
        print(
            "docs/benchmarks.md is what the results say" if same else "docs/benchmarks.md: run python3 -m bench.publish"
        )
        return 0 if same else 1
    print(*publish(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
