"""Text for people: numbers, sizes, times, and what guests say, made safe for a terminal."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import msgspec

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def printable(text: str) -> str:
    """``text`` on one line, with nothing in it that a terminal would act on.

    Names and messages come from guests and manifests; an escape sequence in one could rewrite what stands above it.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def pretty_json(value: Any) -> str:
    """JSON over several lines, every character in it that a terminal might act on as an escape."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return "\n".join(_escaped(line) for line in text.split("\n"))


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def shortened(text: str, length: int) -> str:
    """`printable`, cut to ``length`` characters."""
    line = printable(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """``1 item``, ``2,000 items``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(count: float) -> str:
    """Bytes in binary units: ``125.0 KiB``."""
    unit = 0
    while abs(count) >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:,.0f} B" if unit == 0 else f"{count:,.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """``0.42 s``, ``6.2 s``, ``3 min 05 s``, ``2 h 04 min``, ``3 d 01 h``."""
    # The limits are those of what is shown, so that nothing reads 60.0 s.
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"


def age(seconds: float) -> str:
    """How long ago, in one number: ``12 s``, ``3 min``, ``5 h``, ``40 d``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def time_left(seconds: float) -> str:
    """A guess, so in whole seconds: ``3 s left``, ``2 min 05 s left``."""
    return f"{max(1, round(seconds))} s left" if seconds < 59.5 else f"{duration(round(seconds))} left"


def local_time(time: int) -> str:
    """``time`` (microseconds since 1970) on this machine's clock, to the millisecond."""
    return datetime.fromtimestamp(time / 1_000_000).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def percent(fraction: float) -> str:
    """``45 %``; never 100 before it is all."""
    return f"{min(int(fraction * 100), 99) if fraction < 1 else 100} %"
