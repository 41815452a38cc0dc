"""The scan: each receipt once, whatever happens."""

import json
from typing import Any

from finance import scan
from library import World
from texts import RECEIPTS

from perdure_sdk import RateLimited
from perdure_sdk.testing import Result, run_job

MAILBOX = {"type": "mbox", "file": "mail/inbox.mbox"}
PAID: dict[str, Any] = {
    "subject": RECEIPTS["SUBSCRIPTION"].subject,
    "text": RECEIPTS["SUBSCRIPTION"].text,
    "sender": "Linear Orbit, Inc. <billing@linear.app>",
}
TALK: dict[str, Any] = {"subject": "Lunch", "text": "Shall we have lunch? It costs about $15.00."}
PDF = {"part": 2, "name": "invoice.pdf", "media_type": "application/octet-stream", "size": 9_000, "inline": False}
ATTACHED: dict[str, Any] = {"subject": "Your documents", "text": "See the attachment.", "attachments": [PDF]}


def _scan(world: World, state: dict[str, Any] | None = None, **options: Any) -> Result:
    return run_job(scan, {"mailbox": MAILBOX, **(state or {})}, operations=world.operations, **options)


def test_a_receipt_becomes_an_entry() -> None:
    world = World(TALK, PAID)
    result = _scan(world)
    assert result.completed
    assert (result.state["messages"], result.state["receipts"], result.items) == (2, 1, 2)
    (entry,) = world.receipts
    about = entry["metadata"]
    assert (about["vendor"], about["total"], about["currency"]) == ("Linear Orbit, Inc.", "96.00", "USD")
    assert (about["month"], about["kind"], entry["media_type"]) == ("2026-03", "receipt", "message/rfc822")
    told = json.loads(world.sidecars[entry["id"], "receipt.json"])
    assert told["is_receipt"]
    assert told["total"]["source"]["part"] == "body"
    assert json.loads(world.sidecars[entry["id"], "email.json"])["subject"] == PAID["subject"]


def test_an_attachment_is_read_and_kept_as_it_is() -> None:
    world = World(ATTACHED)
    world.ocr = RECEIPTS["TILL_DE"].text
    assert _scan(world).completed
    (entry,) = world.receipts
    assert (entry["media_type"], entry["size"], entry["name"][-2:]) == ("application/pdf", 26, "-2")
    assert entry["metadata"]["total"] == "7.27"


def test_two_scans_keep_a_message_once() -> None:
    world = World(PAID, TALK)
    assert _scan(world).completed
    again = _scan(world)
    assert again.state["messages"] == 0, "it begins where the other ended"
    whole = _scan(world, {"rescan": True})
    assert (whole.state["messages"], whole.state["receipts"]) == (2, 1)
    assert len(world.receipts) == 1


def test_it_goes_on_where_it_was_stopped() -> None:
    world = World(TALK, PAID, TALK, TALK, PAID | {"message_id": "<other>"})
    first = _scan(world, interrupt_at=3)
    assert first.interrupted
    assert 0 < first.state["last_uid"] < 5
    rest = _scan(world, first.state)
    assert rest.completed
    assert (rest.state["messages"], len(world.receipts)) == (5, 2)


def test_a_scan_that_was_broken_off_in_a_receipt_is_completed() -> None:
    world = World(PAID)
    assert _scan(world).completed
    (entry,) = world.receipts
    del world.sidecars[entry["id"], "receipt.json"]
    entry["sidecars"] = 2
    assert _scan(world, {"rescan": True}).completed
    assert len(world.receipts) == 1
    assert (entry["id"], "receipt.json") in world.sidecars


def test_new_uids_are_read_anew() -> None:
    world = World(PAID)
    assert _scan(world).completed
    world.uid_validity = 8
    result = _scan(world)
    assert result.state["messages"] == 1
    assert "new uids" in result.warnings[0]
    assert len(world.receipts) == 1


def test_one_broken_message_is_a_warning() -> None:
    world = World(TALK, PAID, ATTACHED, PAID | {"message_id": "<other>"})
    world.broken = {2}
    result = _scan(world)
    assert result.completed
    assert len(world.receipts) == 1
    assert [warning.partition(":")[0] for warning in result.warnings] == ["message 2", "message 3, invoice.pdf"]


def test_a_budget_that_is_used_up_is_no_messages_fault() -> None:
    world = World(TALK, PAID, TALK)
    limited = _scan(world, requests=6)
    assert limited.failed
    assert limited.error is not None
    assert limited.error.kind == RateLimited.__name__
    rest = _scan(world, limited.state)
    assert rest.completed
    assert (rest.state["messages"], len(world.receipts)) == (3, 1)


def test_older_mails_are_passed_over() -> None:
    world = World(PAID)
    assert _scan(world, {"since": "2026-03-13"}).state["receipts"] == 0
    assert _scan(world, {"since": "2026-03-12", "rescan": True}).state["receipts"] == 1
