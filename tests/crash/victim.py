"""The parent's hold on the process that is to be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.crash.workload import Workload

ROOT = Path(__file__).parents[2]
TIMEOUT = 30.0  # seconds; a limit for what has gone wrong


class Victim:
    """A running child on the folder ``home``, where it keeps its data and its facts."""

    def __init__(self, home: Path, workload: Workload, *, failpoint: str = "", hit: int = 1) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        command = [sys.executable, "-m", "tests.crash.child", "--data", str(data_of(home)), "--facts"]
        command += [str(facts_of(home)), "--jobs", str(workload.jobs), "--target", str(workload.target)]
        if failpoint:
            command += ["--failpoint", failpoint, "--hit", str(hit)]
        self._errors: IO[str] = (home / "stderr").open("w+")
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._errors, text=True)

    def wait_ready(self) -> None:
        """Return when it is about to open the runtime."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == "ready\n", f"it said {line!r} and {self.errors()}"

    def wait(self, timeout: float = TIMEOUT) -> int | None:
        """Its exit status, negative for the signal that killed it; None if it still runs after ``timeout`` seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> int:
        """Kill it, wherever it is; 0 if it had come to its end before."""
        self._process.kill()
        return self._process.wait(TIMEOUT)

    def errors(self) -> str:
        """What it wrote to stderr."""
        self._errors.flush()
        return (self.home / "stderr").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()


KILLED = -signal.SIGKILL


def data_of(home: Path) -> Path:
    """The data folder."""
    return home / "data"


def facts_of(home: Path) -> Path:
    """The facts, outside of the data folder."""
    return home / "facts"
