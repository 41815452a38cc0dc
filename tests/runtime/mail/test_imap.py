"""Mail on a real Dovecot: logging in, pages, what changes under a reader, what a server's death does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from tests.support.dovecot import HOST, PASSWORD, Dovecot, dovecot
from tests.support.job_history import events_of
from tests.support.mail_rig import METHODS, MailRig, mail_rig, tls
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT, eventually
from tests.support.web_server import Visit

from perdure.actors import GuestSpec
from perdure.runtime import DEFAULT_LIBRARY, Status
from perdure.runtime.errors import OperationError
from perdure.runtime.mail.settings import MailSettings
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import OperationAnswered, Sealed


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


@pytest.fixture(scope="module")
def rig(server: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailRig]:
    folder = tmp_path_factory.mktemp("rig")
    with mail_rig(folder, ports=(server.port, server.tls_port), ca_file=server.ca_file) as rig:
        yield rig


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """One for each test: what it does to its mail is nobody else's matter."""
    return str(request.node.name).partition("[")[0].replace("test_", "")[:60]


def mail(number: int, **headers: str) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"Subject: message {number}\r\nMessage-ID: <{number}@test>\r\nFrom: Ann <ann@test>\r\n{head}"
    return f"{head}\r\nbody {number}\r\n".encode()


def refused(rig: MailRig, mailbox: dict[str, Any], method: str = "query:mail.list", **request: Any) -> OperationError:
    with pytest.raises(OperationError) as caught:
        rig.call(method, mailbox=mailbox, **request)
    return caught.value


# --- logging in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
def test_a_password(rig: MailRig, server: Dovecot, user: str, security: str) -> None:
    server.deliver(user, mail(1))
    rig.password(user)
    port = server.tls_port if security == "tls" else server.port
    page = rig.call("query:mail.list", mailbox=tls(server, port=port, security=security))
    assert page.messages[-1].subject == "message 1"


@pytest.mark.parametrize("user_in", ["mailbox", "credential"])
def test_a_login_of_a_password_manager(rig: MailRig, server: Dovecot, user: str, user_in: str) -> None:
    name = {"username": user} if user_in == "credential" else {}
    rig.store("mail", type="login", password=PASSWORD, **name)
    named = {"username": user} if user_in == "mailbox" else {}
    assert rig.call("query:mail.list", mailbox=tls(server, **named)).messages == []


def test_the_password_is_looked_at_each_time(rig: MailRig, server: Dovecot, user: str) -> None:
    rig.password(user)
    assert rig.uids(tls(server)) == []
    rig.password(user, "another one")  # the connection that is kept was made with what is no more
    error = refused(rig, tls(server))
    assert error.code == "failed"
    assert error.message == f"{HOST} does not accept the name and the password of the credential (AUTHENTICATIONFAILED)"
    rig.runtime.call(
        "action:credentials.delete", {"name": "mail", "extension": rig.jobs.extension}, library_id=DEFAULT_LIBRARY
    )
    assert refused(rig, tls(server)).code == "not_found"


def test_a_token(rig: MailRig, server: Dovecot, user: str) -> None:
    server.tokens["good-token"] = user
    rig.store("mail", type="oauth2", access_token="good-token")
    assert rig.uids(tls(server, username=user)) == []
    assert "username" in refused(rig, tls(server)).message
    rig.store("mail", type="oauth2", access_token="revoked-token")
    error = refused(rig, tls(server, username=user))
    assert (error.code, "does not accept the token" in error.message) == ("failed", True)


def test_xoauth2_where_there_is_nothing_newer(tmp_path: Path, user: str) -> None:
    with dovecot("xoauth2") as old, mail_rig(tmp_path, ports=(old.tls_port,), ca_file=old.ca_file) as rig:
        old.tokens["good-token"] = user
        rig.store("mail", type="oauth2", access_token="good-token")
        assert rig.uids(tls(old, username=user)) == []
        rig.store("mail", type="oauth2", access_token="bad-token")
        assert refused(rig, tls(old, username=user)).code == "failed"


def test_a_token_that_has_expired_is_refreshed(server: Dovecot, tmp_path: Path, user: str) -> None:
    def grant(visit: Visit) -> None:
        assert b"refresh_token=seed" in visit.seen.body
        visit.reply(200, b'{"access_token": "new-token", "expires_in": 3600}', ("Content-Type", "application/json"))

    web = server.introspection
    web.pages["/token"] = grant
    server.tokens["new-token"] = user
    hosts = [f"{HOST}:{server.tls_port}", f"http://{HOST}:{web.port}"]
    with mail_rig(tmp_path, hosts=hosts, ca_file=server.ca_file) as rig:
        rig.store(
            "mail",
            type="oauth2",
            access_token="old-token",
            refresh_token="seed",
            expires_at=1,
            token_url=f"http://{HOST}:{web.port}/token",
        )
        assert rig.uids(tls(server, username=user)) == []


