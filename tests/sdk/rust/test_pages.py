"""The code of docs/sdk-rust.md is code, and what the page says of packages and sizes is so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.support.rust_tools import ROOT, HostBuild

from perdure.toolchain.rust_toolchain import DEBIAN_PACKAGES

pytestmark = pytest.mark.timeout(600)  # compilers, beside other tests

PAGE = (ROOT / "docs" / "sdk-rust.md").read_text()
BLOCKS = re.findall(r"```rust\n(.*?)```", PAGE, re.DOTALL)


def test_there_is_code() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("number", [number for number, block in enumerate(BLOCKS) if "#[test]" not in block])
def test_the_code_compiles(number: int, host_build: HostBuild, tmp_path: Path) -> None:
    source = tmp_path / "page.rs"
    source.write_text("#![forbid(unsafe_code)]\n" + BLOCKS[number])
    done = host_build.check(source, tmp_path / "page.rmeta")
    assert done.returncode == 0, done.stderr


def test_its_tests_pass(host_build: HostBuild, tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if "#[test]" in block]
    source = tmp_path / "page.rs"
    source.write_text(block)
    done = host_build.tests_of(source, tmp_path / "page")
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([tmp_path / "page"], capture_output=True, text=True, check=False)
    assert "2 passed; 0 failed" in ran.stdout, ran.stdout


def test_debians_packages_are_those_of_doctor() -> None:
    assert DEBIAN_PACKAGES in " ".join(PAGE.split())


def test_every_key_of_an_extension_is_explained() -> None:
    source = (ROOT / "sdk/rust/perdure-sdk-macros/src/extension.rs").read_text()
    keys = re.findall(r'"(\w+)"', source[source.index("const KEYS") : source.index("];", source.index("const KEYS"))])
    assert len(keys) == 16
    assert [key for key in keys if f"`{key}`" not in PAGE] == []
