"""The line about a module that is compiled."""

from __future__ import annotations

import pytest

from perdure.cli.compile_notice import compile_notice
from perdure.cli.output import Output


def test_a_large_module_is_announced_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    with compile_notice(Output(), 19 << 20):
        assert "compiling 19.0 MiB of WebAssembly, once for this version" in capsys.readouterr().err
    assert "perdure: compiled 19.0 MiB in 0." in capsys.readouterr().err


def test_a_small_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with compile_notice(Output(), 100_000):
        pass
    assert capsys.readouterr().err == ""


def test_one_that_cannot_be_compiled_is_not_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="bad"), compile_notice(Output(), 19 << 20):
        raise ValueError("bad")
    assert "compiled" not in capsys.readouterr().err
