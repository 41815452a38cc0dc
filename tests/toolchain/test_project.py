"""A project is known by its files; every other one is refused with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.toolchain import Language, project_around, project_in
from perdure.toolchain.errors import AmbiguousProject, InvalidProject, NoProject, ProjectError

PYTHON = ("pyproject.toml", '[tool.perdure]\nmodule = "counter"\n')
RUST = ("Cargo.toml", '[package]\nname = "counter"\n[dependencies]\nperdure-sdk = { path = "vendor/perdure-sdk" }\n')
C = ("perdure.toml", 'language = "c"\nsources = ["counter.c"]\n')
ZIG = ("perdure.toml", 'language = "zig"\nsources = ["counter.zig"]\n')


def project(folder: Path, *files: tuple[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files:
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("file", "language"),
    [(PYTHON, Language.PYTHON), (RUST, Language.RUST), (C, Language.C), (ZIG, Language.ZIG)],
)
def test_it_is_known_by_its_file(tmp_path: Path, file: tuple[str, str], language: Language) -> None:
    found = project_in(project(tmp_path, file))
    assert (found.language, found.file, found.folder) == (language, tmp_path / file[0], tmp_path)
    assert found.work == tmp_path / ".perdure-build"


def test_the_settings_of_python_are_its_own_table(tmp_path: Path) -> None:
    assert project_in(project(tmp_path, PYTHON)).settings == {"module": "counter"}


def test_files_of_others_make_no_project(tmp_path: Path) -> None:
    other = [
        ("pyproject.toml", '[project]\nname = "x"\n[tool.ruff]\n'),
        ("Cargo.toml", '[dependencies]\nserde = "1"\n'),
    ]
    with pytest.raises(NoProject, match="'perdure new NAME' makes one") as caught:
        project_in(project(tmp_path, *other))
    assert caught.value.folder == tmp_path


def test_a_crate_may_stand_beside_a_python_project(tmp_path: Path) -> None:
    assert project_in(project(tmp_path, PYTHON, ("Cargo.toml", '[package]\nname = "x"\n'))).language is Language.PYTHON


def test_two_projects_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousProject, match=r"pyproject\.toml, perdure\.toml") as caught:
        project_in(project(tmp_path, C, PYTHON))
    assert caught.value.files == ("pyproject.toml", "perdure.toml")


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("pyproject.toml", '[tool]\nperdure = "counter"\n', "tool.perdure"),
        ("perdure.toml", "sources = []\n", "language"),
        ("perdure.toml", 'language = "cobol"\n', "language"),
        ("perdure.toml", "language = [1]\n", "language"),
        ("perdure.toml", "language = {}\n", "language"),
        ("perdure.toml", "not TOML", ""),
        ("Cargo.toml", "[dependencies", ""),
        ("perdure.toml", "a = " + "[" * 5000, ""),
        ("perdure.toml", "#" * (1 << 20) + "\n", ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str, field: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        project_in(project(tmp_path, (name, text)))
    assert (caught.value.file, caught.value.field) == (tmp_path / name, field)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "perdure.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidProject):
        project_in(tmp_path)


def test_it_is_found_from_within(tmp_path: Path) -> None:
    inner = project(tmp_path, C) / "src" / "deep"
    inner.mkdir(parents=True)
    assert project_around(inner).folder == tmp_path
    with pytest.raises(ProjectError):
        project_in(inner)


def test_the_innermost_one_counts(tmp_path: Path) -> None:
    outer = project(tmp_path, C)
    inner = project(outer / "other", PYTHON)
    assert project_around(inner).language is Language.PYTHON


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoProject):
        project_in(tmp_path / "none")
