"""A task in a process of its own, so that memory, the GIL and caches begin anew each time.

``python3 -m bench.curves.child MODULE TASK FOLDER`` prints the points as JSON; the task is JSON, too.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from bench.curves.curve import Point, Task
from bench.figure import BenchFailed

_ROOT: Final = Path(__file__).parents[2]
_TIMEOUT: Final = 3_600.0  # seconds


def run_task(module: str, task: Task, folder: Path) -> list[Point]:
    """Run it in a child, with its data in ``folder``.

    Raises:
        BenchFailed: it failed; its error is on standard error.
    """
    text = msgspec.json.encode(task).decode()
    command = [sys.executable, "-m", "bench.curves.child", module, text, str(folder)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, check=False, timeout=_TIMEOUT)
    if done.returncode != 0:
        raise BenchFailed(f"{module}: {task.function}({task.arguments}) failed")
    return msgspec.json.decode(done.stdout, type=list[Point])


def main() -> None:
    """Be the child."""
    module, text, folder = sys.argv[1:]
    task = msgspec.json.decode(text, type=Task)
    points = getattr(importlib.import_module(module), task.function)(Path(folder), **task.arguments)
    print(msgspec.json.encode(points).decode())


if __name__ == "__main__":
    main()
