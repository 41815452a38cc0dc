"""`perdure new`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command_line import CommandLine


def test_it_says_what_was_made_and_what_comes_next(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = perdure.done("new", "my-thing", "--lang", "c").out
    assert shown.splitlines() == [
        "made my-thing, an extension in C:",
        "  .gitignore",
        "  README.md",
        "  perdure.toml",
        "  src/my_thing.c",
        "  test/my_thing_test.c",
        "  include/",
        "next:",
        "  cd my-thing",
        "  python3 -m ziglang run -lc -Iinclude test/my_thing_test.c",
        "  perdure dev",
    ]
    assert (tmp_path / "my-thing" / "perdure.toml").is_file()


def test_without_a_language_it_is_python(perdure: CommandLine, tmp_path: Path) -> None:
    made = perdure.done("new", "my-thing", "--dir", tmp_path / "a b", "--json").json
    assert (made["extension"], made["language"], made["folder"]) == ("my-thing", "python", str(tmp_path / "a b"))
    assert "my_thing.py" in made["files"]
    assert made["next"] == [f"cd '{tmp_path / 'a b'}'", "pytest", "perdure dev"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["Bad Name"], "cannot be an extension's id"),
        (["good", "--lang", "cobol"], "cobol"),
        (["data"], "is there, and not empty"),
    ],
)
def test_what_cannot_be_leaves_nothing(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    answer = perdure("new", *words)
    assert answer.code == 2
    assert says in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
