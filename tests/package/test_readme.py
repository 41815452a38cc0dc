"""The README's two commands, and its program. The first command is run by ``first_command.py``, beside the suite."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRST = (
    "python3 -m pip install '.[python-guest]' && perdure run examples/twelve-lines counter "
    """--state '{"target": 5000}'"""
)
SECOND = """python3 -m pip install -e '.[dev]' && python3 -m pytest"""


def commands() -> list[str]:
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_readme_has_the_two_commands() -> None:
    assert FIRST in commands()
    assert SECOND in commands()


def test_the_program_in_the_readme_is_the_example() -> None:
    (program,) = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert program == (ROOT / "examples" / "twelve-lines" / "counter.py").read_text()


def test_ci_runs_the_second_command_as_it_stands_in_the_readme() -> None:
    assert SECOND in (ROOT / ".ci" / "run").read_text().splitlines()


def test_ci_runs_the_first_command_in_a_fresh_environment() -> None:
    assert "python3 -m pytest tests/package/first_command.py" in (ROOT / ".ci" / "run").read_text()
