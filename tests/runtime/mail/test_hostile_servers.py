"""Servers that are broken, slow, or mean no good: each ends in a named error soon, and the next call is well."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.dovecot import HOST, PASSWORD
from tests.support.imap_script import Conversation, ImapScript, imap_script
from tests.support.mail_rig import MailRig, mail_rig

from perdure.runtime.errors import OperationError
from perdure.runtime.mail.settings import MailSettings

SECONDS = 0.2


@pytest.fixture
def server() -> Iterator[ImapScript]:
    with imap_script() as server:
        yield server


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[ImapScript], MailRig]]:
    """Rigs for servers; there is one runtime, whose extension may reach every port that a test has."""
    settings = MailSettings(plain=True, timeout=SECONDS, keep=0, max_message_bytes=100_000)
    with mail_rig(tmp_path_factory.mktemp("rig"), hosts=[f"http://{HOST}:1"], settings=settings) as rig:
        rig.password("ann")
        allowed = rig.runtime.hosts_of

        def of(server: ImapScript) -> MailRig:
            from perdure.runtime.http.hosts import HostRules

            rig.runtime.mailboxes._hosts_of = lambda extension: HostRules.of([f"http://{HOST}:{server.port}"])
            return rig

        yield of
        rig.runtime.mailboxes._hosts_of = allowed


def mailbox(server: ImapScript, **fields: Any) -> dict[str, Any]:
    return {"type": "imap", "host": HOST, "port": server.port, "security": "plain", "credential": "mail", **fields}


def failed(rig: MailRig, server: ImapScript, method: str = "query:mail.list", **request: Any) -> OperationError:
    fields = request.pop("fields", {})
    with pytest.raises(OperationError) as caught:
        rig.call(method, mailbox=mailbox(server, **fields), **request)
    assert PASSWORD not in str(caught.value)
    return caught.value


def code_of(rig: MailRig, server: ImapScript, method: str, **request: Any) -> str:
    try:
        rig.call(method, mailbox=mailbox(server), **request)
    except OperationError as error:
        return error.code if f"{HOST}" in error.message or "mailbox" in error.message else repr(error)
    return ""


FETCH: dict[str, Any] = {"method": "query:mail.fetch", "uid": 1, "uid_validity": 7}


def test_a_server_that_is_well(rigs: Callable[[ImapScript], MailRig], server: ImapScript) -> None:
    server.replies[b"UID FETCH"] = lambda talk, line: talk.okay(
        b'* 1 FETCH (UID 1 FLAGS (\\Seen) RFC822.SIZE 9 BODY[HEADER.FIELDS ("SUBJECT")]<0> {12}\r\nSubject: x\r\n)'
    )
    page = rigs(server).call("query:mail.list", mailbox=mailbox(server))
    assert [(message.uid, message.subject, message.flags) for message in page.messages] == [(1, "x", ["\\Seen"])]
    code_of(rigs(server), server, "query:mail.fetch", uid=1, uid_validity=7)
    sent = [line for talk in server.conversations for line in talk.lines if b"FETCH" in line]
    assert len(sent) == 2
    assert all(b"BODY.PEEK[" in line and b" BODY[" not in line for line in sent)
    assert any(line.startswith(b"EXAMINE") for line in server.conversations[0].lines)
    plain = base64.b64encode(b"\0ann\0" + PASSWORD.encode())
    assert plain in server.conversations[0].lines


def test_login_where_there_is_no_plain(rigs: Callable[[ImapScript], MailRig]) -> None:
    with imap_script(capabilities=b"IMAP4rev1") as server:
        rig = rigs(server)
        rig.store("mail", type="basic", username='a"n', password="b\\c d")
        server.replies[b"UID SEARCH"] = lambda talk, line: talk.okay(b"* SEARCH")
        assert rig.uids(mailbox(server)) == []
        assert b'LOGIN "a\\"n" "b\\\\c d"' in server.conversations[0].lines
        rig.password("ann", "pässword")
        assert "ASCII" in failed(rig, server).message
        rig.password("ann", "x\r\nA1 DELETE INBOX")
        assert "control characters" in failed(rig, server).message
        rig.password("ann")
    with imap_script(capabilities=b"IMAP4rev1 LOGINDISABLED") as server:
        assert "no password" in failed(rigs(server), server).message


def test_servers_that_say_nothing(rigs: Callable[[ImapScript], MailRig], server: ImapScript) -> None:
    with imap_script(greeting=b"") as mute:
        assert failed(rigs(mute), mute).code == "unavailable"
    server.replies[b"EXAMINE"] = lambda talk, line: talk.hang()
    error = failed(rigs(server), server)
    assert (error.code, "too long" in error.message) == ("unavailable", True)


def test_a_server_that_trickles(rigs: Callable[[ImapScript], MailRig], server: ImapScript) -> None:
    def trickle(talk: Conversation, line: bytes) -> None:
        while not talk.over.wait(SECONDS / 20):
            talk.connection.sendall(b"*")

    server.replies[b"EXAMINE"] = trickle
    assert "too long" in failed(rigs(server), server).message


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"x" * 65_536, id="a line without end"),
        pytest.param(b"* 1 EXISTS\r\n" * 5_000, id="lines without end"),
        pytest.param(b"* 1 FETCH (BODY[] {900000000000}\r\n" + b"x" * 65_536, id="a literal of a terabyte"),
        pytest.param(b"* 1 FETCH (BODY[] {60000}\r\n" + b"x" * 60_000 + b")\r\n", id="literals without end"),
    ],
)
def test_servers_that_send_too_much(rigs: Callable[[ImapScript], MailRig], server: ImapScript, data: bytes) -> None:
    server.replies[b"UID FETCH"] = lambda talk, line: talk.flood(data)
    error = failed(rigs(server), server, **FETCH)
    # Short lines are work, so that the time may be over first.
    assert "more than was asked for" in error.message or "takes too long" in error.message


@pytest.mark.parametrize(
    "line",
    [
        b"* PREAUTH welcome, whoever you are",
        b"* BYE go away",
        b"HTTP/1.1 400 Bad Request",
        b"\xff\xfe\x00",
        b"+ go on",
        b"",
    ],
)
def test_greetings(rigs: Callable[[ImapScript], MailRig], line: bytes) -> None:
    with imap_script(greeting=line or b" ") as server:
        assert failed(rigs(server), server).code in ("failed", "unavailable")
        assert not any(b"AUTH" in sent for talk in server.conversations for sent in talk.lines)


def test_what_comes_before_tls_is_not_taken_for_what_came_over_it(rigs: Callable[[ImapScript], MailRig]) -> None:
    with imap_script(capabilities=b"IMAP4rev1 STARTTLS AUTH=PLAIN") as server:
        server.replies[b"STARTTLS"] = lambda talk, line: talk.okay_and(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
        from perdure.runtime.http.hosts import HostRules

        rig = rigs(server)
        rig.runtime.mailboxes._hosts_of = lambda extension: HostRules.of([f"{HOST}:{server.port}"])
        error = failed(rig, server, fields={"security": "starttls"})
        assert (error.code, "between STARTTLS" in error.message) == ("unavailable", True)
    with imap_script() as server:  # which somebody in between took STARTTLS out of
        rig.runtime.mailboxes._hosts_of = lambda extension: HostRules.of([f"{HOST}:{server.port}"])
        error = failed(rig, server, fields={"security": "starttls"})
        assert (error.code, "no STARTTLS" in error.message) == ("failed", True)
        assert not any(b"AUTHENTICATE" in sent for talk in server.conversations for sent in talk.lines)


def test_what_a_server_says_of_a_password_is_not_repeated(
    rigs: Callable[[ImapScript], MailRig], server: ImapScript
) -> None:
    def echo(talk: Conversation, line: bytes) -> None:
        talk.say(b"+ ")
        proof = base64.b64decode(talk.read())
        talk.say(talk.tag + b" NO [UNAVAILABLE] cannot check " + proof.replace(b"\0", b" "))

    server.replies[b"AUTHENTICATE"] = echo
    error = failed(rigs(server), server)
    assert (error.code, error.message) == ("unavailable", f"{HOST} lets nobody log in now (UNAVAILABLE)")


def test_a_message_that_is_gone(rigs: Callable[[ImapScript], MailRig], server: ImapScript) -> None:
    assert failed(rigs(server), server, **FETCH).code == "not_found"
    assert failed(rigs(server), server, **{**FETCH, "uid": 2**40}).code == "not_found"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"").replace(b"{", b"")),
            st.sampled_from(
                [
                    b"* 1 FETCH (UID 1 FLAGS (",
                    b"* 1 FETCH " + b"(" * 3_000,
                    b'* 1 FETCH (UID 1 RFC822.SIZE "x" FLAGS 7)',
                    b"* 1 FETCH (UID 99999999999999999999 BODY[] NIL)",
                    b'* 1 FETCH (UID 1 INTERNALDATE "yesterday" ENVELOPE (NIL) BODYSTRUCTURE (((1))))',
                    b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc FLAGS (\xff))",
                    b"* SEARCH 1 2 x -3",
                    b"* OK [UIDVALIDITY x] no",
                    b"* -1 EXISTS",
                    b'* LIST (\\Sent "/" {2}\r\nab',
                    b"* BYE",
                    b"+",
                ]
            ),
        ),
        max_size=4,
    ),
    st.sampled_from([b"EXAMINE", b"UID SEARCH", b"UID FETCH", b"LIST", b"CAPABILITY", b"IDLE"]),
    st.booleans(),
)
def test_no_answer_gets_further_than_an_error(
    rigs: Callable[[ImapScript], MailRig], lines: list[bytes], command: bytes, ends: bool
) -> None:
    with imap_script(capabilities=b"IMAP4rev1 AUTH=PLAIN IDLE") as server:

        def reply(talk: Conversation, line: bytes) -> None:
            if ends:
                talk.okay(*lines)
            else:
                talk.say(*lines)
                talk.connection.close()

        server.replies[command] = reply
        rig = rigs(server)
        for method, request in (
            ("query:mail.list", {}),
            ("query:mail.fetch", {"uid": 1, "uid_validity": 7}),
            ("query:mail.folders", {}),
            ("query:mail.wait", {"timeout_ms": 1, "after_uid": 1}),
        ):
            assert code_of(rig, server, method, **request) in ("", "failed", "unavailable", "not_found")