# --- where an extension may go ---------------------------------------------------------------------------------------


def test_hosts_that_were_not_granted(rig: MailRig, server: Dovecot) -> None:
    rig.password("ann")
    error = refused(rig, tls(server, port=1))
    assert error.code == "permission_denied"
    assert f"needs '{HOST}:1'" in error.message
    assert refused(rig, tls(server, host="localhost")).code == "permission_denied"
    assert refused(rig, tls(server, host="a b")).code == "invalid_payload"


def test_plain_only_where_the_program_allows_it(server: Dovecot, tmp_path: Path) -> None:
    plain = tls(server, port=server.port, security="plain")
    with mail_rig(tmp_path, ports=(server.port,), settings=MailSettings()) as rig:
        rig.password("ann")
        error = refused(rig, plain)
        assert (error.code, "program" in error.message) == ("permission_denied", True)


def test_plain_has_to_be_granted_too(server: Dovecot, tmp_path: Path) -> None:
    with mail_rig(tmp_path, hosts=[f"{HOST}:{server.port}"]) as rig:
        rig.password("ann")
        error = refused(rig, tls(server, port=server.port, security="plain"))
        assert f"needs 'http://{HOST}:{server.port}'" in error.message


def test_private_networks_are_closed(server: Dovecot, tmp_path: Path) -> None:
    with mail_rig(tmp_path, ports=(server.tls_port,), networks=(), ca_file=server.ca_file) as rig:
        rig.password("ann")
        error = refused(rig, tls(server))
        assert (error.code, "loopback" in error.message) == ("permission_denied", True)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_of_somebody_else(server: Dovecot, tmp_path: Path, security: str) -> None:
    port = server.tls_port if security == "tls" else server.port
    with mail_rig(tmp_path, ports=(port,)) as rig:  # which trusts the usual authorities alone
        rig.password("ann")
        assert refused(rig, tls(server, port=port, security=security)).code == "unavailable"
        assert "ann" not in [line for line in server.log().splitlines() if "Login" in line and tmp_path.name in line]


# --- pages -----------------------------------------------------------------------------------------------------------


def test_five_thousand_messages_in_pages(rig: MailRig, server: Dovecot, user: str) -> None:
    server.deliver(user, *(mail(number) for number in range(1, 5_001)))
    rig.password(user)
    with server.client(user) as client:
        client.select_folder("INBOX")
        client.delete_messages(range(1_000, 2_500))
        client.expunge()
    found = rig.uids(tls(server), limit=500)
    assert found == [*range(1, 1_000), *range(2_500, 5_001)]
    last = rig.call("query:mail.list", mailbox=tls(server), after_uid=4_999)
    assert ([message.subject for message in last.messages], last.next_uid) == (["message 5000"], None)
    assert rig.call("query:mail.list", mailbox=tls(server), after_uid=5_000).messages == []


def test_reading_marks_nothing_as_seen(rig: MailRig, server: Dovecot, user: str) -> None:
    server.deliver(user, mail(1))
    rig.password(user)
    page = rig.call("query:mail.list", mailbox=tls(server))
    message = rig.call("query:mail.fetch", mailbox=tls(server), uid=1, uid_validity=page.uid_validity, part=0)
    assert (message.text, message.raw, message.message_id) == ("body 1", mail(1), "<1@test>")
    assert rig.call("query:mail.list", mailbox=tls(server)).messages[0].flags == []


def test_a_message_over_the_limit_is_cut_and_that_is_said(server: Dovecot, tmp_path: Path, user: str) -> None:
    settings = MailSettings(max_message_bytes=1_000)
    with mail_rig(tmp_path, ports=(server.tls_port,), ca_file=server.ca_file, settings=settings) as rig:
        server.deliver(user, mail(1) + b"x" * 5_000)
        rig.password(user)
        validity = rig.call("query:mail.list", mailbox=tls(server)).uid_validity
        message = rig.call("query:mail.fetch", mailbox=tls(server), uid=1, uid_validity=validity)
        assert message.raw_size == len(mail(1)) + 5_000
        assert "only the first 1,000" in message.problems[0]


# --- what changes ----------------------------------------------------------------------------------------------------


