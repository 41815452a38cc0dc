"""The finance example as it is built: installed in a data folder that every test has a copy of; and a mailbox."""

from __future__ import annotations

import contextlib
import json
import mailbox
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import CommandLine
from tests.support.guest_builds import copied_data, install
from tests.support.python_builds import ROOT, built_python
from tests.support.zig_tools import once

from perdure.runtime import Runtime, grant_as_asked

EXAMPLE = ROOT / "examples" / "finance"
SAMPLE = EXAMPLE / "sample"
BOX = {"type": "mbox", "file": "mail/inbox.mbox"}


@pytest.fixture(scope="session")
def finance_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which it is installed; shared, to be copied."""

    def make(stage: Path) -> None:
        with Runtime.open(stage / "data", consent=grant_as_asked) as runtime:
            install(runtime, built_python(EXAMPLE))

    return once(tmp_path_factory, "data-finance", make) / "data"


@pytest.fixture
def perdure(finance_data: Path, tmp_path: Path) -> CommandLine:
    """Commands on a data folder of the test's own, in which it is installed."""
    return CommandLine(copied_data(finance_data, tmp_path / "data"))


def quick_mails() -> list[bytes]:
    """The mails of the sample but for those with pictures, whose recognition takes seconds."""
    found = []
    with contextlib.closing(mailbox.mbox(SAMPLE / "inbox.mbox", create=False)) as box:
        for mail in box:
            sizes = [len(part.get_payload(decode=True) or b"") for part in mail.walk() if part.get_filename()]
            if all(size < 10_000 for size in sizes):
                found.append(mail.as_bytes())
    return found


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with an mbox of some twenty mails."""
    folder = tmp_path / "mail"
    folder.mkdir()
    box = mailbox.mbox(folder / "inbox.mbox")
    for mail in quick_mails():
        box.add(mail)
    box.close()
    return folder


def truth() -> dict[str, dict[str, Any]]:
    """What the sample says of its mails, by their ids."""
    said = json.loads((SAMPLE / "truth.json").read_text())
    return {mail["message_id"]: mail for mail in said["messages"]}
