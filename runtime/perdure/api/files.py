"""Files over HTTP."""

from __future__ import annotations

from typing import Final

ABOUT: Final = "X-Perdure-About"
"""The header of a download that says in JSON what is in it."""
