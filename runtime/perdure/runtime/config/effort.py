"""How much a check may cost: schemas can be written so that a few lines of JSON keep a host busy for years."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final

# A keyword of a schema on a small value is one: 2 to 30 µs. A hundred settings take a thousand.
UNITS: Final = 30_000


class TooMuchEffort(Exception):
    """The schema, with this value, asks for more work than is done for anybody."""

    def __init__(self) -> None:
        super().__init__("it takes too long to check")


class _Effort:
    def __init__(self, units: int) -> None:
        self.left = units
        self.sizes: dict[int, int] = {}


_current: Final[ContextVar[_Effort]] = ContextVar("perdure_config_effort")


@contextlib.contextmanager
def bounded(units: int = UNITS) -> Iterator[None]:
    """What is done within shares this many units; a bound within another is the outer one's."""
    if _current.get(None) is not None:
        yield
        return
    token = _current.set(_Effort(units))
    try:
        yield
    except RecursionError:
        raise TooMuchEffort from None
    finally:
        _current.reset(token)


def spend(units: int) -> None:
    """Take note of work.

    Raises:
        TooMuchEffort: that was too much.
    """
    effort = _current.get()
    effort.left -= units
    if effort.left < 0:
        raise TooMuchEffort


def weight(value: Any) -> int:
    """What it costs to look at all of a value, as jsonschema does for its messages: a unit for 64 bytes or so."""
    sizes = _current.get().sizes
    return _size(value, sizes) // 64


def _size(value: Any, sizes: dict[int, int]) -> int:
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, dict | list):
        return 8
    known = sizes.get(id(value))
    if known is None:
        if isinstance(value, dict):
            known = sum(len(name) + _size(item, sizes) for name, item in value.items())
        else:
            known = sum(_size(item, sizes) for item in value)
        known = sizes[id(value)] = known + 8
    return known
