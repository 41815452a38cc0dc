"""A command that only reads is there at once: it loads nothing that runs jobs, or talks to servers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.support.command_line import CommandLine

_HEAVY = {
    *("wasmtime", "pykka", "httpx", "cryptography", "jsonschema", "asyncio", "prometheus_client", "starlette"),
    *("perdure.runtime.runtime", "perdure.actors.system", "perdure.client.client", "perdure.toolchain.building"),
}
_PROGRAM = f"""
import sys
from perdure.cli.app import main
sys.argv[0] = "perdure"
try:
    main()
finally:
    print(sorted({_HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("jobs", "list", "--json"),
        ("jobs", "show", "{}", "--json"),
        ("log", "history", "{}", "--json"),
        ("extensions", "list", "--json"),
    ],
    ids=" ".join,
)
def test_what_a_command_loads(perdure: CommandLine, words: tuple[str, ...]) -> None:
    job = perdure.run_counter()["job_id"]
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *(word.format(job) for word in words)],
        env=perdure.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == "[]\n"
