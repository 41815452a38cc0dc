"""The command line as a test uses it: within this process, or as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.waiting import eventually
from typer.testing import CliRunner

from perdure.cli.app import app

ROOT = Path(__file__).parents[2]
COUNTER = str(ROOT / "examples" / "counter")
QUICK = {"target": 200, "work": 0}  # a counter's state: done in milliseconds
ENDLESS = {"target": 10**9, "warn_every": 0}  # some 300 items a second
PATIENCE = 150.0  # seconds, for what another process is to do; a limit, never a wait


class Answer:
    """What a command left: its exit code and what it wrote."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"Answer({self.code})\n{self.out}\n{self.err}"

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """Commands on one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *words: object, stdin: str | bytes | None = None) -> Answer:
        """Run a command in this process, to its end."""
        result = CliRunner().invoke(
            app, [str(word) for word in words], input=stdin, env={"PERDURE_DATA": str(self.data)}
        )
        return Answer(result.exit_code, result.stdout, result.stderr)

    def done(self, *words: object, stdin: str | bytes | None = None) -> Answer:
        """The same, and it has to leave with 0."""
        answer = self(*words, stdin=stdin)
        assert answer.code == 0, answer
        return answer

    def run_counter(self, state: dict[str, Any] | None = None, *words: object) -> Any:
        """Run the example's job; returns it as JSON."""
        return self.done("run", COUNTER, "counter", "--state", json.dumps(state or QUICK), "--json", *words).json

    def job(self) -> Any:
        """The only job, as JSON; None when there is none yet."""
        listed = self.done("jobs", "list", "--json").json
        assert len(listed) <= 1
        return listed[0] if listed else None

    @contextlib.contextmanager
    def process(self, *words: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A command in a process of its own, killed at the end if it has not ended."""
        with subprocess.Popen(
            [sys.executable, "-m", "perdure.cli", *(str(word) for word in words)],
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                yield child
            finally:
                if child.poll() is None:
                    child.kill()

    @contextlib.contextmanager
    def running(self, state: dict[str, int], least: int, *words: object) -> Iterator[subprocess.Popen[str]]:
        """A process that runs the example's job, and has counted to ``least`` at least."""
        with self.process("run", COUNTER, "counter", "--state", json.dumps(state), *words) as child:
            eventually(lambda: child.poll() is not None or self._counted() >= least, PATIENCE, every=0.05)
            assert child.poll() is None, child.communicate()
            yield child

    def _counted(self) -> int:
        job = self.job()
        return -1 if job is None else int(job["items"])

    def environment(self, **more: str) -> dict[str, str]:
        """What such a process gets: no wish for colours from outside."""
        plain = {
            name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR", "COLUMNS")
        }
        return {**plain, "PERDURE_DATA": str(self.data), **more}


def is_plain(text: str) -> bool:
    """Whether there is nothing in ``text`` that a terminal would act on."""
    return all(char.isprintable() or char == "\n" for char in text)
