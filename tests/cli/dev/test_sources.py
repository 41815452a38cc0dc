"""Which files are sources, and what counts as a change of them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from perdure.cli.dev.sources import is_source, snapshot


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("counter.py", True),
        ("src/lib.rs", True),
        ("src/deep/er/x.c", True),
        ("pyproject.toml", True),
        ("include/perdure.h", True),
        ("tests.py", True),
        ("src/4914", True),
        ("src/target/build.rs", True),
        ("tests", True),
        ("dist/counter/manifest.json", False),
        (".perdure/log/data.mdb", False),
        (".perdure-build/module.wasm", False),
        ("src/__pycache__/x.pyc", False),
        ("target/debug/x", False),
        (".git/HEAD", False),
        ("tests/test_counter.py", False),
        ("acme.egg-info/PKG-INFO", False),
        (".counter.py.swp", False),
        ("counter.py~", False),
        (".#counter.py", False),
        ("#counter.py#", False),
        ("4913", False),
        ("Cargo.lock", False),
        ("README.md", False),
    ],
)
def test_sources(path: str, expected: bool) -> None:
    assert is_source(PurePosixPath(path)) is expected


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text("one")
    (tmp_path / "Cargo.toml").write_text("two")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "out").write_text("three")
    return tmp_path


def test_a_snapshot_has_the_sources_and_their_folders(project: Path) -> None:
    taken = snapshot(project)
    assert sorted(taken.files) == ["Cargo.toml", "src/lib.rs"]
    assert taken.folders == {project, project / "src"}


def test_new_gone_and_different_files_are_changes(project: Path) -> None:
    before = snapshot(project)
    (project / "src" / "lib.rs").write_text("other")
    (project / "src" / "new.rs").write_text("")
    (project / "Cargo.toml").unlink()
    assert snapshot(project, before=before).changes(before) == ("Cargo.toml", "src/lib.rs", "src/new.rs")


def test_a_file_that_is_put_in_the_place_of_another_with_the_same_text_is_no_change(project: Path) -> None:
    before = snapshot(project)
    beside = project / "src" / ".lib.rs.new"
    beside.write_text("one")
    beside.replace(project / "src" / "lib.rs")
    os.utime(project / "Cargo.toml", (1, 1))
    assert snapshot(project, before=before).changes(before) == ()


def test_the_data_folder_is_none_of_the_sources(project: Path) -> None:
    data = project / "data"
    data.mkdir()
    (data / "log").write_text("x")
    assert "data/log" in snapshot(project).files
    assert sorted(snapshot(project, data).files) == ["Cargo.toml", "src/lib.rs"]


def test_what_cannot_be_read_holds_nothing_up(project: Path) -> None:
    os.mkfifo(project / "src" / "pipe.rs")
    (project / "src" / "nowhere.rs").symlink_to("gone.rs")
    (project / "src" / "round").symlink_to(project, target_is_directory=True)
    assert sorted(snapshot(project).files) == ["Cargo.toml", "src/lib.rs"]
