"""For whom a client acts."""

from __future__ import annotations

from typing import Final

BY: Final = "python"
"""What `Runtime`'s methods have where nobody says more: then the log has the token alone."""

LONG: Final = 86_400.0
"""Seconds for what takes as long as it takes: the server says when it is over."""


def said(by: str) -> str | None:
    """What the server is told."""
    return by if by != BY else None
