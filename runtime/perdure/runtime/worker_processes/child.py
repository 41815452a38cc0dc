"""Where a worker process begins: ``python -P …/child.py FD FUNCTION MEMORY [READABLE…]``.

`perdure.runtime` and the like import all that a program may want of them. A worker wants a module or two: here they are
packages whose own code is not run. That is 0.2 s and some 30 MB less, and no runtime for a hostile file to meet.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from typing import Final

_WITHOUT_THEIR_CODE: Final = ("perdure.store", "perdure.actors", "perdure.runtime")


def main(arguments: list[str]) -> None:
    """Put empty packages in their places, and go to work."""
    for name in _WITHOUT_THEIR_CODE:
        if (spec := find_spec(name)) is not None:
            sys.modules[name] = module_from_spec(spec)
    from perdure.runtime.worker_processes import worker  # noqa: PLC0415 - only now

    worker.main(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
