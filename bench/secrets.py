"""What secrets cost: keys, sealing, and what is shown of a payload (ADR 0006).

python3 -m bench.secrets [--runs 5] [--dir DIR]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.disk import filesystem, scratch
from perdure.runtime.credentials.operations import StoreCredential
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.masking import Mask

DATA = b"x" * 200
PAYLOAD = b'{"name":"mail","credential":{"type":"api_key","key":"0123456789abcdef"}}'
CALLS = 2_000


def per_call(action: Callable[[], object]) -> float:
    """Microseconds."""
    start = time.perf_counter()
    for _ in range(CALLS):
        action()
    return (time.perf_counter() - start) / CALLS * 1e6


def once(action: Callable[[], object]) -> float:
    """Microseconds."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e6


def measure(folder: Path) -> dict[str, float]:
    """One run, on a new folder."""
    chain, mask = Keychain.of_folder(folder), Mask(StoreCredential)
    found = {"the first secret of a folder: two keys": once(lambda: chain.extension_key("notes"))}
    key = chain.extension_key("notes")
    sealed = chain.encrypt(key, "payload", DATA)
    found["a credential's key"] = once(lambda: chain.new_credential_key("notes"))
    doomed = chain.credential_keys()[0]
    found["destroying it"] = once(lambda: chain.destroy(doomed))
    found["sealing 200 bytes"] = per_call(lambda: chain.encrypt(key, "payload", DATA))
    found["opening them"] = per_call(lambda: chain.decrypt(key, "payload", sealed))
    found["what is shown of a credentials.store"] = per_call(lambda: mask.shown(PAYLOAD))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    runs = []
    with scratch(arguments.dir) as folder:
        print(f"on {filesystem(folder)}, median of {arguments.runs} runs [least..most], in µs")
        measure(folder / "warm")
        for number in range(arguments.runs):
            runs.append(measure(folder / str(number)))
    print("| | µs |\n| --- | --- |")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"| {name} | {statistics.median(values):,.1f} [{min(values):,.1f}..{max(values):,.1f}] |")


if __name__ == "__main__":
    main()
