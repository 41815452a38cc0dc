"""What a client may do, in four words."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final


class Scope(enum.StrEnum):
    """One word of what a token opens."""

    READ = "read"  # look at jobs, their histories and extensions
    DISPATCH = "dispatch"  # dispatch jobs, call operations
    CONTROL = "control"  # pause, resume, cancel, retry, resolve and fork jobs
    ADMIN = "admin"  # all of the above; install extensions, grant, erase, back up, issue tokens


ALL: Final = frozenset(Scope)


def allows(scopes: Iterable[Scope], wanted: Scope) -> bool:
    """Whether somebody with these scopes may do what needs ``wanted``: who has ``admin`` may do everything."""
    held = frozenset(scopes)
    return wanted in held or Scope.ADMIN in held
