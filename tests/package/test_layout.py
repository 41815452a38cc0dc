"""Five import roots, one namespace, one distribution: what would break it is found here, not by a user."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PORTIONS = {
    "store": ["perdure.store"],
    "actors": ["perdure.actors"],
    "metrics": ["perdure.metrics"],
    "runtime": ["perdure.runtime", "perdure.cli"],
    "sdk/toolchain": ["perdure.toolchain"],
}
# What goes along into the wheel as data of perdure.toolchain.
SDKS = ["wit", "c", "rust/perdure-sdk", "rust/perdure-sdk-macros"]
MODULES = [module for modules in PORTIONS.values() for module in modules]


def folder_of(module: str) -> Path:
    return next(ROOT / root / module.replace(".", "/") for root, modules in PORTIONS.items() if module in modules)


def test_no_portion_claims_the_namespace() -> None:
    assert [str(path) for root in PORTIONS for path in (ROOT / root).glob("perdure/__init__.py")] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_portion_is_importable_typed_and_where_it_belongs(module: str) -> None:
    imported = importlib.import_module(module)
    assert imported.__file__ is not None
    assert Path(imported.__file__).parent == folder_of(module)
    assert (folder_of(module) / "py.typed").is_file()


def test_the_sdk_of_python_is_typed_and_needs_nothing() -> None:
    """It runs inside of guests and beside any program, so it imports the standard library only."""
    import perdure_sdk

    folder = ROOT / "sdk/python/perdure_sdk"
    assert Path(perdure_sdk.__file__).parent == folder
    assert (folder / "py.typed").is_file()
    code = (
        "import sys; before = set(sys.modules); import perdure_sdk\n"
        "found = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(found - set(sys.stdlib_module_names) - {'perdure_sdk'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_wheel_holds_every_source_file_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(ROOT / root))
        for root in PORTIONS
        for path in (ROOT / root / "perdure").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {
        str(path.relative_to(ROOT / "sdk/python"))
        for path in (ROOT / "sdk/python/perdure_sdk").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {
        f"perdure/toolchain/sdk/{path.relative_to(ROOT / 'sdk')}"
        for name in SDKS
        for path in (ROOT / "sdk" / name).rglob("*")
        if path.is_file() and "target" not in path.parts and path.name != "Cargo.lock"
    }
    assert held == wanted


def test_one_file_imports_lmdb() -> None:
    importers = [
        str(path.relative_to(ROOT))
        for root in PORTIONS
        for path in (ROOT / root).rglob("*.py")
        if any(line.split()[:2] in (["import", "lmdb"], ["from", "lmdb"]) for line in path.read_text().splitlines())
    ]
    assert importers == ["store/perdure/store/lmdb_environment.py"]


def test_importing_starts_nothing(tmp_path: Path) -> None:
    """No threads, no folders, no environment reads at import."""
    code = (
        "import os, threading\n"
        "reads = []\n"
        "real = os.environ.__class__.__getitem__\n"
        "os.environ.__class__.__getitem__ = lambda self, key: (reads.append(key), real(self, key))[1]\n"
        "import perdure.store, perdure.actors, perdure.metrics, perdure.runtime, perdure.toolchain\n"
        "print(threading.active_count(), sorted(key for key in reads if 'PERDURE' in key), os.listdir('.'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1 [] []"


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    from perdure.runtime import perdure_version

    assert perdure_version() == project["version"]
