"""Pages to look at: sections of thumbnails. Pure."""

import base64
import datetime as dt
import html
from dataclasses import dataclass

from photos.moments import Place
from photos.photo import EPOCH

MOST_BYTES = 3 << 20  # of a page; a sidecar has at most 4 MiB
_HEAD = """<!doctype html><meta charset="utf-8"><title>{title}</title><style>
body{{margin:2rem auto;max-width:62rem;padding:0 1rem;font:15px/1.5 system-ui,sans-serif;color:#222;background:#fafaf8}}
h2{{margin:2rem 0 0;font-size:1.1rem}}p{{margin:0 0 .5rem;color:#777}}div{{display:flex;flex-wrap:wrap;gap:6px}}
img{{height:120px;border-radius:4px;background:#ddd}}</style><h1>{title}</h1>
"""


@dataclass
class Section:
    """A heading, a line below it, and thumbnails (JPEG) with the names of what they show."""

    title: str
    line: str
    pictures: list[tuple[str, bytes]]


def page(title: str, sections: list[Section]) -> str:
    """A page of HTML that stands alone. Thumbnails are left out once it is as large as it may be."""
    parts, size = [_HEAD.format(title=html.escape(title))], 0
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.line)}</p><div>")
        for name, picture in section.pictures:
            size += len(picture) * 4 // 3 + 200
            if size < MOST_BYTES:
                data = base64.b64encode(picture).decode()
                parts.append(f'<img alt="" title="{html.escape(name)}" src="data:image/jpeg;base64,{data}">')
        parts.append("</div>\n")
    return "".join(parts)


def time_of(seconds: float) -> dt.datetime:
    """A camera's own time."""
    return EPOCH + dt.timedelta(seconds=seconds)


def days(begin: float, end: float) -> str:
    """From when to when, like "14 July 2024, 18:30 to 21:05" and "30 December 2023 to 2 January 2024"."""
    first, last = time_of(begin), time_of(end)
    if first.date() == last.date():
        return f"{first.day} {first:%B %Y, %H:%M}" + ("" if begin == end else f" to {last:%H:%M}")
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%B}{year} to {last.day} {last:%B %Y}"


def where(place: Place | None) -> str:
    """A place, like "48.14° N 11.58° E"."""
    if place is None:
        return "nobody knows where"
    return f"{abs(place[0]):.2f}° {'NS'[place[0] < 0]} {abs(place[1]):.2f}° {'EW'[place[1] < 0]}"
