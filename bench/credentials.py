"""What many credentials of one extension cost (ADR 0006).

python3 -m bench.credentials [--count 10000] [--dir DIR]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.disk import filesystem, scratch
from perdure.runtime import Runtime

_LOGIN = {"type": "login", "username": "ann", "password": "p" * 20, "urls": ["https://example.com"]}
_WHOSE = {"extension": "notes"}


def measure(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds, on a new folder."""
    found: dict[str, float] = {}

    @contextmanager
    def timed(what: str, times: int = 1) -> Iterator[None]:
        start = time.perf_counter()
        yield
        found[what] = (time.perf_counter() - start) * 1000 / times

    with Runtime.open(folder) as runtime:
        with timed("a store, on average", count):
            for number in range(count):
                request = {"name": f"n{number:06}", "credential": _LOGIN, **_WHOSE}
                runtime.call("action:credentials.store", request)
        with timed("a list of 1,000"):
            runtime.call("query:credentials.list", {"limit": 1000, **_WHOSE})
        with timed("a get"):
            runtime.call("query:credentials.get", {"name": "n000001", **_WHOSE})
        with timed("the whole audit"):
            after: int | None = 0
            while after is not None:
                after = runtime.call("query:credentials.audit", {"after_position": after, "limit": 1000, **_WHOSE}).next
    with timed("opening the folder"):
        runtime = Runtime.open(folder)
    with runtime, timed("a delete"):
        runtime.call("action:credentials.delete", {"name": "n000001", **_WHOSE})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    with scratch(arguments.dir) as folder:
        print(f"{arguments.count:,} credentials of one extension, {filesystem(folder)}")
        for what, milliseconds in measure(folder / "data", arguments.count).items():
            print(f"| {what} | {milliseconds:,.1f} ms |")


if __name__ == "__main__":
    main()
