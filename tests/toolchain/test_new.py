"""New projects: where they may be made, what is in them, and that nothing is left half-written."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from perdure.toolchain import Language, new, project_in
from perdure.toolchain.errors import FolderInTheWay, InvalidName
from perdure.toolchain.new import create_project

LANGUAGES = list(Language)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_a_project_of_its_language(tmp_path: Path, language: Language) -> None:
    made = create_project("my.own_thing-2", language, tmp_path / "made")
    assert made.folder == tmp_path / "made"
    assert project_in(made.folder).language is language
    assert {"README.md", ".gitignore"} < set(made.files) <= files(made.folder)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_is_filled_and_no_path_of_this_machine_is_in_it(tmp_path: Path, language: Language) -> None:
    made = create_project("my-thing", language, tmp_path / "made")
    for name in made.files:
        assert "{{" not in name
        text = (made.folder / name).read_text()
        assert "{{" not in text
        assert str(tmp_path) not in text
        assert "/site-packages" not in text
    assert not made.test.count("{{")


@pytest.mark.parametrize("language", LANGUAGES)
def test_git_takes_the_sources_and_nothing_that_is_made(tmp_path: Path, language: Language) -> None:
    made = create_project("my-thing", language, tmp_path / "made")
    for scratch in ("dist/my-thing/x.wasm", ".perdure-build/x", ".perdure/log/x"):
        (made.folder / scratch).parent.mkdir(parents=True)
        (made.folder / scratch).touch()
    subprocess.run(["git", "init", "-q", str(made.folder)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(made.folder), "ls-files", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    copied = tuple(f"{folder}/" for folder in made.copied)
    assert set(made.files) == {name for name in listed if not name.startswith(copied or "/")}


def test_the_sdk_of_c_comes_along(tmp_path: Path) -> None:
    made = create_project("my-thing", Language.C, tmp_path / "made")
    assert made.copied == ("include",)
    assert files(made.folder / "include") == {"perdure.h"}


def test_the_sdk_of_zig_comes_along(tmp_path: Path) -> None:
    made = create_project("my-thing", Language.ZIG, tmp_path / "made")
    assert files(made.folder / "include") == {"perdure.c", "perdure.h", "perdure.zig"}


def test_the_sdk_of_rust_comes_along(tmp_path: Path) -> None:
    made = create_project("my-thing", Language.RUST, tmp_path / "made")
    crates = {path.parent.name for path in (made.folder / "vendor").glob("*/Cargo.toml")}
    assert crates == {"perdure-sdk", "perdure-sdk-macros"}
    assert not list(made.folder.glob("vendor/*/target"))
    manifest = tomllib.loads((made.folder / "Cargo.toml").read_text())
    assert manifest["package"]["name"] == "my-thing"


@pytest.mark.parametrize("name", ["json", "class", "tests", "perdure"])
def test_a_module_of_python_hides_no_other(tmp_path: Path, name: str) -> None:
    made = create_project(name, Language.PYTHON, tmp_path / "made")
    assert f"{name}_extension.py" in made.files
    assert project_in(made.folder).settings["module"] == f"{name}_extension"


@pytest.mark.parametrize(
    "name", ["", "My-Thing", "1st", "a--b", "-a", "a-", "a b", "a/b", "../a", "ä", "a\n", "a" * 65, ".a", "a;b", "a{b"]
)
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidName):
        create_project(name, Language.C, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    assert create_project("a", Language.C, tmp_path / "made").folder.is_dir()


def test_folders_around_it_are_made(tmp_path: Path) -> None:
    assert create_project("a", Language.C, tmp_path / "deep" / "er").folder.is_dir()


@pytest.mark.parametrize("kind", ["file", "full", "link"])
def test_what_is_in_the_way_stays(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "made"
    if kind == "file":
        place.write_text("mine")
    elif kind == "full":
        place.mkdir()
        (place / "mine").write_text("mine")
    else:
        place.symlink_to(tmp_path / "none")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FolderInTheWay, match="--dir"):
        create_project("a", Language.C, place)
    assert sorted(tmp_path.iterdir()) == before
    if kind != "link":
        assert (place if kind == "file" else place / "mine").read_text() == "mine"


def test_nothing_is_left_of_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(language: Language, stage: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new, "_copy_sdk", full)
    with pytest.raises(FolderInTheWay, match="No space left on device"):
        create_project("a", Language.C, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderInTheWay):
        create_project("a", Language.C, tmp_path / "file" / "made")
