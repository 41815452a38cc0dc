"""The names of the two boundaries, and of the choice between them."""

from __future__ import annotations

from typing import Literal

BoundaryName = Literal["raw", "stock"]
BoundaryChoice = Literal["auto", "raw", "stock"]
