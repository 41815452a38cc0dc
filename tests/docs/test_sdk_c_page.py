"""The code of docs/sdk-c.md compiles, its tests pass, and its command is the one that runs them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.zig_tools import CHECKED, GUEST, ROOT, SDK, STRICT, compiled, zig

PAGE = (ROOT / "docs" / "sdk-c.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The page's sources as files of a project."""
    (tmp_path / "src").mkdir()
    (tmp_path / "include").mkdir()
    for name in ("perdure.h", "perdure.c", "perdure.zig"):
        shutil.copy(SDK / name, tmp_path / "include" / name)
    for name, block in zip(("counter.c", "reader.c", "counter_test.c"), blocks("c"), strict=True):
        (tmp_path / "src" / name).write_text(block)
    (zig_block,) = blocks("zig")
    (tmp_path / "src" / "counter.zig").write_text(zig_block)
    return tmp_path


def test_the_c_is_an_extension(project: Path) -> None:
    words = ("-std=c17", *STRICT, "-Iinclude", "src/counter.c", "src/reader.c")
    compiled("cc", *GUEST, *words, "-o", "hello.wasm", folder=project)
    assert b'"max_memory_mb": 16' in (project / "hello.wasm").read_bytes()


def test_the_c_test_passes(project: Path) -> None:
    compiled("cc", "-std=c17", *CHECKED, "-Iinclude", "src/counter_test.c", "-o", "counter_test", folder=project)
    done = subprocess.run([project / "counter_test"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_zig_test_passes_with_the_pages_command(project: Path) -> None:
    (command,) = blocks("sh")
    python, flag, module, *words = shlex.split(command)
    assert (python, flag, module) == ("python3", "-m", "ziglang")
    done = zig(*words, folder=project)
    assert done.returncode == 0, done.stderr


def test_the_zig_is_an_extension(project: Path) -> None:
    words = ("-target", "wasm32-freestanding", "-O", "ReleaseSmall", "-fno-entry", "-rdynamic", "-femit-bin=hello.wasm")
    modules = ("--dep", "perdure", "-Mroot=src/counter.zig", "-Mperdure=include/perdure.zig")
    compiled("build-exe", *words, "include/perdure.c", *modules, folder=project)
    assert b"execute_reader" in (project / "hello.wasm").read_bytes()
