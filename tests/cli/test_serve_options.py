"""``perdure serve``: what its options refuse, before anything is opened."""

from __future__ import annotations

import builtins
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import CommandLine


@pytest.fixture
def perdure(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--log-format", "xml"), "--log-format: it is one of text, json"),
        (("--log-level", "loud"), "--log-level: it is one of debug, info, warning, error"),
        (("--drain", "-1"), "--drain"),
    ],
)
def test_words_that_are_none(perdure: CommandLine, words: tuple[str, ...], said: str) -> None:
    answer = perdure("serve", "--port", "0", *words)

    assert answer.code == 2
    assert said in answer.err
    assert not perdure.data.exists()


def test_traces_without_what_sends_them(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("perdure.tracing"):
            raise ModuleNotFoundError("No module named 'opentelemetry'", name="opentelemetry")
        return really(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    answer = perdure("serve", "--port", "0", "--otel")

    assert answer.code == 2
    assert "pip install 'perdure[otel]'" in answer.err


def test_a_server_without_what_it_is_made_of(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    answer = perdure("serve", "--port", "0")
    assert (answer.code, answer.err) == (2, "perdure: perdure serve needs uvicorn: pip install 'perdure[server]'\n")
    assert not perdure.data.exists()
