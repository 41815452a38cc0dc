"""What a caller asked for and cannot get."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from perdure.actors.operations import OperationFailed
from perdure.store.errors import DiskFull


class BadInput(ValueError):
    """A field of a request was refused; the text says which and why."""


class BadName(BadInput):
    """A name was refused. ``what`` is the field."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason
        super().__init__(f"{what}: {reason}")


class BadMetadata(BadInput):
    """The metadata was refused."""


class BadCursor(BadInput):
    """The text is no cursor, or one of another list."""


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Answer a caller for what goes wrong inside."""
    try:
        yield
    except BadInput as error:
        raise OperationFailed("invalid_payload", str(error)) from None
    except DiskFull as error:
        raise OperationFailed("unavailable", "the host's disk is full; nothing was changed") from error


def stale(what: str, revision: int, wanted: int) -> OperationFailed:
    """Somebody changed the thing since the caller read it."""
    return OperationFailed("failed", f"{what} is at revision {revision}, not at {wanted}; read it again")
