"""docs/mail.md: its job counts, in each kind of folder, and its mailboxes and limits are what there is."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import mailbox
import re
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from tests.support.mail_rig import MailRig, mail_rig

from perdure.runtime.mail.mailbox import Mailbox
from perdure.runtime.mail.settings import MailSettings
from perdure_sdk.testing import run_job

PAGE = (Path(__file__).parents[2] / "docs" / "mail.md").read_text()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = tmp_path / "letters.py"
    path.write_text("\n\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))
    spec = importlib.util.spec_from_file_location("letters", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "letters", module)
    spec.loader.exec_module(module)
    return module


def answered(rig: MailRig, method: str) -> Callable[[Any], Any]:
    """The real operation, for a job that runs in this process."""
    return lambda payload: json.loads(msgspec.json.encode(rig.call(method, **payload)))


def test_the_job_counts_what_is_there_and_goes_on_behind_it(module: ModuleType, tmp_path: Path) -> None:
    post = tmp_path / "post"
    post.mkdir()
    boxes: list[mailbox.Mailbox[Any]] = [mailbox.mbox(post / "archive.mbox"), mailbox.Maildir(post / "Maildir")]

    def deliver(number: int) -> None:
        message = EmailMessage()
        message["Subject"] = f"message {number}"
        message.set_content("Your invoice is attached." if number % 3 == 0 else "Hello.")
        for box in boxes:
            box.add(message)
            box.flush()

    for number in range(250):
        deliver(number)
    with mail_rig(tmp_path, hosts=["example.com"]) as rig, contextlib.ExitStack() as stack:
        for opened in boxes:
            stack.callback(opened.close)
        rig.runtime.share_folder(rig.jobs.extension, "post", post)
        operations = {method: answered(rig, method) for method in ("query:mail.list", "query:mail.fetch")}
        states = {}
        for box in ({"type": "maildir", "file": "post/Maildir"}, {"type": "mbox", "file": "post/archive.mbox"}):
            result = run_job(module.count_bills, {"mailbox": box}, operations=operations)
            assert result.completed, result.error
            assert result.state["bills"] == 84
            states[box["type"]] = result.state
        deliver(251)
        deliver(252)
        for state in states.values():
            assert run_job(module.count_bills, state, operations=operations).state["bills"] == 85


def test_its_mailboxes_are_mailboxes() -> None:
    lines = re.findall(r'^\{"type".*\}$', PAGE, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        msgspec.json.decode(line, type=Mailbox)


def test_its_limits_are_the_settings() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.partition("## Limits")[2], re.MULTILINE))
    settings = MailSettings()
    shown = {
        "plain": "no" if not settings.plain else "yes",
        "maildir_flags": "no" if not settings.maildir_flags else "yes",
        "connections": str(settings.connections),
        "keep": f"{settings.keep:g} s",
        "timeout": f"{settings.timeout:g} s",
        "max_message_bytes": f"{settings.max_message_bytes >> 20} MiB",
    }
    assert {name: value.strip() for name, value in rows.items()} == shown