def test_flags_come_and_go_once_or_twice(rig: MailRig, server: Dovecot, user: str) -> None:
    server.deliver(user, mail(1))
    rig.password(user)
    validity = rig.call("query:mail.list", mailbox=tls(server)).uid_validity
    target = {"mailbox": tls(server), "uid": 1, "uid_validity": validity}
    for _ in range(2):
        assert rig.call("action:mail.flag", **target, add=["\\Seen", "receipt"]).flags == ["\\Seen", "receipt"]
    assert rig.call("action:mail.flag", **target, add=["\\Flagged"], remove=["\\seen"]).flags == [
        "\\Flagged",
        "receipt",
    ]
    assert rig.call("query:mail.list", mailbox=tls(server)).messages[0].flags == ["\\Flagged", "receipt"]
    for bad in ({"add": ["\\Seen"], "remove": ["\\seen"]}, {"add": ["a b"]}, {"add": ["x)\r\nA DELETE INBOX"]}):
        assert refused(rig, tls(server), "action:mail.flag", uid=1, uid_validity=validity, **bad).code == (
            "invalid_payload"
        )
    assert refused(rig, tls(server), "action:mail.flag", uid=9, uid_validity=validity, add=["a"]).code == "not_found"


def test_a_folder_that_is_made_anew(rig: MailRig, server: Dovecot, user: str) -> None:
    rig.password(user)
    receipts = tls(server, folder="Receipts")
    with server.client(user) as client:
        client.create_folder("Receipts")
        client.append("Receipts", mail(1))
        client.append("Receipts", mail(2))
    before = rig.call("query:mail.list", mailbox=receipts)
    assert (len(before.messages), before.reset) == (2, False)
    old = before.uid_validity
    with server.client(user) as client:
        client.delete_folder("Receipts")
        client.create_folder("Receipts")
        client.append("Receipts", mail(3))
    after = rig.call("query:mail.list", mailbox=receipts, after_uid=2, uid_validity=old)
    assert after.reset
    assert after.uid_validity != old
    assert [message.subject for message in after.messages] == ["message 3"]
    for method, more in (("query:mail.fetch", {}), ("action:mail.flag", {"add": ["\\Seen"]})):
        error = refused(rig, receipts, method, uid=1, uid_validity=old, **more)
        assert (error.code, str(after.uid_validity) in error.message) == ("not_found", True)
    assert rig.call("query:mail.wait", mailbox=receipts, uid_validity=old, after_uid=1).changed


def test_folders_with_names_of_every_kind(rig: MailRig, server: Dovecot, user: str) -> None:
    rig.password(user)
    with server.client(user) as client:
        for name in ("Belege & Rechnungen", "Ünïcode 発票", 'a "quoted" one'):
            client.create_folder(name)
            client.append(name, mail(7))
    found = rig.call("query:mail.folders", mailbox=tls(server)).folders
    assert {folder.name for folder in found} == {"INBOX", "Belege & Rechnungen", "Ünïcode 発票", 'a "quoted" one'}
    for folder in found:
        assert folder.selectable
        page = rig.call("query:mail.list", mailbox=json.loads(json.dumps(tls(server, folder=folder.mailbox.folder))))
        assert len(page.messages) == (0 if folder.name == "INBOX" else 1)
    assert refused(rig, tls(server, folder="Nowhere")).code == "failed"
    assert refused(rig, tls(server, folder="x\r\nA1 DELETE INBOX")).code == "invalid_payload"


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_wait_ends_with_a_new_message(rig: MailRig, server: Dovecot, user: str) -> None:
    server.deliver(user, mail(1))
    rig.password(user)
    validity = rig.call("query:mail.list", mailbox=tls(server)).uid_validity
    waits = {"mailbox": tls(server), "uid_validity": validity}
    assert rig.call("query:mail.wait", **waits, after_uid=0).changed
    assert not rig.call("query:mail.wait", **waits, after_uid=1, timeout_ms=1).changed
    answers: list[Any] = []
    waiter = threading.Thread(target=lambda: answers.append(rig.call("query:mail.wait", **waits, after_uid=1)))
    waiter.start()
    with server.client(user) as client:
        client.append("INBOX", mail(2))
    waiter.join(TIMEOUT)
    assert [answer.changed for answer in answers] == [True]


def test_a_wait_ends_with_its_job(rig: MailRig, server: Dovecot, user: str) -> None:
    rig.password(user)
    begun = threading.Event()
    answers: list[dict[str, Any]] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        begun.set()
        answers.append(json.loads(host.call("query:mail.wait", json.dumps({"mailbox": tls(server)}).encode())))

    rig.jobs.body = body
    job = rig.jobs.start()
    assert begun.wait(TIMEOUT)
    eventually(lambda: f"<{user}>" in server.log() or f"({user})" in server.log())
    job.cancel()
    assert job.wait(TIMEOUT).finished
    assert answers in ([{"changed": False}], [{"error": ANY, "code": "unavailable"}])  # of the wait, or of the router


# --- a server that dies ----------------------------------------------------------------------------------------------


