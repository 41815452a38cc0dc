"""The picture in examples/photos/README.md: ``python3 -m bench.album_picture DATA FILE.png``.

It draws what ``album.html`` shows, from the moments and thumbnails of a library that the photos example has indexed.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image, ImageDraw, ImageFont

from perdure.runtime import Runtime

WIDTH, MARGIN, ROW = 980, 28, 96
_SHOWN = 5  # moments, those with most pictures


def drawn(moments: list[dict[str, Any]], thumbnail: Any, total: int) -> Image.Image:
    """The page. ``thumbnail``: of a photo's id."""
    large, small = ImageFont.load_default(22), ImageFont.load_default(14)
    page = Image.new("RGB", (WIDTH, MARGIN * 2 + 40 + len(moments) * (ROW + 58)), "#fafaf8")
    pen, y = ImageDraw.Draw(page), MARGIN
    pen.text((MARGIN, y), f"Moments: {total:,} in all", "#222", large)
    y += 44
    for moment in moments:
        place = f"{moment['place'][0]:.2f}, {moment['place'][1]:.2f}" if moment["place"] else "nobody knows where"
        pen.text((MARGIN, y), f"{moment['begin'][:16]}  to  {moment['end'][:16]}", "#222", small)
        pen.text((MARGIN, y + 18), f"{len(moment['photos']):,} pictures, {place}", "#777", small)
        x = MARGIN
        step = -(-len(moment["photos"]) // 7)
        for photo in moment["photos"][::step]:
            picture: Image.Image = Image.open(io.BytesIO(thumbnail(photo)))
            picture = picture.resize((picture.width * ROW // picture.height, ROW), Image.Resampling.LANCZOS)
            if x + picture.width > WIDTH - MARGIN:
                break
            page.paste(picture, (x, y + 40))
            x += picture.width + 6
        y += ROW + 58
    return page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m bench.album_picture", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    with Runtime.open(options.data, recover=False) as runtime:

        def sidecar(entry_id: str, name: str) -> bytes:
            found = runtime.call("query:vdfs.read_sidecar", {"entry_id": entry_id, "name": name})
            return bytes(found.content)

        def albums() -> Iterator[str]:
            listed = runtime.call(
                "query:vdfs.list_entries", {"kind": "album", "name_prefix": "Moments", "order": "name"}
            )
            yield from (str(entry.id) for entry in listed.entries)

        album = next(albums(), None)
        if album is None:
            sys.exit("the library has no moments: run the jobs index and moments first")
        moments = msgspec.json.decode(sidecar(album, "moments.json"))
        largest = sorted(moments, key=lambda one: len(one["photos"]), reverse=True)[:_SHOWN]
        chosen = sorted(largest, key=lambda one: one["begin"], reverse=True)
        drawn(chosen, lambda photo: sidecar(photo, "thumbnail"), len(moments)).quantize(128).save(
            options.file, optimize=True
        )


if __name__ == "__main__":
    main()
