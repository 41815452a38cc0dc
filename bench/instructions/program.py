"""What runs under Valgrind: one case, warmed up, then N steps and 2 N steps between marks.

    python3 -m bench.instructions.program MODULE CASE FOLDER

Only the case's own module is loaded: the rest is of no use here, and loading it takes seconds under Valgrind.

A mark is a call of getsid(2), which nothing else here makes: Callgrind writes down what it counted each time the
function is entered (``--dump-before``) and begins anew.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Final

MARK: Final = "getsid"


def run(module: str, key: str, folder: Path) -> None:
    """Do the work of a module's case."""
    case = next(case for case in importlib.import_module(module).cases() if case.key == key)
    gc.disable()  # when it runs depends on all that was ever made
    with case.prepare(folder) as steps:
        # Python specialises code it has run a few times, allocators fill their first pools, caches their first lines.
        steps(case.repeats)
        steps(case.repeats)
        gc.collect()
        for count in (case.repeats, 2 * case.repeats):
            os.getsid(0)
            steps(count)
        os.getsid(0)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
