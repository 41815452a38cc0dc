"""Photos that look alike, by their perceptual hashes. Pure.

Two hashes that differ in at most ``distance`` bits agree in one of ``distance`` + 1 bands of them at least. So only
those that share a band are compared: some hundred thousand pairs, instead of all fifty million of 10,000 photos.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from photos.photo import Photo

BITS = 64
MOST_DISTANCE = 12  # beyond it bands are too narrow to tell much apart, and hashes too far to say "alike"
_FLAT = 6  # bits: pictures of one colour have hashes with hardly a bit set or unset, and else nothing in common


def similar(photos: Iterable[Photo], distance: int) -> list[list[Photo]]:
    """Groups of two and more that look alike, the best first: most pixels, then most bytes.

    All of a group are within ``distance`` bits of its best one, so that no chain of small steps joins strangers; and
    ``dhash``, which looks at other things, must not object.
    """
    edges = [BITS * number // (distance + 1) for number in range(distance + 2)]
    bands = [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]
    groups: list[list[Photo]] = []
    by_band: list[dict[int, list[int]]] = [defaultdict(list) for _ in bands]
    telling = (photo for photo in photos if _FLAT < photo.phash.bit_count() < BITS - _FLAT)
    for photo in sorted(telling, key=lambda photo: (-photo.pixels, -photo.size, photo.file)):
        keys = [photo.phash >> shift & mask for shift, mask in bands]
        candidates = {number for index, key in zip(by_band, keys, strict=True) for number in index.get(key, ())}
        near = min(((_bits(photo.phash, groups[number][0].phash), number) for number in candidates), default=(BITS, 0))
        if near[0] <= distance and _bits(photo.dhash, groups[near[1]][0].dhash) <= 2 * distance + 4:
            groups[near[1]].append(photo)
            continue
        for index, key in zip(by_band, keys, strict=True):
            index[key].append(len(groups))
        groups.append([photo])
    return [group for group in groups if len(group) > 1]


def _bits(a: int, b: int) -> int:
    return (a ^ b).bit_count()
