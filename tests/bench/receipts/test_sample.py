"""The mailbox that ships is the one that is drawn, small, and has one of everything."""

from __future__ import annotations

import contextlib
import mailbox
import subprocess
from pathlib import Path

import msgspec
from bench.receipts.sample import FOLDER, Truth, sample, truth
from tests.support.command_line import ROOT

_MAILBOX = FOLDER / "inbox.mbox"


def test_it_is_what_the_generator_draws() -> None:
    drawn = sample()
    assert msgspec.json.decode((FOLDER / "truth.json").read_bytes(), type=Truth) == truth(drawn)
    # Bytes of pictures are another library's version's; the rest is compared.
    with contextlib.closing(mailbox.mbox(_MAILBOX, create=False)) as shipped:
        assert [message["Message-ID"] for message in shipped] == [message.message_id for message in drawn]
        names = [[part.get_filename() for part in message.walk() if part.get_filename()] for message in shipped]
    assert names == [[attached.name for attached in message.attachments] for message in drawn]


def test_what_is_in_it() -> None:
    there = msgspec.json.decode((FOLDER / "truth.json").read_bytes(), type=Truth).messages
    receipts = [one for one in there if one.total]
    assert len(receipts) >= 12
    assert len(there) - len(receipts) >= 9
    assert {one.currency for one in receipts} == {"EUR", "GBP", "USD", "CHF"}
    assert sum(one.broken for one in there) == 1
    assert _MAILBOX.stat().st_size < 600_000


def test_git_leaves_its_bytes_alone() -> None:
    name = str(_MAILBOX.relative_to(ROOT))
    told = subprocess.run(
        ["git", "check-attr", "text", "--", name], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert told.strip().endswith("text: unset")


def test_there_is_nothing_else() -> None:
    assert {path.name for path in Path(FOLDER).iterdir()} == {"inbox.mbox", "truth.json"}
