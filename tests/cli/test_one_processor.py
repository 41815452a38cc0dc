"""``PERDURE_ONE_PROCESSOR``: what commands, and so the server, make of it."""

from __future__ import annotations

import pytest
from tests.support.command_line import COUNTER, CommandLine

from perdure.cli.one_processor import VARIABLE
from perdure.runtime import Runtime, RuntimeSettings


@pytest.mark.parametrize(("said", "meant"), [("", True), ("yes", True), ("no", False)])
def test_threads_are_kept_together_unless_it_says_no(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, said: str, meant: bool
) -> None:
    opened: list[RuntimeSettings] = []
    really = Runtime.open

    def note(*arguments: object, settings: RuntimeSettings, **others: object) -> Runtime:
        opened.append(settings)
        return really(*arguments, settings=settings, **others)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Runtime, "open", note)
    monkeypatch.setenv(VARIABLE, said)
    perdure.done("run", COUNTER, "counter")

    assert [settings.one_processor for settings in opened] == [meant]


def test_anything_else_is_refused(perdure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "perhaps")
    answer = perdure("run", COUNTER, "counter")

    assert answer.code != 0
    assert "PERDURE_ONE_PROCESSOR must be yes or no" in answer.err
