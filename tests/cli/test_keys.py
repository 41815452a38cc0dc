"""`perdure keys`, and what `perdure doctor` says of the master key."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine

from perdure.runtime import Runtime, RuntimeSettings

REQUEST = {"name": "one", "extension": "notes"}


def store(folder: Path) -> None:
    with Runtime.open(folder) as runtime:
        runtime.call("action:credentials.store", {**REQUEST, "credential": {"type": "api_key", "key": "k"}})


def stored(folder: Path, master_key: bytes | None = None) -> str:
    with Runtime.open(folder, settings=RuntimeSettings(master_key=master_key)) as runtime:
        key: str = runtime.call("query:credentials.get", REQUEST).credential.key
        return key


def test_rotating(perdure: CommandLine) -> None:
    store(perdure.data)
    before = perdure.done("doctor", "--json").json["keys"]
    assert (before["kept_in"], before["credentials"]) == ("file", 1)
    answer = perdure.done("keys", "rotate", "--json").json
    assert answer["kept_in"] == "file"
    assert answer["master_key"] == perdure.done("doctor", "--json").json["keys"]["master_key"] != before["master_key"]
    assert "the file keys/master" in perdure.done("keys", "rotate").err
    assert stored(perdure.data) == "k"


@pytest.mark.parametrize("hexadecimal", [False, True])
def test_a_key_that_is_kept_elsewhere(
    perdure: CommandLine, tmp_path: Path, hexadecimal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(perdure.data)
    key, file = os.urandom(32), tmp_path / "mounted"
    file.write_bytes(key.hex().encode() + b"\n" if hexadecimal else key)
    assert perdure.done("keys", "rotate", "--key-file", file, "--json").json["kept_in"] == "given"
    assert stored(perdure.data, key) == "k"
    report = perdure("doctor")
    assert report.code == 8
    assert "was not given" in report.out
    assert perdure("keys", "rotate").code == 8
    monkeypatch.setenv("PERDURE_MASTER_KEY_FILE", str(file))
    assert "the program that opens this folder" in perdure.done("doctor").out
    assert perdure.done("keys", "rotate", "--json").json["kept_in"] == "file"
    monkeypatch.delenv("PERDURE_MASTER_KEY_FILE")
    assert stored(perdure.data) == "k"


@pytest.mark.parametrize("content", [b"", b"s3cret", b"s3cret" * 200, bytes(31), b"z" * 64])
def test_a_file_that_holds_no_key(
    perdure: CommandLine, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounted").write_bytes(content)
    answer = perdure("keys", "rotate", "--key-file", tmp_path / "mounted")
    assert answer.code == 2
    assert "holds no master key" in answer.err
    monkeypatch.setenv("PERDURE_MASTER_KEY_FILE", str(tmp_path / "mounted"))
    report = perdure("doctor")
    assert "holds no master key" in report.out
    assert "s3cret" not in answer.err + report.out + report.err
    monkeypatch.setenv("PERDURE_MASTER_KEY_FILE", str(tmp_path / "not there"))
    assert perdure("keys", "rotate").code == 2


def test_keys_that_others_can_read(perdure: CommandLine) -> None:
    store(perdure.data)
    (perdure.data / "keys").chmod(0o755)
    report = perdure("doctor", "--json")
    assert report.code == 8
    assert "open to others" in json.dumps(report.json["findings"])
    answer = perdure("keys", "rotate")
    assert answer.code == 8
    assert "chmod go=" in answer.err


def test_before_any_secret(perdure: CommandLine) -> None:
    assert "no secret was stored" in perdure.done("doctor").out
    assert not perdure.data.exists()
