"""Dying at the failpoints of key files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from perdure.store import failpoints

FAILPOINTS: Final = failpoints.KEY_NAMES


class Crash(BaseException):
    """What no handler of the product catches."""


@contextlib.contextmanager
def dying_at(failpoint: str, hit: int = 1) -> Iterator[None]:
    """Within it the ``hit``-th pass of a failpoint raises `Crash`."""
    passed = 0

    def die() -> None:
        nonlocal passed
        passed += 1
        if passed == hit:
            raise Crash

    failpoints.arm(failpoint, die)
    try:
        yield
    finally:
        failpoints.disarm()
