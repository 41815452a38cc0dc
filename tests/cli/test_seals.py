"""`perdure log seal`, `log check --seal`, the public keys, and erasure from the command line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine

from perdure.runtime import Runtime
from perdure.runtime.vdfs.contents_check import check_contents
from perdure.store import LmdbEventStore
from perdure.store.integrity import Report

LIBRARY = "00000000-0000-0000-0000-000000000007"


@pytest.fixture
def sealed(perdure: CommandLine, tmp_path: Path) -> Path:
    """A folder with a credential and a seal; the seal's file and the key's are beside it."""
    with Runtime.open(perdure.data) as runtime:
        request = {"name": "one", "extension": "notes", "credential": {"type": "api_key", "key": "k"}}
        runtime.call("action:credentials.store", request)
    assert "2 streams at position" in perdure.done("log", "seal", "-o", tmp_path / "a.seal").err
    perdure.done("keys", "public", "-o", tmp_path / "key.pem")
    return tmp_path / "a.seal"


def test_a_seal_is_made_kept_and_checked_against(perdure: CommandLine, sealed: Path) -> None:
    key = sealed.parent / "key.pem"
    report = perdure.done("log", "check", "--seal", sealed, "--key", key, "--json").json
    assert report["clean"] is True
    assert (report["seals"], report["problems"]) == (1, [])
    told = perdure.done("log", "check", "--seal", sealed).out
    assert "clean" in told
    assert "is not sealed yet" in told
    assert "give that key, from elsewhere, with --key" in told


def test_a_log_that_was_cut_off_is_found(perdure: CommandLine, sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(perdure.data, tmp_path / "older")
    with Runtime.open(perdure.data) as runtime:
        runtime.publish("something.happened")
    perdure.done("log", "seal", "-o", tmp_path / "b.seal")
    shutil.rmtree(perdure.data)
    shutil.copytree(tmp_path / "older", perdure.data)
    assert perdure.done("log", "check").code == 0  # by itself it is whole
    answer = perdure("log", "check", "--seal", tmp_path / "b.seal")
    assert answer.code == 8
    assert "its tail was cut off" in answer.out
    assert "library:" in answer.out


def test_the_last_seal_can_be_had_without_making_one(perdure: CommandLine, sealed: Path) -> None:
    with Runtime.open(perdure.data):
        answer = perdure("log", "seal")
        assert answer.code == 4
        assert "--last" in answer.err
    perdure.done("log", "seal", "--last", "-o", sealed.parent / "b.seal")
    assert (sealed.parent / "b.seal").read_bytes() == sealed.read_bytes()


def test_what_is_no_seal_and_no_key(perdure: CommandLine, sealed: Path, tmp_path: Path) -> None:
    key = sealed.parent / "key.pem"
    (tmp_path / "bad.seal").write_text(sealed.read_text().replace("streams 2", "streams 3"))
    for arguments in (
        ("--seal", key),
        ("--seal", tmp_path / "bad.seal"),
        ("--key", sealed),
    ):
        assert perdure("log", "check", *arguments).code == 2
    assert perdure("log", "seal", "-o", tmp_path / "no" / "such").code == 2
    assert perdure("keys", "rotate", "--seals", "--key-file", key).code == 2


def test_nothing_is_sealed_yet(perdure: CommandLine) -> None:
    with Runtime.open(perdure.data):
        pass
    for command in (("log", "seal", "--last"), ("keys", "public")):
        answer = perdure(*command)
        assert answer.code == 7
        assert "nothing is sealed yet" in answer.err
    assert "nothing is sealed yet" in perdure.done("log", "check").out


def test_keys_rotate_and_old_keys_vouch_for_new_seals(perdure: CommandLine, sealed: Path) -> None:
    old = perdure.done("keys", "public", "--json").json["current"]
    new = perdure.done("keys", "rotate", "--seals", "--json").json["seal_key"]
    assert perdure.done("log", "seal", "--json").json["key"] == new
    keys = perdure.done("keys", "public", "--json").json["keys"]
    assert [(key["key"], key["previous"]) for key in keys] == [(old, None), (new, old)]
    assert perdure.done("log", "check", "--seal", sealed, "--key", sealed.parent / "key.pem").code == 0
    pem = subprocess.run(
        ["openssl", "pkey", "-pubin", "-text", "-noout"],
        input=perdure.done("keys", "public").out,
        capture_output=True,
        text=True,
        check=True,
    )
    assert new in pem.stdout.replace(":", "").replace("\n", "").replace(" ", "")


def test_erasing(perdure: CommandLine, sealed: Path) -> None:
    for arguments in ((), ("--library", "no uuid")):
        assert perdure("keys", "erase", *arguments).code == 2
    assert "nothing to erase" in perdure.done("keys", "erase", "--library", LIBRARY).err
    asked = perdure("keys", "erase", "--extension", "notes")
    assert asked.code == 11
    assert "one of notes" in asked.err
    assert "cannot be undone" in asked.err
    assert "1 credential among them" in perdure.done("keys", "erase", "--extension", "notes", "--yes").err
    assert perdure.done("keys", "erase", "--extension", "notes", "--yes", "--json").json == {
        "keys": [],
        "credentials": [],
    }
    assert "keys-erased" in perdure.done("log", "tail", "--no-follow").out
    assert perdure.done("log", "check", "--seal", sealed, "--key", sealed.parent / "key.pem").code == 0


def test_contents_of_libraries_are_checked(perdure: CommandLine) -> None:
    with Runtime.open(perdure.data) as runtime:
        runtime.call("action:vdfs.create_entry", {"name": "a", "text": "x" * 20_000})
    assert perdure.done("log", "check", "--json").json["blobs"] == 1
    with LmdbEventStore.open_readonly(perdure.data) as store:
        (digest,) = store.blobs.digests()
        (perdure.data / "blobs" / digest[:2] / digest).write_bytes(b"altered")
        report = Report(problems=[])
        check_contents(store, report)
    assert [problem.where for problem in report.problems] == [f"blob {digest}, of a library"]
    assert perdure("log", "check").code == 8
