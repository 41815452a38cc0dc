"""``perdure library``: entries are listed, and come out as they went in."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.support.command_line import CommandLine

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.library_commands import _write


def _entry(perdure: CommandLine, name: str, text: str, kind: str = "file") -> str:
    request = json.dumps({"name": name, "text": text, "kind": kind})
    made: str = perdure.done("call", "action:vdfs.create_entry", request, "--json").json["id"]
    return made


def test_entries_are_listed(perdure: CommandLine) -> None:
    _entry(perdure, "a.txt", "a")
    _entry(perdure, "b.csv", "b", "report")
    assert [one["name"] for one in perdure.done("library", "list", "--json").json] == ["a.txt", "b.csv"]
    listed = perdure.done("library", "list", "--kind", "report").out
    assert "b.csv" in listed
    assert "a.txt" not in listed


def test_what_is_in_an_entry_becomes_a_file(perdure: CommandLine, tmp_path: Path) -> None:
    entry = _entry(perdure, "a.txt", "héllo")
    perdure.done("library", "get", entry, "-o", tmp_path / "one")
    perdure.done("library", "get", "a.txt", "-o", tmp_path / "two")
    assert (tmp_path / "one").read_text("utf-8") == (tmp_path / "two").read_text("utf-8") == "héllo"
    assert perdure.done("library", "get", "a.txt", "-o", "-").out == "héllo"
    request = json.dumps({"entry_id": entry, "name": "note", "text": "{}"})
    perdure.done("call", "action:vdfs.write_sidecar", request)
    perdure.done("library", "get", entry, "--sidecar", "note", "-o", tmp_path / "note")
    assert (tmp_path / "note").read_text() == "{}"


def test_no_file_is_written_over(perdure: CommandLine, tmp_path: Path) -> None:
    _entry(perdure, "a.txt", "new")
    (tmp_path / "a").write_text("old")
    refused = perdure("library", "get", "a.txt", "-o", tmp_path / "a")
    assert refused.code == ExitCode.USAGE
    assert "there already" in refused.err
    assert (tmp_path / "a").read_text() == "old"
    assert perdure("library", "get", "a.txt", "-o", tmp_path / "none" / "a").code == ExitCode.USAGE


def test_a_part_of_an_entry_is_not_left(tmp_path: Path) -> None:
    def half(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(CommandError, match="no space left"):
        _write(tmp_path / "a", half)
    assert not (tmp_path / "a").exists()


def test_what_is_not_there(perdure: CommandLine) -> None:
    first, second = _entry(perdure, "a", "1"), _entry(perdure, "a", "2")
    assert perdure("library", "get", "b").code == ExitCode.NOT_FOUND
    twice = perdure("library", "get", "a")
    assert twice.code == ExitCode.USAGE
    assert first in twice.err
    assert second in twice.err
    assert perdure("library", "get", first, "--sidecar", "none").code == ExitCode.NOT_FOUND
