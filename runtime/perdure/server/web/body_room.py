"""How much of requests' bodies is in memory at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from perdure.api.errors import TooMany


class BodyRoom:
    """Room for ``limit`` bytes, shared by all requests of one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0

    @contextlib.contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """For one body: call what it gives with the size of each part; all of it is free again at the end.

        Raises:
            TooMany: (the call) there is no room for it beside the others.
        """
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if self.taken + size > self._limit:
                raise TooMany("large requests")
            self.taken += size
            mine += size

        try:
            yield take
        finally:
            self.taken -= mine
