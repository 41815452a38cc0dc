"""What an author's type checker sees."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

AUTHOR = """
from dataclasses import dataclass
from typing import TypedDict

from perdure_sdk import Extension, ExtensionContext, JobContext, RateLimited
from perdure_sdk.testing import Result, run_job

ext = Extension("acme", name="Acme", version="1.0", methods=["query:vdfs."])


@dataclass
class Count:
    n: int = 0


class Typed(TypedDict):
    n: int


@ext.job
def plain(ctx: JobContext, state: Count) -> None:
    reveal_type(ctx.now())
    reveal_type(ctx.random.choice([1]))
    reveal_type(ctx.vdfs.read_sidecar("x", "y").sidecar)
    reveal_type(ctx.credentials.get("mail").credential)


@ext.job(name="other", resumable=False)
def named(ctx: JobContext, state: Typed) -> dict[str, int]:
    try:
        return {"n": state["n"]}
    except RateLimited as error:
        reveal_type(error.retry_after)
        raise


@ext.job
def alone(ctx: JobContext) -> None: ...


@ext.on_init
def ready(ctx: ExtensionContext) -> None:
    ctx.log("ready")


reveal_type(plain)
reveal_type(named)
result: Result = run_job(plain, Count())
reveal_type(result.state_as(Count))
"""
WRONG = """
from perdure_sdk import Extension, JobContext

ext = Extension("acme", name="Acme")


@ext.job
def no_context() -> None: ...


@ext.job
def other(context: int) -> None: ...


def work(ctx: JobContext) -> None:
    ctx.log("x", "loud")
    ctx.vdfs.write_sidecar("a")
    ctx.nothing()
"""


def test_programs_of_authors_are_typed_and_mistakes_are_found(tmp_path: Path) -> None:
    (tmp_path / "author.py").write_text(AUTHOR)
    (tmp_path / "wrong.py").write_text(WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "author.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.splitlines()
    revealed = [
        match[1] for line in said if (match := re.search(r'author\.py:\d+: note: Revealed type is "(.*)"', line))
    ]
    assert [re.sub(r"(?:builtins|author|perdure_sdk\.\w+)\.", "", text) for text in revealed] == [
        "datetime.datetime",
        "int",
        "Sidecar",
        "OAuth2 | ApiKey | Basic | Login",
        "float | None",
        "def (ctx: JobContext, state: Count)",
        "def (ctx: JobContext, state: TypedDict(Typed, {'n': int})) -> dict[str, int]",
        "Count",
    ]
    assert [line for line in said if line.startswith("author.py") and ": error:" in line] == []
    wrong = [int(match[1]) for line in said if (match := re.match(r"wrong\.py:(\d+): error:", line))]
    assert wrong == [4, 7, 11, 16, 17, 18], done.stdout
