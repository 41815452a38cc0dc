"""The operations that an extension's code calls by name."""

from __future__ import annotations

import msgspec


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Names of operations such as ``query:vdfs.read_sidecar``, in order, each once.

    ``dynamic`` is how many calls have a name that is made when the code runs, and so are not among ``names``, as far as
    that can be known; where they are is in ``places``, one line each.
    """

    names: tuple[str, ...] = ()
    dynamic: int = 0
    places: tuple[str, ...] = ()
