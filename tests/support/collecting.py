"""Something that happens while the garbage collector runs, as other threads do when it finalizes what lets them run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def at_each_collection(change: Callable[[], object]) -> Iterator[None]:
    """Have the collector run as often as it can, and ``change`` each time.

    Before Python 3.12 it can whenever a tuple is made; from then on between two instructions only.
    """

    def collecting(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            change()

    kept = [(number, number) for number in range(4_000)]  # Python keeps 2,000 pairs to use again
    thresholds = gc.get_threshold()
    gc.callbacks.append(collecting)
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(collecting)
        kept.clear()
