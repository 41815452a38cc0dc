"""A newcomer does what docs/write-an-extension.md says, from its beginning to its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command_line import ROOT, CommandLine
from tests.support.guest_builds import give_machine_code
from tests.support.python_builds import builds_folder, locked
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import Runtime
from perdure.toolchain import build, project_in

PAGE = (ROOT / "docs" / "write-an-extension.md").read_text()
KILL = "# kill it half way"
# So many notes are for people, who need some seconds to kill a process.
NOTES, FEWER = "3000", "300"


class Newcomer:
    """Somebody with a home of their own and a shell, in which variables and the folder stay from block to block."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home
        tools = home / ".local" / "bin"
        tools.mkdir(parents=True)
        for name, words in (("python3", ""), ("perdure", "-m perdure.cli")):
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            (tools / name).chmod(0o755)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE", "XDG", "PYTEST"))}
        self.environment = {**own, "HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}", "COLUMNS": "120"}

    def types(self, block: str) -> str:
        """Type a block of commands; each has to succeed. What was printed."""
        kept = self.home / ".shell"
        script = f'set -ea\n{block}\nset +a\nenv -0 > "{kept}"\n'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        self.environment = dict(line.split("=", maxsplit=1) for line in kept.read_text().split("\0") if line)
        self.folder = Path(self.environment["PWD"])
        return done.stdout + done.stderr

    def kills(self, command: str) -> None:
        """Type a command and kill it when its job has done some of its work."""
        data = CommandLine(Path(self.environment["PERDURE_DATA"]))
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as victim:
            try:
                eventually(lambda: victim.poll() is not None or (data.job() or {}).get("items", 0) >= 10, 3 * TIMEOUT)
            finally:
                assert victim.poll() is None, victim.communicate()[1]
                os.killpg(victim.pid, signal.SIGKILL)
        assert data.job()["items"] < int(FEWER)


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path)


def steps() -> Iterator[tuple[str, str]]:
    """The page's blocks in order: ``sh`` and commands, or the name of a file and its content."""
    for before, language, block in re.findall(r"((?:(?!```).)*?)```(sh|python)\n(.*?)```", PAGE, re.DOTALL):
        if language == "sh":
            yield "sh", block.replace(NOTES, FEWER)
        else:
            yield re.findall(r"into\s+`([^`]+)`", before)[-1], block


def built(project: Path) -> bytes:
    """Build it as the next command will, which then finds that done; the component.

    What componentize-py made is kept from one run of the tests to the next; the builder looks whether it still fits.
    """
    kept = builds_folder().parent / "page-builds"
    work = project / ".perdure-build" / "python"
    work.mkdir(parents=True)
    with locked(kept):
        for path in kept.glob("component-*.wasm"):
            shutil.copyfile(path, work / path.name)
        wasm = build(project_in(project), lambda line: None).wasm_path.read_bytes()
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(mode=0o700)
        for path in work.glob("component-*.wasm"):
            shutil.copyfile(path, kept / path.name)
    return wasm


@pytest.mark.long
@pytest.mark.timeout(900)  # it builds and compiles a component, beside other tests
def test_a_newcomer_comes_to_the_end(newcomer: Newcomer) -> None:
    said: dict[str, str] = {}
    install, *others = steps()
    assert install[1] == "python3 -m pip install 'perdure[python-guest]' pytest\n"
    assert "python-guest" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for kind, block in others:
        if kind != "sh":
            place = newcomer.folder / kind
            assert place.is_file(), "perdure new makes no such file"
            place.write_text(block)
            continue
        if KILL in block:
            wasm = built(newcomer.folder)
            for data in ("notes-data", "another-machine"):
                with Runtime.open(newcomer.home / data) as runtime:
                    give_machine_code(runtime, wasm)
            *prelude, last = block.splitlines()
            newcomer.types("\n".join(prelude))
            newcomer.kills(last)
            continue
        said[block] = newcomer.types(block)
    (asked,) = (text for block, text in said.items() if "note.json" in block)
    assert asked.splitlines()[0] == FEWER, "a note was written twice, or left out"
    # What they are left with: a machine where the package ran, from the publisher that they are.
    other = CommandLine(newcomer.home / "another-machine")
    assert other.job()["status"] == "completed"
    (installed,) = other.done("extensions", "list", "--json").json
    assert installed["extension"] == "notes"
    assert CommandLine(newcomer.home / "notes-data").done("log", "check").code == 0


def test_its_code_is_typed_and_formatted(tmp_path: Path) -> None:
    for name, block in steps():
        if name != "sh":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(block)
    for tool in (["mypy", "--strict", "notes.py"], ["ruff", "format", "--check", "--line-length", "120", "."]):
        done = subprocess.run([sys.executable, "-m", *tool], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
