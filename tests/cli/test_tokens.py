"""`perdure tokens`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.command_line import CommandLine, is_plain

from perdure.cli.exit_codes import ExitCode
from perdure.runtime import Runtime
from perdure.runtime.access.tokens import token_of
from perdure.store.lmdb_store import LmdbEventStore

LIBRARY = "00000000-0000-0000-0000-000000000007"


def opens(perdure: CommandLine, text: str) -> bool:
    with LmdbEventStore.open_readonly(perdure.data) as store:
        return token_of(store, text, 0) is not None


def test_a_token_is_shown_once(perdure: CommandLine) -> None:
    made = perdure.done("tokens", "create", "ci", "--scope", "read", "--scope", "control", "--days", 3)
    text = made.out.removesuffix("\n")
    assert opens(perdure, text)
    assert text not in made.err
    assert "read, control" in made.err
    assert "perdure tokens revoke" in made.err
    [listed] = perdure.done("tokens", "list", "--json").json
    assert (listed["name"], listed["scopes"], listed["issued_by"]) == ("ci", ["read", "control"], "cli")
    assert listed["expires_at"] - listed["issued_at"] == timedelta(days=3) // timedelta(microseconds=1)
    table = perdure.done("tokens", "list").out
    assert "ci" in table
    secret = text.rpartition("_")[2]
    assert secret not in table
    with LmdbEventStore.open_readonly(perdure.data) as store:
        assert not any(secret.encode() in stored.body for stored in store.read_all())
    assert "opens nothing" in perdure.done("tokens", "revoke", listed["token"]).err
    assert not opens(perdure, text)
    assert perdure.done("tokens", "list", "--json").json == []


def test_a_token_for_some_only(perdure: CommandLine) -> None:
    words = ("--scope", "read", "--library", LIBRARY, "--extension", "counter", "--json")
    made = perdure.done("tokens", "create", "one", *words).json
    assert opens(perdure, made["text"])
    assert (made["libraries"], made["extensions"], made["expires_at"]) == ([LIBRARY], ["counter"], None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "ci"), "--scope"),
        (("create", "ci", "--scope", "all"), "read, dispatch, control, admin"),
        (("create", "", "--scope", "read"), "name"),
        (("create", "a\x1b[2Jb", "--scope", "read"), "name"),
        (("create", "ci", "--scope", "read", "--library", "mine"), "UUID"),
        (("create", "ci", "--scope", "read", "--extension", "No Id"), "extension"),
        (("create", "ci", "--scope", "read", "--days", "0"), "--days"),
        (("create", "ci", "--scope", "read", "--days", "99999999999"), "--days"),
    ],
)
def test_what_makes_no_sense(perdure: CommandLine, words: tuple[str, ...], said: str) -> None:
    answer = perdure("tokens", *words)
    assert (answer.code, answer.out) == (ExitCode.USAGE, "")
    assert said in answer.err
    assert is_plain(answer.err)


def test_a_token_that_is_not_there(perdure: CommandLine) -> None:
    assert perdure.done("tokens", "list", "--json").json == []
    Runtime.open(perdure.data).close()
    answer = perdure("tokens", "revoke", "1f2e3d4c")
    assert (answer.code, answer.out) == (ExitCode.UNKNOWN, "")
    assert "1f2e3d4c" in answer.err
