"""Mbox files and Maildirs in shared folders: pages, UIDs that stay, what a rewritten file does."""

from __future__ import annotations

import mailbox as stdlib
import os
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.mail_rig import MailRig, mail_rig
from tests.support.manual_clock import ManualClock
from tests.support.waiting import TIMEOUT

from perdure.runtime.errors import OperationError
from perdure.runtime.mail import mbox as mbox_module
from perdure.runtime.mail.mbox import MboxFile
from perdure.runtime.mail.settings import MailSettings

MBOX = {"type": "mbox", "file": "mail/in.mbox"}
MAILDIR = {"type": "maildir", "file": "mail/box"}


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailRig]:
    settings = MailSettings(maildir_flags=True)
    with mail_rig(tmp_path_factory.mktemp("rig"), hosts=["example.com"], settings=settings) as rig:
        yield rig


@pytest.fixture
def rig(rigs: MailRig, tmp_path: Path) -> MailRig:
    """The rig with the test's folder as ``mail``."""
    rigs.runtime.share_folder(rigs.jobs.extension, "mail", tmp_path)
    return rigs


def message(number: int, text: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["Message-ID"] = f"message {number}", "ann@test", f"<{number}@test>"
    made.set_content(text or f"body {number}\n")
    return made


def write_mbox(path: Path, *messages: EmailMessage) -> None:
    box = stdlib.mbox(path)
    for one in messages:
        box.add(one)
    box.close()


def write_maildir(path: Path, *messages: EmailMessage) -> stdlib.Maildir:
    box = stdlib.Maildir(path)
    for one in messages:
        box.add(one)
    return box


def refused(rig: MailRig, mailbox: dict[str, Any], method: str = "query:mail.list", **request: Any) -> OperationError:
    with pytest.raises(OperationError) as caught:
        rig.call(method, mailbox=mailbox, **request)
    return caught.value


def subjects(rig: MailRig, mailbox: dict[str, Any], **request: Any) -> list[str]:
    return [one.subject for one in rig.call("query:mail.list", mailbox=mailbox, **request).messages]


# --- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mailbox", [MBOX, MAILDIR], ids=["mbox", "maildir"])
def test_pages_are_the_same_whatever_their_size(rig: MailRig, tmp_path: Path, mailbox: dict[str, Any]) -> None:
    made = [message(number) for number in range(1, 24)]
    write_mbox(tmp_path / "in.mbox", *made)
    write_maildir(tmp_path / "box", *made)
    whole = rig.uids(mailbox)
    assert whole == sorted(whole)
    assert len(whole) == 23
    assert rig.uids(mailbox, limit=1) == rig.uids(mailbox, limit=7) == rig.uids(mailbox, limit=23) == whole
    page = rig.call("query:mail.list", mailbox=mailbox, after_uid=whole[9])
    assert [one.uid for one in page.messages] == whole[10:]
    assert page.uid_next > whole[-1]
    fetched = rig.call("query:mail.fetch", mailbox=mailbox, uid=whole[4], uid_validity=page.uid_validity, part=0)
    listed = rig.call("query:mail.list", mailbox=mailbox, after_uid=whole[3], limit=1).messages[0]
    assert (fetched.subject, fetched.raw_size) == (listed.subject, listed.size)
    assert fetched.raw is not None
    assert fetched.text == fetched.subject.replace("message", "body")


@pytest.mark.parametrize("mailbox", [MBOX, MAILDIR], ids=["mbox", "maildir"])
def test_uids_stay_when_messages_come(rig: MailRig, tmp_path: Path, mailbox: dict[str, Any]) -> None:
    write_mbox(tmp_path / "in.mbox", message(1), message(2))
    write_maildir(tmp_path / "box", message(1), message(2))
    before = rig.call("query:mail.list", mailbox=mailbox)
    write_mbox(tmp_path / "in.mbox", message(3))
    write_maildir(tmp_path / "box", message(3))
    after = rig.call(
        "query:mail.list", mailbox=mailbox, after_uid=before.messages[-1].uid, uid_validity=before.uid_validity
    )
    assert ([one.subject for one in after.messages], after.reset) == (["message 3"], False)
    assert rig.uids(mailbox)[:2] == [one.uid for one in before.messages]


@pytest.mark.parametrize("mailbox", [MBOX, MAILDIR], ids=["mbox", "maildir"])
def test_a_wait_ends_when_a_message_comes(rig: MailRig, tmp_path: Path, mailbox: dict[str, Any]) -> None:
    write_mbox(tmp_path / "in.mbox", message(1))
    write_maildir(tmp_path / "box", message(1))
    last = rig.uids(mailbox)[-1]
    assert not rig.call("query:mail.wait", mailbox=mailbox, after_uid=last, timeout_ms=1).changed
    answers: list[Any] = []
    waiter = threading.Thread(
        target=lambda: answers.append(rig.call("query:mail.wait", mailbox=mailbox, after_uid=last))
    )
    waiter.start()
    write_mbox(tmp_path / "in.mbox", message(2))
    write_maildir(tmp_path / "box", message(2))
    waiter.join(TIMEOUT)
    assert [answer.changed for answer in answers] == [True]


@pytest.mark.parametrize("mailbox", [MBOX, MAILDIR], ids=["mbox", "maildir"])
def test_what_is_not_there(rig: MailRig, tmp_path: Path, mailbox: dict[str, Any]) -> None:
    assert refused(rig, mailbox).code in ("not_found", "failed")
    assert refused(rig, {**mailbox, "file": "other/x"}).code == "not_found"
    assert refused(rig, {**mailbox, "file": "mail/../x"}).code == "invalid_payload"
    write_mbox(tmp_path / "in.mbox", message(1))
    write_maildir(tmp_path / "box", message(1))
    validity = rig.call("query:mail.list", mailbox=mailbox).uid_validity
    for uid in (2, 7, 2**53):
        assert refused(rig, mailbox, "query:mail.fetch", uid=uid, uid_validity=validity).code == "not_found"
    error = refused(rig, mailbox, "query:mail.fetch", uid=1, uid_validity=validity + 1)
    assert (error.code, str(validity) in error.message) == ("not_found", True)


# --- mbox ------------------------------------------------------------------------------------------------------------


def test_an_mbox_that_was_rewritten_is_begun_anew(rig: MailRig, tmp_path: Path) -> None:
    path = tmp_path / "in.mbox"
    write_mbox(path, *(message(number) for number in range(1, 6)))
    before = rig.call("query:mail.list", mailbox=MBOX)
    path.unlink()
    write_mbox(path, message(1), message(3, "longer than it was\n"), message(4), message(5), message(6))
    after = rig.call(
        "query:mail.list", mailbox=MBOX, after_uid=before.messages[-1].uid, uid_validity=before.uid_validity
    )
    assert (after.reset, len(after.messages)) == (True, 5)
    path.unlink()
    write_mbox(path, message(2), message(3))
    assert rig.call("query:mail.list", mailbox=MBOX).uid_validity != before.uid_validity
    assert rig.call("query:mail.list", mailbox=MBOX, after_uid=1, uid_validity=before.uid_validity).reset


def test_lines_that_begin_with_from_are_text(rig: MailRig, tmp_path: Path) -> None:
    text = "Dear Ann,\n\nFrom 10:30 on we are there.\nFrom here too.\n>From a reply\n\n"
    write_mbox(tmp_path / "in.mbox", message(1, text), message(2))
    raw = (tmp_path / "in.mbox").read_bytes()
    assert b"\n>From 10:30" in raw  # as the stdlib quotes it
    page = rig.call("query:mail.list", mailbox=MBOX)
    assert len(page.messages) == 2
    found = rig.call("query:mail.fetch", mailbox=MBOX, uid=1, uid_validity=page.uid_validity)
    assert "\n\nFrom 10:30 on we are there.\nFrom here too.\n" in found.text


@pytest.mark.parametrize(
    ("separators", "count"),
    [
        (["From a@b Tue May  5 10:00:00 2020", "From a@b Tue May  5 10:00:00 2020"], 2),
        (["From - Tue May 05 10:00:00 2020", "From - Tue May 05 10:00:00 2020"], 2),
        (["From 1234567890@xxx Mon Sep 01 12:00:00 +0000 2014", "From ???@??? Tue May 05 10:00:00 2020"], 2),
        (["From ", "From "], 2),
        (["From a@b Tue May  5 10:00:00 2020", "From the desk of Ann"], 1),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_of_many_programs(rig: MailRig, tmp_path: Path, separators: list[str], count: int, end: str) -> None:
    lines = [line for one in separators for line in (one, "Subject: x", "", "text", "")]
    (tmp_path / "in.mbox").write_bytes(end.join([*lines, ""]).encode())
    page = rig.call("query:mail.list", mailbox=MBOX)
    assert len(page.messages) == count
    assert [one.subject for one in page.messages] == ["x"] * count
    raw = rig.call("query:mail.fetch", mailbox=MBOX, uid=1, uid_validity=page.uid_validity, part=0).raw
    assert raw.startswith(b"Subject: x")
    assert raw.endswith(f"text{end}".encode())


def test_flags_of_an_mbox_are_read_and_cannot_be_changed(rig: MailRig, tmp_path: Path) -> None:
    one, two = message(1), message(2)
    one["Status"], one["X-Status"], two["X-Mozilla-Status"] = "RO", "AF", "0005"
    write_mbox(tmp_path / "in.mbox", one, two, message(3))
    page = rig.call("query:mail.list", mailbox=MBOX)
    assert [found.flags for found in page.messages] == [
        ["\\Answered", "\\Flagged", "\\Seen"],
        ["\\Flagged", "\\Seen"],
        [],
    ]
    error = refused(rig, MBOX, "action:mail.flag", uid=1, uid_validity=page.uid_validity, add=["\\Seen"])
    assert (error.code, "cannot be changed" in error.message) == ("failed", True)


def test_files_that_are_no_mbox(rig: MailRig, tmp_path: Path) -> None:
    path = tmp_path / "in.mbox"
    path.write_bytes(b"")
    assert rig.call("query:mail.list", mailbox=MBOX).messages == []
    path.write_bytes(b"%PDF-1.4\n")
    assert "no mbox" in refused(rig, MBOX).message
    path.write_bytes(b"From a@b Tue May  5 10:00:00 2020\n\x00\xff")
    assert len(rig.uids(MBOX)) == 1
    path.unlink()
    os.mkfifo(path)
    assert refused(rig, MBOX).code == "failed"


def test_a_large_mbox_is_read_where_it_has_to_be(rig: MailRig, tmp_path: Path) -> None:
    path = tmp_path / "in.mbox"
    write_mbox(path, message(1), message(2))
    with path.open("r+b") as file:  # a hole of a gigabyte in the second message
        file.seek(0, os.SEEK_END)
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n\nFrom a@b Tue May  5 10:00:00 2020\nSubject: behind\n\nx\n")
    page = rig.call("query:mail.list", mailbox=MBOX, limit=1)
    assert page.messages[0].subject == "message 1"
    last = (1 << 30) + 3
    found = rig.call("query:mail.fetch", mailbox=MBOX, uid=last, uid_validity=page.uid_validity)
    assert (found.subject, found.text) == ("behind", "x")


SEPARATOR = b"From a@b Tue May  5 10:00:00 2020\n"
BODIES = st.lists(st.sampled_from([b"", b"x", b"From here", b">From x", b"\r", b"Subject: y", b"From "]), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(BODIES.map(lambda lines: b"\n".join(lines) + b"\n"), max_size=6), st.integers(64, 4096))
def test_every_message_comes_once_wherever_chunks_end(bodies: list[bytes], chunk: int) -> None:
    def quoted(body: bytes) -> bytes:
        return b"".join(
            b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in body.splitlines(True)
        )

    data = b"".join(SEPARATOR + b"S: 1\n\n" + quoted(body) + b"\n" for body in bodies)
    descriptor = os.memfd_create("mbox")
    os.write(descriptor, data)
    kept, mbox_module._CHUNK = mbox_module._CHUNK, chunk  # type: ignore[misc] # the constant is what is tested
    try:
        box = MboxFile(descriptor, "in.mbox", lambda: False)
        page = box.page(0, None, 500)
        found = [box.raw(one.uid, page.uid_validity, 1 << 20).raw for one in page.messages]
        again = [
            one.uid for at in [0, *(one.uid for one in page.messages)][:-1] for one in box.page(at, None, 1).messages
        ]
    finally:
        mbox_module._CHUNK = kept  # type: ignore[misc] # as above
        os.close(descriptor)
    assert found == [b"S: 1\n\n" + body for body in bodies]
    assert again == [one.uid for one in page.messages]


# --- Maildir ---------------------------------------------------------------------------------------------------------


def test_uids_of_a_maildir_outlive_flags_removals_and_the_process(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    box = write_maildir(share / "box", *(message(number) for number in range(1, 6)))
    clock = ManualClock()

    def look(change: bool = False) -> tuple[int, dict[str, int]]:
        with mail_rig(tmp_path, hosts=["example.com"], settings=MailSettings(maildir_flags=True), clock=clock) as rig:
            rig.runtime.share_folder(rig.jobs.extension, "mail", share)
            page = rig.call("query:mail.list", mailbox=MAILDIR)
            if change:
                first = page.messages[0]
                flagged = rig.call(
                    "action:mail.flag", mailbox=MAILDIR, uid=first.uid, uid_validity=page.uid_validity, add=["\\Seen"]
                )
                assert flagged.flags == ["\\Seen"]
            return page.uid_validity, {one.message_id: one.uid for one in page.messages}

    validity, before = look(change=True)
    second = next(key for key, one in box.items() if one["Message-ID"] == "<2@test>")
    box.discard(second)
    box.add(message(6))
    # An old message that another program moved here: older than all that were seen.
    old = share / "box" / "cur" / "1000000000.M1P1.old:2,S"
    old.write_bytes(message(7).as_bytes())
    clock.advance(100.0)
    again, after = look()
    assert again == validity
    assert {key: uid for key, uid in after.items() if key in before} == {
        key: uid for key, uid in before.items() if key != "<2@test>"
    }
    assert sorted(uid for key, uid in after.items() if key not in before) == [6, 7]
    for file in (tmp_path / "data" / "mail").iterdir():
        file.write_bytes(b"rubbish")
    assert look()[0] != validity


def test_flags_of_a_maildir(rig: MailRig, tmp_path: Path) -> None:
    box = write_maildir(tmp_path / "box", message(1))
    page = rig.call("query:mail.list", mailbox=MAILDIR)
    target = {"uid": page.messages[0].uid, "uid_validity": page.uid_validity, "mailbox": MAILDIR}
    for _ in range(2):
        assert rig.call("action:mail.flag", **target, add=["\\seen", "\\Flagged"]).flags == ["\\Flagged", "\\Seen"]
    assert rig.call("action:mail.flag", **target, remove=["\\Flagged"]).flags == ["\\Seen"]
    assert [path.name.partition(":")[2] for path in (tmp_path / "box" / "cur").iterdir()] == ["2,S"]
    assert list((tmp_path / "box" / "new").iterdir()) == []
    assert next(iter(box))
    assert rig.call("query:mail.list", mailbox=MAILDIR).messages[0].flags == ["\\Seen"]
    error = refused(
        rig, MAILDIR, "action:mail.flag", add=["receipt"], **{k: target[k] for k in ("uid", "uid_validity")}
    )
    assert (error.code, "no flag receipt" in error.message) == ("failed", True)


def test_shared_folders_are_not_written_to_unless_the_program_says_so(tmp_path: Path) -> None:
    write_maildir(tmp_path / "box", message(1))
    with mail_rig(tmp_path, hosts=["example.com"]) as rig:
        (tmp_path / "share").mkdir()
        (tmp_path / "box").rename(tmp_path / "share" / "box")
        rig.runtime.share_folder(rig.jobs.extension, "mail", tmp_path / "share")
        page = rig.call("query:mail.list", mailbox=MAILDIR)
        error = refused(rig, MAILDIR, "action:mail.flag", uid=1, uid_validity=page.uid_validity, add=["\\Seen"])
        assert (error.code, "never written to" in error.message) == ("failed", True)


def test_folders_of_a_maildir(rig: MailRig, tmp_path: Path) -> None:
    box = write_maildir(tmp_path / "box", message(1))
    box.add_folder("Receipts").add(message(2))
    found = rig.call("query:mail.folders", mailbox=MAILDIR).folders
    assert [folder.name for folder in found] == ["INBOX", "Receipts"]
    receipts = {"type": "maildir", "file": found[1].mailbox.file}
    assert subjects(rig, receipts) == ["message 2"]
    assert refused(rig, MBOX, "query:mail.folders").code == "invalid_payload"


def test_links_out_of_the_share_are_nothing(
    rig: MailRig, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write_maildir(outside / "box", message(1))
    (outside / "secret").write_bytes(b"Subject: secret\n\nx\n")
    write_maildir(tmp_path / "box")
    (tmp_path / "box" / "cur" / "1.M1P1.link:2,").symlink_to(outside / "secret")
    assert rig.uids(MAILDIR) == []
    (tmp_path / "linked").symlink_to(outside / "box")
    assert refused(rig, {"type": "maildir", "file": "mail/linked"}).code == "not_found"


def test_ten_thousand_messages_of_one_second(rig: MailRig, tmp_path: Path) -> None:
    write_maildir(tmp_path / "box")
    for number in range(10_000):
        (tmp_path / "box" / "new" / f"1700000000.M{number:06}P1.x").write_bytes(b"Subject: %d\n\n" % number)
    page = rig.call("query:mail.list", mailbox=MAILDIR, after_uid=9_990)
    assert [one.uid for one in page.messages] == list(range(9_991, 10_001))
