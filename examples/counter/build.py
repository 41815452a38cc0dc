"""Builds counter.wasm: ``python3 examples/counter/build.py [OUTPUT]``.

The compiler is clang as the ``ziglang`` package of the ``dev`` extra brings it. The same version makes the same bytes,
on every machine and from every folder: a test relies on it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = ("counter.c", "heap.c", "json.c")
FLAGS = (
    "--target=wasm32-freestanding",
    "-std=c17",
    "-Os",
    "-fno-inline-functions",  # a kilobyte less, and no slower: the time goes into one loop
    "-Wall",
    "-Wextra",
    "-Werror",
    "-nostdlib",  # there is no C library; nothing here needs one
    "-mbulk-memory",  # memset and memcpy become instructions, because there is no library that has them
    "-s",  # no names and no debug information: fewer bytes, and none that tell where it was built
    "-Wl,--no-entry",  # there is no main: the host calls the exports
    "-Wl,-z,stack-size=16384",  # below the data: a stack that overflows runs below address 0, and traps
)


def build(output: Path) -> None:
    """Compile and link the sources beside this file to ``output``.

    Raises:
        subprocess.CalledProcessError: the compiler refused them; what it says is on stderr.
    """
    # The sources are named without their folder, so that it cannot find its way into the module.
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", str(output.resolve()), *SOURCES]
    subprocess.run(command, cwd=HERE, check=True)  # noqa: S603  # a fixed command, without a shell
    output.chmod(0o644)  # the linker makes it executable, which it is for no operating system


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "counter.wasm")
