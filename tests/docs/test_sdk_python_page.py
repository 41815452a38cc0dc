"""The code of docs/sdk-python.md is one module, and its tests pass."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "sdk-python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = tmp_path / "page.py"
    path.write_text("\n\n".join(BLOCKS))
    spec = importlib.util.spec_from_file_location("page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "page", module)
    spec.loader.exec_module(module)
    return module


def test_its_tests_pass(module: ModuleType) -> None:
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 6
    for test in tests:
        test()


def test_its_extensions_can_run(module: ModuleType) -> None:
    for extension in (module.ext, module.notes):
        extension.check()


def test_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n\n".join(BLOCKS))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "page.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_program_of_the_beginning_is_the_one_that_was_promised() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 15
    assert BLOCKS[0].startswith("from dataclasses import dataclass\nfrom perdure_sdk import Extension, JobContext\n")
