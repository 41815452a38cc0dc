"""The endpoint of the command line: ``PERDURE_AI_ENDPOINT`` and what belongs to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.openai_server import KEY, openai_server


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


def test_the_endpoint_that_the_environment_names(
    perdure: CommandLine, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai_server('{"label": "receipt"}') as server:
        monkeypatch.setenv("PERDURE_AI_ENDPOINT", server.base_url)
        monkeypatch.setenv("PERDURE_AI_MODEL", "small-1")
        monkeypatch.setenv("PERDURE_AI_EMBEDDING_MODEL", "vectors-1")
        monkeypatch.setenv("PERDURE_AI_KEY_FILE", str(key_file))
        monkeypatch.setenv("PERDURE_AI_RESPONSE_FORMAT", "json_object")
        found = perdure.done("call", "query:ai.classify_text", '{"text": "x", "labels": ["receipt"]}', "--json").json
        assert (found["label"], found["backend"], found["model"]) == ("receipt", "endpoint", "small-1")
        vectors = perdure.done("call", "query:ai.embed", '{"texts": ["x"]}', "--json").json
        assert (vectors["model"], vectors["dimensions"]) == ("vectors-1", 3)
        assert server.asked[0]["response_format"] == {"type": "json_object"}
        assert {seen.header("authorization") for seen in server.server.seen} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PERDURE_AI_ENDPOINT": "http://host/v1"}, "PERDURE_AI_MODEL has to name"),
        ({"PERDURE_AI_ENDPOINT": "host:11434", "PERDURE_AI_MODEL": "m"}, "PERDURE_AI_ENDPOINT must be a URL such as"),
        ({"PERDURE_AI_ENDPOINT": "http://h/", "PERDURE_AI_MODEL": "local"}, "PERDURE_AI_MODEL must be a name"),
        (
            {"PERDURE_AI_ENDPOINT": "http://h/", "PERDURE_AI_MODEL": "m", "PERDURE_AI_RESPONSE_FORMAT": "xml"},
            "PERDURE_AI_RESPONSE_FORMAT must be one of json_schema, json_object, none",
        ),
        (
            {"PERDURE_AI_ENDPOINT": "http://h/", "PERDURE_AI_MODEL": "m", "PERDURE_AI_KEY_FILE": "/no/such/file"},
            "PERDURE_AI_KEY_FILE: /no/such/file cannot be read",
        ),
    ],
)
def test_variables_that_make_no_sense(
    perdure: CommandLine, variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    answer = perdure("call", "query:test.ping", "message=x")
    assert (answer.code, words in answer.err) == (2, True), answer


@pytest.mark.parametrize("content", [b"two words", b"\xff\xfe", b""])
def test_a_file_that_holds_no_key(
    perdure: CommandLine, key_file: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file.write_bytes(content)
    monkeypatch.setenv("PERDURE_AI_ENDPOINT", "http://h/")
    monkeypatch.setenv("PERDURE_AI_MODEL", "m")
    monkeypatch.setenv("PERDURE_AI_KEY_FILE", str(key_file))
    answer = perdure("call", "query:test.ping", "message=x")
    assert (answer.code, "PERDURE_AI_KEY_FILE" in answer.err) == (2, True), answer
    assert "two words" not in answer.err
