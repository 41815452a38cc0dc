"""What a perdure.toml may say, and what is said of one that says something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure.toolchain import Language, Project
from perdure.toolchain.errors import InvalidProject
from perdure.toolchain.native_settings import native_settings


def project(folder: Path, language: Language = Language.C, **settings: Any) -> Project:
    for name in ("src/a.c", "src/b.c", "src/a.zig", "include/perdure.h", "other/o.h"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    settings = {"language": str(language), "sources": ["src/a.c"], **settings}
    return Project(folder=folder, language=language, file=folder / "perdure.toml", settings=settings)


def test_sources_and_folders_of_headers_in_order(tmp_path: Path) -> None:
    settings = native_settings(project(tmp_path, sources=["src/b.c", "src/a.c"], include=["other", "include"]))
    assert (settings.sources, settings.include) == (("src/b.c", "src/a.c"), ("other", "include"))


def test_headers_are_in_include_if_nothing_is_said(tmp_path: Path) -> None:
    assert native_settings(project(tmp_path)).include == ("include",)


def test_the_module_of_the_sdk_is_known(tmp_path: Path) -> None:
    zig = project(tmp_path, Language.ZIG, sources=["src/a.zig"])
    assert native_settings(zig).modules == {}
    (tmp_path / "include" / "perdure.zig").touch()
    assert native_settings(zig).modules == {"perdure": "include/perdure.zig"}
    own = project(tmp_path, Language.ZIG, sources=["src/a.zig"], modules={"mine": "src/a.zig"})
    assert native_settings(own).modules == {"mine": "src/a.zig"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sources", []),
        ("sources", None),
        ("sources", "src/a.c"),
        ("sources", [1]),
        ("sources", [""]),
        ("sources", ["src/none.c"]),
        ("sources", ["-o"]),
        ("sources", ["/etc/passwd"]),
        ("sources", ["../a.c"]),
        ("sources", ["src//a.c"]),
        ("sources", ["./src/a.c"]),
        ("include", ["none"]),
        ("include", {}),
        ("flags", ["-O0"]),
        ("modules", {"mine": "src/a.c"}),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(InvalidProject) as caught:
        native_settings(project(tmp_path, **{field: value}))
    assert caught.value.field == field
    assert str(tmp_path / "perdure.toml") in str(caught.value)


@pytest.mark.parametrize("value", [[], "perdure.zig", {"a b": "src/a.zig"}, {"a": 1}, {"a": "none.zig"}])
def test_modules_that_cannot_be(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InvalidProject):
        native_settings(project(tmp_path, Language.ZIG, modules=value))
