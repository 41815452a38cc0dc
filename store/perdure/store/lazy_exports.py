"""What a package exports, loaded when it is first asked for (PEP 562).

A package that imports all that it exports makes each of its modules as slow to import as all of them together: the
command line took 0.35 s of processor time to print its version. The imports stand in the package under
``TYPE_CHECKING`` too, for type checkers; tests/package/test_lazy_exports.py holds the two together.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package; ``homes`` has the names that each module gives, with blanks between them."""
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
