"""Real builds with componentize-py: the same bytes from another folder, and what the sandbox cannot import."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.python_builds import ROOT, built_python

from perdure.toolchain.errors import BuildFailed
from perdure.toolchain.project import project_in
from perdure.toolchain.python_builder import PythonBuilder
from perdure.toolchain.wasm_sections import MANIFEST_SECTION, custom_sections

# Three builds of 11 s of processor time each, which the other tests of a run take part in.
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

EXAMPLE = ROOT / "examples" / "counter-python"


def _build(folder: Path, said: list[str]) -> bytes:
    project = project_in(folder)
    project.work.mkdir(exist_ok=True)
    output = project.work / "module.wasm"
    PythonBuilder().build(project, output, said.append)
    return output.read_bytes()


def test_the_same_sources_make_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    shared = next(built_python(EXAMPLE).glob("*.wasm")).read_bytes()
    other = tmp_path / "another folder" / "with a longer path" / "project"
    shutil.copytree(EXAMPLE, other, ignore=shutil.ignore_patterns(".perdure-build", "dist", "__pycache__"))
    said: list[str] = []
    again = _build(other, said)
    assert not [line for line in said if "other bytes" in line]
    assert again == shared
    assert str(tmp_path).encode() not in again
    (manifest,) = custom_sections(again, MANIFEST_SECTION)
    assert json.loads(manifest)["id"] == "counter-python"
    # What was built last is not built again.
    said.clear()
    assert _build(other, said) == again
    assert said == ["nothing has changed since the last build"]
    assert not list((other / ".perdure-build" / "python").glob("staged-*"))


def test_what_the_sandbox_cannot_import_is_said_in_pythons_words(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(
        "import importlib\nfrom perdure_sdk import Extension\n"
        "ext = Extension('counter', name='Counter', version='1')\n"
        "@ext.job\ndef run(ctx): pass\n"
        "importlib.import_module('ss' + 'l')\n"
    )
    (tmp_path / "pyproject.toml").write_text('[tool.perdure]\nmodule = "counter"\n')
    with pytest.raises(BuildFailed, match="a part of Python that the sandbox does not have") as caught:
        _build(tmp_path, [])
    assert 'File "counter.py", line 6' in caught.value.said
    assert "No module named '_ssl'" in caught.value.said
    assert str(tmp_path) not in caught.value.said
