"""What a passphrase costs: setting it, a try, and keys behind the lock (ADR 0020).

python3 -m bench.passphrases [--runs 5] [--keys 100] [--dir DIR]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from pathlib import Path

from bench.disk import filesystem, scratch
from bench.secrets import DATA, once
from perdure.runtime.secrets.errors import WrongPassphrase
from perdure.runtime.secrets.keychain import Keychain

_RIGHT, _OTHER, _WRONG = "five words are far better", "another five are as good", "these are none of them"


def measure(folder: Path, keys: int) -> dict[str, float]:
    """One run, on a new folder with so many credentials; in ms."""
    chain = Keychain.of_folder(folder)
    locks = chain.locks
    sealed = [
        (key, chain.encrypt(key, "payload", DATA)) for key in (chain.new_credential_key("v") for _ in range(keys))
    ]

    def wrong() -> None:
        with contextlib.suppress(WrongPassphrase):
            locks.unlock("v", _WRONG, 900)

    def opened() -> None:
        for key, data in sealed:
            chain.decrypt(key, "payload", data)

    found = {f"setting it on {keys} credentials": once(lambda: locks.set("v", _RIGHT))}
    found["a wrong one"] = once(wrong)
    spent = time.process_time()
    found["unlocking"] = once(lambda: locks.unlock("v", _RIGHT, 900))
    found["of that, one processor's time"] = (time.process_time() - spent) * 1e6
    found["opening a credential for the first time"] = once(opened) / keys
    found["and again"] = once(opened) / keys
    found["a new credential's key"] = once(lambda: chain.new_credential_key("v"))
    found["a key for what is refused"] = once(lambda: locks.key_while_locked("v", None))
    found[f"changing it, {keys} credentials"] = once(lambda: locks.change("v", _RIGHT, _OTHER))
    found[f"removing it, {keys} credentials"] = once(lambda: locks.remove("v", _OTHER))
    return {name: microseconds / 1000 for name, microseconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    runs = []
    with scratch(arguments.dir) as folder:
        print(f"on {filesystem(folder)}, median of {arguments.runs} runs [least..most], in ms")
        measure(folder / "warm", 1)
        for number in range(arguments.runs):
            runs.append(measure(folder / str(number), arguments.keys))
    print("| | ms |\n| --- | --- |")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"| {name} | {statistics.median(values):,.2f} [{min(values):,.2f}..{max(values):,.2f}] |")


if __name__ == "__main__":
    main()
