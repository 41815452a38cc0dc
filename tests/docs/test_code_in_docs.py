"""Every Python block of the README and the guide runs, and every perdure command of the README does."""

from __future__ import annotations

import contextlib
import mailbox
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.examples.finance.conftest import quick_mails

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/administering.md",
    "docs/ai.md",
    "docs/guide.md",
    "docs/budgets.md",
    "docs/secrets.md",
    "docs/proof.md",
    "docs/seals.md",
    "docs/packages.md",
    "docs/media.md",
    "docs/ocr.md",
)


def python_blocks() -> list[tuple[str, int, str]]:
    return [
        (page, number, block)
        for page in PAGES
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
    ]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the examples, where "data" may be made."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def test_there_is_code_in_every_page() -> None:
    assert {page for page, _, _ in python_blocks()} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run_in_order(page: str, workplace: Path) -> None:
    for name, number, block in python_blocks():
        if name == page:
            done = subprocess.run(
                [sys.executable, "-c", block], cwd=workplace, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"block {number} of {page}:\n{block}\n{done.stdout}{done.stderr}"


@pytest.fixture
def quick_mail(workplace: Path) -> None:
    """The sample mailbox without its pictures: what they take is tested beside the example, in `bench.receipts`."""
    (workplace / "examples").unlink()
    (workplace / "examples").mkdir()
    for example in (ROOT / "examples").iterdir():
        if example.name != "finance":
            (workplace / "examples" / example.name).symlink_to(example)
    finance = workplace / "examples" / "finance"
    shutil.copytree(ROOT / "examples" / "finance", finance, ignore=shutil.ignore_patterns(".*", "tests"))
    box = finance / "sample" / "inbox.mbox"
    mails = quick_mails()
    box.unlink()
    with contextlib.closing(mailbox.mbox(box)) as made:
        for mail in mails:
            made.add(mail)


@pytest.mark.long
@pytest.mark.timeout(600)  # two components are built
@pytest.mark.usefixtures("quick_mail")
def test_readme_commands_run(workplace: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("perdure ")]
    assert commands
    env = {**os.environ, "PERDURE_DATA": str(workplace / "data")}
    first = ["run", "examples/counter", "counter", "--state", '{"target": 50, "work": 0}']
    for words in [first, *(shlex.split(command)[1:] for command in commands)]:
        done = subprocess.run(
            [sys.executable, "-m", "perdure.cli", *words],
            cwd=workplace,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"perdure {shlex.join(words)}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    local = [link for link in links if link and "://" not in link]
    assert [link for link in local if not (ROOT / "docs" / link).exists()] == []


def test_readme_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
