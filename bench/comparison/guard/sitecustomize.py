"""Keeps a measured tree to itself: Python runs this at its start, in the child and in whatever the child starts.

perdure is a namespace package: it has the parts of all folders on the path. A module that the measured tree does not
have yet would be found in the installed one, and half of the new code measured as the old.
"""

import os
import sys
from pathlib import Path

_tree = os.environ.get("PERDURE_BENCH_TREE")
if _tree:
    sys.path[:] = [
        entry
        for entry in sys.path
        if Path(entry).name in ("site-packages", "dist-packages")
        or Path(entry).resolve().is_relative_to(_tree)
        or not any((Path(entry) / package).is_dir() for package in ("perdure", "perdure_sdk"))
    ]
