"""Moments: photos that were taken one after the other, near each other. Pure."""

import math
from collections.abc import Iterable

from photos.photo import Photo

EARTH_KM = 6371.0088  # mean radius (IUGG)
Place = tuple[float, float]


def moments_of(photos: Iterable[Photo], gap_hours: float, distance_km: float) -> list[list[Photo]]:
    """The moments by time, each by time. One begins after a gap, or far from where the last one with a place was taken.

    Photos without a time belong to none.
    """
    found: list[list[Photo]] = []
    last_seconds, last_place = -math.inf, None
    dated = ((photo.seconds, photo.file, photo) for photo in photos if photo.seconds is not None)
    for seconds, _, photo in sorted(dated, key=lambda one: one[:2]):
        far = photo.place and last_place and kilometres(photo.place, last_place) > distance_km
        if far or seconds - last_seconds > gap_hours * 3600:
            found.append([])
            last_place = None
        found[-1].append(photo)
        last_seconds, last_place = seconds, photo.place or last_place
    return found


def kilometres(a: Place, b: Place) -> float:
    """How far two places are from each other, by the haversine formula."""
    (north_a, east_a), (north_b, east_b) = (map(math.radians, place) for place in (a, b))
    half = math.sin((north_b - north_a) / 2) ** 2
    half += math.cos(north_a) * math.cos(north_b) * math.sin((east_b - east_a) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def middle(photos: Iterable[Photo]) -> Place | None:
    """The middle of their places, on the globe: so it is right across the date line, too. None if there is none."""
    x = y = z = 0.0
    for north, east in (map(math.radians, photo.place) for photo in photos if photo.place):
        x, y, z = x + math.cos(north) * math.cos(east), y + math.cos(north) * math.sin(east), z + math.sin(north)
    if math.hypot(x, y, z) < 1e-9:
        return None
    return round(math.degrees(math.atan2(z, math.hypot(x, y))), 5), round(math.degrees(math.atan2(y, x)), 5)
