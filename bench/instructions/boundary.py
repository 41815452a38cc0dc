"""A host call with 100 bytes: out of the guest's machine code, through the checks, into a host that only counts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.boundary import run_warnings, warning_guests
from bench.instructions.case import Case, Cases, Steps


def cases() -> Cases:
    """One."""
    yield Case(
        key="host_call",
        title="host call, 100 bytes, nothing behind it",
        repeats=300,
        packages=("wasmtime",),
        prepare=_calls,
    )


@contextmanager
def _calls(folder: Path) -> Iterator[Steps]:
    yield partial(run_warnings, *warning_guests(folder))
