"""How many credentials an extension has, counted in a row, so that a store need not look at all of them.

    credential-count NUL extension  ->  decimal digits

A folder of a release without that row is counted once, when the extension next stores or deletes one.
"""

from __future__ import annotations

from typing import Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.records import prefix_of
from perdure.runtime.operations.data import Data
from perdure.store.rows import row_key

MAX_CREDENTIALS: Final = 10_000  # of one extension: each is a file
_TABLE: Final = "credential-count"
_PAGE: Final = 1000


def one_more(data: Data, extension: str) -> None:
    """Count a credential that is about to be stored under a new name.

    Raises:
        OperationFailed: the extension has as many as it may have.
    """
    count = _count(data, extension)
    if count >= MAX_CREDENTIALS:
        raise OperationFailed("failed", f"an extension may have {MAX_CREDENTIALS:,} credentials; delete some")
    data.put(row_key(_TABLE, extension), b"%d" % (count + 1))


def one_less(data: Data, extension: str) -> None:
    """Count one that is about to be deleted."""
    data.put(row_key(_TABLE, extension), b"%d" % max(0, _count(data, extension) - 1))


def _count(data: Data, extension: str) -> int:
    known = data.get(row_key(_TABLE, extension))
    if known is not None:
        return int(known)
    count, prefix, after = 0, prefix_of(extension), b""
    while rows := data.scan(prefix, after=after, limit=_PAGE):
        count, after = count + len(rows), rows[-1][0]
    return count