def test_connections_are_kept_and_made_again_after_the_servers_death(rig: MailRig, server: Dovecot, user: str) -> None:
    server.deliver(user, mail(1))
    rig.password(user)

    def logins() -> int:
        return sum(1 for line in server.log().splitlines() if "Login:" in line and f"<{user}>" in line)

    for _ in range(3):
        assert rig.uids(tls(server)) == [1]
    assert logins() == 1
    server.kill()
    try:
        error = refused(rig, tls(server))
        assert error.code == "unavailable", error.message  # nobody answers, or who still does is cut off
    finally:
        server.start()
    assert rig.uids(tls(server)) == [1]
    assert logins() == 2
    server.kill()  # and now without a call while it is away: the connection that is kept is dead
    server.start()
    assert rig.uids(tls(server)) == [1]


def test_an_extension_has_so_many_connections_at_most(server: Dovecot, tmp_path: Path, user: str) -> None:
    settings = MailSettings(connections=1)
    with mail_rig(tmp_path, ports=(server.tls_port,), ca_file=server.ca_file, settings=settings) as rig:
        rig.password(user)
        rig.password(f"{user}2", name="other")
        threads = [
            threading.Thread(target=lambda name=name: rig.uids(tls(server, credential=name)))
            for name in ("mail", "other") * 3
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        assert not any(thread.is_alive() for thread in threads)
        kept = rig.runtime.mailboxes._connections
        assert sum(len(found) for found in kept._idle.values()) == 1


# --- a job, and what is left of it -----------------------------------------------------------------------------------


def test_a_job_walks_the_mailbox_and_its_secrets_are_nowhere(
    server: Dovecot, tmp_path: Path, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    private = "a word that only this mail has: xylophoneparade"
    server.deliver(user, *(mail(number) + private.encode() for number in range(1, 8)))
    seen: list[str] = []

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        def call(method: str, **request: Any) -> dict[str, Any]:
            answer = host.call(method, json.dumps({"mailbox": tls(server), **request}).encode())
            seen.append(answer.decode())
            found: dict[str, Any] = json.loads(answer)
            assert "error" not in found, found
            return found

        after: int | None = 0
        while after is not None:
            page = call("query:mail.list", after_uid=after, limit=3)
            for message in page["messages"]:
                found = call("query:mail.fetch", uid=message["uid"], uid_validity=page["uid_validity"], part=0)
                assert base64.b64decode(found["raw"]).endswith(private.encode())
                call("action:mail.flag", uid=message["uid"], uid_validity=page["uid_validity"], add=["\\Seen"])
            after = page["next_uid"]

    with mail_rig(tmp_path, ports=(server.tls_port,), ca_file=server.ca_file) as rig:
        rig.password(user)
        rig.jobs.body = body
        job = rig.jobs.start()
        assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
        assert sum(1 for text in seen if "xylophone" in text) == 7
    assert PASSWORD not in "".join(seen)
    assert PASSWORD not in caplog.text
    assert "xylophone" not in caplog.text
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for secret in (PASSWORD.encode(), b"xylophoneparade", base64.b64encode(PASSWORD.encode())[:-3]):
                assert secret not in data, file


def test_credentials_get_is_not_needed(rig: MailRig, server: Dovecot, user: str) -> None:
    rig.password(user)
    assert METHODS == ["query:mail.", "action:mail."]
    answer = rig.jobs.call("query:credentials.get", {"name": "mail"})
    assert answer["code"] == "permission_denied"
    assert rig.jobs.call("query:mail.list", {"mailbox": tls(server)})["messages"] == []


def test_a_credential_that_is_locked(rig: MailRig, server: Dovecot, user: str) -> None:
    rig.password(user)
    whose = {"extension": rig.jobs.extension}
    rig.runtime.call("action:credentials.set_passphrase", {**whose, "passphrase": "correct horse battery"})
    try:
        rig.runtime.call("action:credentials.lock", whose)
        error = refused(rig, tls(server))
        assert "unlock" in error.message
        rig.runtime.call("action:credentials.unlock", {**whose, "passphrase": "correct horse battery"})
        assert rig.uids(tls(server)) == []
    finally:
        rig.runtime.call("action:credentials.remove_passphrase", {**whose, "passphrase": "correct horse battery"})


def test_mail_that_was_read_outlives_its_password(rig: MailRig, server: Dovecot, user: str) -> None:
    server.deliver(user, mail(1))
    rig.password(user, name="short-lived")
    box = tls(server, credential="short-lived")

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.call("query:mail.list", json.dumps({"mailbox": box}).encode())

    rig.jobs.body = body
    job = rig.jobs.start()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    name = {"name": "short-lived", "extension": rig.jobs.extension}
    rig.runtime.call("action:credentials.delete", name, library_id=DEFAULT_LIBRARY)
    (answered,) = events_of(job, OperationAnswered)
    assert isinstance(answered.answer, Sealed)
    store = rig.runtime.store
    assert b"message 1" in open_recorded(rig.runtime.keychain, store.blobs, answered.answer)
