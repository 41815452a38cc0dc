"""Packages load what they export when it is asked for: what type checkers see and what is loaded are the same."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ["perdure.actors", "perdure.runtime", "perdure.runtime.operations", "perdure.runtime.proof", "perdure.store"]


def _imported(package: ModuleType) -> dict[str, str]:
    """The names that the package's text imports, for everybody or for type checkers, and where from."""
    tree = ast.parse(Path(str(package.__file__)).read_text())
    return {
        alias.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module not in ("typing", "perdure.store.lazy_exports")
        for alias in node.names
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_all_that_is_exported_is_there(name: str) -> None:
    package = importlib.import_module(name)
    imported = _imported(package)
    assert set(imported) == set(package.__all__)
    for export, home in imported.items():
        module = importlib.import_module(home)
        found = getattr(package, export)
        assert found is getattr(module, export), export
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        package.nothing_of_the_kind  # noqa: B018


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    imports = ", ".join(PACKAGES)
    heavy = {"wasmtime", "pykka", "lmdb", "cryptography", "httpx", "jsonschema", "perdure.runtime.runtime"}
    program = f"import sys, {imports}; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
