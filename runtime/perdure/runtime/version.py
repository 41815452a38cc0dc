"""Which perdure this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def perdure_version() -> str:
    """The version of the installed distribution, ``0`` when run from a source tree that is not installed."""
    try:
        return version("perdure")
    except PackageNotFoundError:
        return "0"
