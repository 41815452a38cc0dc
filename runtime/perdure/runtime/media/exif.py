"""What a camera wrote into a picture (EXIF 3.0, CIPA DC-008), as far as it makes sense: pure.

Tags come as Pillow reads them: of any type, whatever the standard says of them, and with any nonsense in them. One that
cannot be read is left out; none is an error.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from perdure.runtime.media.messages import Camera, Exif, Exposure

Tags = Mapping[int, Any]

MAX_TEXT: Final = 200  # characters of what a camera says

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DATE: Final = r"\s*(\d{4})[:\-/.](\d{1,2})[:\-/.](\d{1,2})"
_WHEN: Final = re.compile(_DATE + r"[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?", re.ASCII)
_DAY: Final = re.compile(_DATE + r"\s*\Z", re.ASCII)
_OFFSET: Final = re.compile(r"\s*([+-])(\d{2}):?(\d{2})\s*\Z", re.ASCII)
_DIGITS: Final = re.compile(r"\s*(\d{1,6})\d*\s*\Z", re.ASCII)
_NO_TEXT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")

# When: the time, its fraction of a second, its offset; the moment of exposure first.
_TIMES: Final = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012), (0x0132, 0x9290, 0x9010))
_FURTHEST_OFFSET: Final = 14 * 60  # minutes; no place on the earth is further from UTC


def read_exif(image: Tags, camera: Tags, place: Tags) -> Exif | None:
    """What is in the three directories (IFD 0, Exif, GPS); None if nothing is."""
    taken, offset = _taken(image, camera)
    found = Exif(
        taken_at=taken.isoformat() if taken is not None else None,
        offset=offset,
        taken_unix_us=_unix(taken, offset, place),
        camera=_camera(image, camera),
        exposure=_exposure(camera),
        **_position(place),
    )
    return found if found != Exif() else None


def _taken(image: Tags, camera: Tags) -> tuple[dt.datetime | None, str | None]:
    for when, fraction, offset in _TIMES:
        # Some write into the first directory what belongs into the second.
        taken = _time(_text(camera.get(when)) or _text(image.get(when)))
        if taken is not None:
            digits = _DIGITS.match(_text(camera.get(fraction)) or "")
            if digits is not None:
                taken = taken.replace(microsecond=int(digits[1].ljust(6, "0")))
            return taken, _offset(_text(camera.get(offset)) or _text(image.get(offset)))
    return None, None


def _time(text: str | None) -> dt.datetime | None:
    found = _WHEN.match(text or "")
    if found is None:
        return None
    with contextlib.suppress(ValueError):  # "0000:00:00 00:00:00": a camera whose clock was never set
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        return dt.datetime(year, month, day, hour, minute, min(second, 59))  # the camera's own time
    return None


def _offset(text: str | None) -> str | None:
    if text is not None and text.strip() == "Z":
        return "+00:00"
    found = _OFFSET.match(text or "")
    if found is None or int(found[3]) > 59 or int(found[2]) * 60 + int(found[3]) > _FURTHEST_OFFSET:
        return None
    return f"{found[1]}{found[2]}:{found[3]}"


def _unix(taken: dt.datetime | None, offset: str | None, place: Tags) -> int | None:
    """Microseconds since 1970: by the camera's time and offset, else by what the satellites said, which is UTC."""
    if taken is not None and offset is not None:
        minutes = int(offset[1:3]) * 60 + int(offset[4:])
        ahead = dt.timedelta(minutes=-minutes if offset[0] == "-" else minutes)
        return (taken.replace(tzinfo=dt.UTC) - ahead - _EPOCH) // dt.timedelta(microseconds=1)
    day, parts = _DAY.match(_text(place.get(0x1D)) or ""), _numbers(place.get(0x07))
    if day is None or parts is None or len(parts) != 3 or not 0 <= sum(parts) < 24 + 60 + 61 or min(parts) < 0:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        midnight = dt.datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=dt.UTC)
        seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
        return (midnight + dt.timedelta(seconds=seconds) - _EPOCH) // dt.timedelta(microseconds=1)
    return None


def _position(place: Tags) -> dict[str, float | None]:
    latitude = _degrees(place.get(0x02), _text(place.get(0x01)), "N", "S", 90)
    longitude = _degrees(place.get(0x04), _text(place.get(0x03)), "E", "W", 180)
    if latitude is None or longitude is None:
        return {}  # half of a place is none
    if latitude == 0 and longitude == 0:
        return {}  # what a camera writes that has not found where it is
    altitude = _number(place.get(0x06))
    if altitude is not None and not altitude < 100_000:
        altitude = None
    below = place.get(0x05) in (1, b"\x01", 3, b"\x03")
    return {
        "latitude": latitude,
        "longitude": longitude,
        "altitude": None if altitude is None else round(-altitude if below else altitude, 2),
    }


def _degrees(value: Any, towards: str | None, plus: str, minus: str, most: int) -> float | None:
    parts = _numbers(value)
    towards = (towards or "").strip().upper()[:1]
    if parts is None or not 1 <= len(parts) <= 3 or min(parts) < 0 or towards not in (plus, minus):
        return None
    degrees = sum((part / 60.0**power for power, part in enumerate(parts)), 0.0)
    if not degrees <= most:
        return None
    return round(-degrees if towards == minus else degrees, 7)  # a centimetre


def _camera(image: Tags, camera: Tags) -> Camera | None:
    lens = _text(camera.get(0xA434))
    found = Camera(make=_text(image.get(0x010F)), model=_text(image.get(0x0110)), lens=lens)
    return found if found != Camera() else None


def _exposure(camera: Tags) -> Exposure | None:
    flash, iso = camera.get(0x9209), _number(camera.get(0x8827))
    found = Exposure(
        seconds=_positive(camera.get(0x829A)),
        f_number=_positive(camera.get(0x829D)),
        iso=int(iso) if iso is not None and 0 < iso < 2**32 else None,
        focal_length=_positive(camera.get(0x920A)),
        focal_length_35mm=_positive(camera.get(0xA405)),
        flash=bool(flash & 1) if isinstance(flash, int) else None,
    )
    return found if found != Exposure() else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return round(number, 6) if number is not None and 0 < number < 1e6 else None


def _number(value: Any) -> float | None:
    numbers = _numbers(value)
    return numbers[0] if numbers else None


def _numbers(value: Any) -> list[float] | None:
    """The numbers of a tag, all of them finite; None if it has others, or too many to mean anything."""
    values = value if isinstance(value, tuple | list) else (value,)
    if len(values) > 8:
        return None
    found = []
    for one in values:
        if isinstance(one, bool | str | bytes) or one is None:
            return None
        try:
            number = float(one)
        except (TypeError, ValueError, ArithmeticError):
            return None
        if not math.isfinite(number):  # a rational with nothing below its line
            return None
        found.append(number)
    return found


def _text(value: Any) -> str | None:
    """A text without what cannot be shown, or None if nothing is left of it."""
    if isinstance(value, tuple | list) and value:
        value = value[0]
    if isinstance(value, bytes):
        value = value[: 4 * MAX_TEXT].decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    text = _NO_TEXT.sub(" ", value.partition("\0")[0][: 4 * MAX_TEXT]).strip()[:MAX_TEXT]
    return text or None
