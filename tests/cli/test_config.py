"""``perdure extensions config``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command_line import CommandLine, is_plain
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat

from perdure.cli.exit_codes import ExitCode

LIBRARY = "00000000-0000-0000-0000-000000000001"
SCHEMA = {
    "properties": {
        "name": {"type": "string"},
        "port": {"type": "integer", "default": 80},
        "server": {"properties": {"host": {"type": "string", "default": "localhost"}, "tls": {"type": "boolean"}}},
    },
    "additionalProperties": False,
}


def write(folder: Path, schema: object, version: str = "1.0.0") -> Path:
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    return write_extension(folder / "acme", wat.module(), version=version, config_schema=schema)


@pytest.fixture(autouse=True)
def _installed(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", write(tmp_path, SCHEMA))


def values(perdure: CommandLine, *words: object) -> object:
    return perdure.done("extensions", "config", "acme", *words, "--json").json["values"]


def test_it_shows_the_defaults_and_changes_one_setting_at_a_time(perdure: CommandLine) -> None:
    defaults = {"port": 80, "server": {"host": "localhost"}}
    assert values(perdure) == defaults
    assert values(perdure, "port=8080", "server.tls=true") == {
        "port": 8080,
        "server": {"host": "localhost", "tls": True},
    }
    assert values(perdure, "name=a b", "server.host=example.com") == {
        "name": "a b",
        "port": 8080,
        "server": {"host": "example.com", "tls": True},
    }
    assert values(perdure, "--unset", "server.tls", "--unset", "port", "--unset", "no.such") == {
        "name": "a b",
        "port": 80,
        "server": {"host": "example.com"},
    }
    assert values(perdure, "port=1", "--library", LIBRARY)["port"] == 1  # type: ignore[index]  # it is an object
    assert values(perdure)["port"] == 80  # type: ignore[index]  # as above
    assert values(perdure, "--reset") == defaults
    plain = perdure.done("extensions", "config", "acme")
    assert '"port": 80' in plain.out
    assert is_plain(plain.out)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["acme", "port=many"], ExitCode.INVALID_PAYLOAD, "$.port: 'many' is not of type 'integer'"),
        (["acme", "prot=1"], ExitCode.INVALID_PAYLOAD, "$.prot: there is no such setting"),
        (["acme", "port"], ExitCode.USAGE, "NAME=VALUE"),
        (["acme", "a..b=1"], ExitCode.USAGE, "names no setting"),
        (["other", "port=1"], ExitCode.UNKNOWN, "not installed"),
    ],
)
def test_what_it_refuses(perdure: CommandLine, words: list[str], code: ExitCode, said: str) -> None:
    answer = perdure("extensions", "config", *words)
    assert answer.code == code, answer
    assert said in answer.err
    assert values(perdure)["port"] == 80  # type: ignore[index]  # it is an object


def test_it_warns_of_what_an_update_left_behind(perdure: CommandLine, tmp_path: Path) -> None:
    values(perdure, "port=8080")
    newer = {"properties": {"port": {"type": "string"}}, "required": ["port"]}
    perdure.done("extensions", "install", write(tmp_path, newer, "2.0.0"))
    answer = perdure.done("extensions", "config", "acme")
    assert "left out: $.port: 8080 is not of type 'string'" in answer.err
    assert "$: 'port' is a required property" in answer.err


def test_a_schema_that_cannot_be_used_is_refused_at_install(perdure: CommandLine, tmp_path: Path) -> None:
    answer = perdure("extensions", "install", write(tmp_path, {"properties": {"a": {"type": "strnig"}}}, "2.0.0"))
    assert answer.code == ExitCode.BAD_EXTENSION
    assert "config_schema.properties.a.type" in answer.err
