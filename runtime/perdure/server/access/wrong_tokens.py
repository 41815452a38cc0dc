"""Who shows tokens that open nothing, and how often.

A secret has 256 random bits, so nobody finds one by trying; what is kept small is the work and the noise. The right
token always opens, also behind an address from which others try: nobody can be locked out.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from perdure.api.errors import TooMany

logger = logging.getLogger(__name__)

BURST: Final = 20  # wrong tokens at once
PER_SECOND: Final = 1.0
_ADDRESSES: Final = 4096  # that are remembered; the longest quiet is forgotten


class WrongTokens:
    """Counts wrong tokens by address, as a bucket that fills again. Not for more than one thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def note(self, address: str) -> None:
        """Somebody showed one.

        Raises:
            TooMany: this address showed too many of late.
        """
        now = self._monotonic()
        left, at = self._buckets.pop(address, (float(BURST), now))
        left = min(float(BURST), left + (now - at) * PER_SECOND)
        self._buckets[address] = (max(0.0, left - 1), now)
        while len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        if left < 1:
            raise TooMany("wrong tokens", 1 / PER_SECOND)
        if left - 1 < 1:
            logger.warning("%s shows many tokens that open nothing", address or "somebody")
