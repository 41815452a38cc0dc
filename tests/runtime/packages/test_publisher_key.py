"""The file of a publisher's key: private, whole, and never shown."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from tests.support.packages import ACME

from perdure.runtime.packages.endorsements import MAX_ENDORSEMENTS, Endorsement, fault_of
from perdure.runtime.packages.errors import (
    BadPublisherKey,
    InvalidPublisherName,
    PublisherKeyExists,
    PublisherKeyFailed,
    PublisherKeyMissing,
    UnsafePublisherKey,
)
from perdure.runtime.packages.publisher_key import PublisherKey, new_key, read_key, rotated, write_key


def test_a_key_and_its_file(tmp_path: Path) -> None:
    path = tmp_path / "made" / "publisher.key"
    key = rotated(new_key("Acme"))
    write_key(key, path)
    again = read_key(path)
    assert (again.name, again.private, again.public, again.endorsements) == (
        key.name,
        key.private,
        key.public,
        key.endorsements,
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["publisher.key"]


def test_a_key_does_not_take_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "publisher.key"
    write_key(ACME, path)
    with pytest.raises(PublisherKeyExists):
        write_key(new_key("Other"), path)
    assert read_key(path).public == ACME.public
    write_key(rotated(ACME), path, replace=True)
    assert read_key(path).endorsements[0].key == ACME.public
    assert [entry.name for entry in tmp_path.iterdir()] == ["publisher.key"]


def test_a_key_is_not_shown() -> None:
    key = new_key("Acme")
    assert key.private.hex() not in repr(key)
    assert key.fingerprint in repr(key)


def test_a_line_of_keys() -> None:
    first, other = new_key("A"), new_key("B")
    second = rotated(first)
    third = rotated(second, "C")
    assert (second.name, third.name) == ("A", "C")
    assert fault_of(third.endorsements, third.public) == ""
    assert "did not sign" in fault_of(third.endorsements, other.public)
    assert "did not sign" in fault_of(third.endorsements[1:] + third.endorsements[:1], third.public)
    assert "twice" in fault_of((*third.endorsements, *third.endorsements), third.public)
    assert "size" in fault_of([Endorsement(b"short", bytes(64))], third.public)


def test_the_oldest_keys_are_given_up() -> None:
    key = new_key("A")
    first = key.public
    for _ in range(MAX_ENDORSEMENTS + 1):
        key = rotated(key)
    assert len(key.endorsements) == MAX_ENDORSEMENTS
    assert first not in {one.key for one in key.endorsements}
    assert fault_of(key.endorsements, key.public) == ""
    too_many = fault_of((Endorsement(first, bytes(64)), *key.endorsements), key.public)
    assert "more than" in too_many


@pytest.mark.parametrize("name", ["", " Acme", "Acme\n", "\u202eemcA", "x" * 101])
def test_names_that_nobody_can_have(name: str) -> None:
    with pytest.raises(InvalidPublisherName):
        new_key(name)


def good() -> dict[str, object]:
    return {"format": "perdure-publisher-key 1", "name": "Acme", "private": "ab" * 32, "endorsements": []}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 5000,
        b"x" * 70_000,
        *(
            json.dumps({**good(), **change}).encode()
            for change in (
                {"format": "perdure-publisher-key 2"},
                {"private": "ab" * 31},
                {"private": "zz" * 32},
                {"private": 7},
                {"name": "\x1b[31m"},
                {"more": 1},
                {"endorsements": [["ab" * 32, "cd" * 64]]},
                {"endorsements": [["ab" * 32]]},
            )
        ),
    ],
)
def test_files_that_hold_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BadPublisherKey) as caught:
        read_key(path)
    assert "ab" * 31 not in str(caught.value)


def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key(ACME, path)
    for mode in (0o640, 0o604, 0o622):
        path.chmod(mode)
        with pytest.raises(UnsafePublisherKey, match=f"{mode:04o}"):
            read_key(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PublisherKeyMissing, match="perdure keys publisher new"):
        read_key(tmp_path / "key")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(BadPublisherKey, match="no ordinary file"):
        read_key(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    with pytest.raises(PublisherKeyFailed):
        write_key(ACME, tmp_path / "file" / "key")


def test_a_key_of_any_program_that_knows_ed25519() -> None:
    # RFC 8032, section 7.1, test 1.
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert PublisherKey("A", private).public.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
