"""The subjects of ``python3 -m bench``: each is a module with a function ``groups(sizes)``.

They are loaded one by one, so that a comparison with an old commit can do without one that asks too much of it.
"""

from __future__ import annotations

import importlib
from typing import Final

from bench.figure import Group
from bench.sizes import Sizes

SUBJECTS: Final = (
    "floors",
    "checkpoints",
    "chatter",
    "log",
    "boundary",
    "operations",
    "budgets",
    "loading",
    "dispatching",
    "recovery",
    "proving",
    "memory",
    "photos",
)


def groups_of(subject: str, sizes: Sizes) -> list[Group]:
    """What one subject measures."""
    return list(importlib.import_module(f"bench.{subject}").groups(sizes))


def all_groups(sizes: Sizes) -> list[Group]:
    """Everything that is measured, floors first."""
    return [group for subject in SUBJECTS for group in groups_of(subject, sizes)]
