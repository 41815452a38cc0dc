"""A peer: what it is, whether it is here, and which program takes its turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from bench.peers.rows import Subject


def _nothing() -> str:
    return ""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the comparison.

    ``child`` is a module that takes a turn at a subject, in a process of its own (`bench.peers.turn`); ``subjects``
    says which it can, and about how many seconds a turn takes on an idle machine. ``missing`` says why the peer cannot
    be measured here, in a sentence that says what to install, and nothing where it can; it may install what its own
    package manager keeps in a cache folder. ``pace``: times the steps of a turn, for what is much faster or slower than
    the others. ``weaker``: what it answers is not on the disk yet, so it is shown, but is nobody's measure. ``words``:
    passed on to the child, asked for when nothing is missing.
    """

    key: str
    name: str
    durability: str
    child: str
    subjects: Mapping[Subject, float]
    version: Callable[[], str]
    missing: Callable[[], str] = _nothing
    words: Callable[[], Any] = dict
    pace: float = 1.0
    weaker: bool = False


def versions(*distributions: str) -> str:
    """Names and versions of distributions, ``dbos 3.4.0``; empty where the first is not installed."""
    try:
        return ", ".join(f"{name} {version(name)}" for name in distributions)
    except PackageNotFoundError:
        return ""


def not_installed(*distributions: str) -> str:
    """Which of these cannot be imported for want of being installed, as a sentence; empty if all are there."""
    absent = [name for name in distributions if not versions(name)]
    if not absent:
        return ""
    verb = "is" if len(absent) == 1 else "are"
    return f"{' and '.join(absent)} {verb} not installed: python3 -m pip install '.[bench]'"
