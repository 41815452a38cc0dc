"""A folder of an IMAP server, as a mailbox: pages by UID, with whatever connection there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from perdure.actors.operations import OperationFailed
from perdure.runtime.mail.imap_account import Account, Secret
from perdure.runtime.mail.imap_connections import ImapConnections
from perdure.runtime.mail.imap_session import ImapSession, Selected, SessionLost
from perdure.runtime.mail.mailbox import MAX_FOLDERS, Folder, MailboxPage, RawMail, another_mailbox, no_message, over
from perdure.runtime.operations.context import CallContext

_MAX_UID: Final = 2**32 - 1
_ALL_AT_ONCE: Final = 20_000  # messages of a folder whose UIDs are asked for in one search

Answer = TypeVar("Answer")


class ImapFolder:
    """A folder at work; a connection that broke while nobody used it is replaced once.

    Args:
        connections: where connections are from.
        account, secret: whose they are.
        folder: its name.
        context: the call, which has a time, and may be cancelled.
    """

    def __init__(
        self, connections: ImapConnections, account: Account, secret: Secret, folder: str, context: CallContext
    ) -> None:
        self._connections = connections
        self._account = account
        self._secret = secret
        self._folder = folder
        self._context = context
        self._seen: Selected | None = None

    def page(self, after_uid: int, uid_validity: int | None, limit: int) -> MailboxPage:
        """See `OpenMailbox`."""

        def work(session: ImapSession) -> MailboxPage:
            selected = self._seen = session.select(self._folder)
            reset = uid_validity not in (None, selected.uid_validity)
            found = _next_uids(session, selected, 0 if reset else after_uid, limit + 1)
            return MailboxPage(
                uid_validity=selected.uid_validity,
                uid_next=selected.uid_next,
                messages=session.heads(found[:limit]),
                next_uid=found[limit - 1] if len(found) > limit else None,
                reset=reset,
            )

        return self._run(work)

    def raw(self, uid: int, uid_validity: int, max_bytes: int) -> RawMail:
        """See `OpenMailbox`."""

        def work(session: ImapSession) -> RawMail | None:
            self._select(session, uid_validity)
            return session.raw(uid, max_bytes)

        found = self._run(work) if uid <= _MAX_UID else None
        if found is None:
            raise no_message(uid)
        return found

    def flag(self, uid: int, uid_validity: int, add: list[str], remove: list[str]) -> list[str]:
        """See `OpenMailbox`."""

        def work(session: ImapSession) -> list[str] | None:
            self._select(session, uid_validity, writable=True)
            return session.store(uid, add, remove)

        found = self._run(work) if uid <= _MAX_UID else None
        if found is None:
            raise no_message(uid)
        return found

    def rest(self, seconds: float) -> None:
        """See `OpenMailbox`. Between the page and this the folder may have changed: then this returns at once."""
        before = self._seen

        def work(session: ImapSession) -> None:
            now = session.select(self._folder)
            if before is None or (now.uid_validity, now.uid_next) == (before.uid_validity, before.uid_next):
                session.wait(seconds, lambda: over(self._context))

        try:
            self._run(work)
        except OperationFailed:
            if not over(self._context):  # the connection was cut, so that nobody waits in vain
                raise

    def folders(self) -> list[Folder]:
        """The account's folders."""
        return self._run(lambda session: session.folders(MAX_FOLDERS))

    def _select(self, session: ImapSession, uid_validity: int, *, writable: bool = False) -> None:
        selected = session.select(self._folder, writable=writable, known=uid_validity)
        if selected.uid_validity != uid_validity:
            raise another_mailbox(selected.uid_validity)

    def _run(self, work: Callable[[ImapSession], Answer]) -> Answer:
        fresh = False
        while True:
            new = True
            try:
                session, new = self._connections.take(
                    self._account, self._secret, self._context.remaining(), fresh=fresh
                )
                return self._with(session, work)
            except SessionLost as lost:
                if self._context.cancelled.cancelled:
                    raise OperationFailed("unavailable", "nobody waits for the answer any more") from None
                if new:
                    raise OperationFailed("unavailable", f"{self._account.host}: {lost.reason}") from None
            fresh = True

    def _with(self, session: ImapSession, work: Callable[[ImapSession], Answer]) -> Answer:
        cancelled = self._context.cancelled
        cancelled.on_cancel(session.cut)
        try:
            return work(session)
        finally:
            if not cancelled.forget(session.cut):  # it may be cut at any moment: it is nobody's any more
                session.broken = True
            self._connections.give_back(self._account, session)


def _next_uids(session: ImapSession, selected: Selected, after: int, most: int) -> list[int]:
    """The next UIDs, at least ``most`` if there are so many; never all of a large folder's."""
    end = min(selected.uid_next or _MAX_UID + 1, _MAX_UID + 1)
    if selected.exists == 0 or after + 1 >= end:
        return []
    width = end if selected.exists <= _ALL_AT_ONCE else _ALL_AT_ONCE
    found: list[int] = []
    first = after + 1
    while first < end and len(found) < most:
        last = min(first + width - 1, end - 1)
        found += session.uids(first, last)
        # UIDs have gaps, of any width; what is asked for next is bounded by what the folder has.
        first, width = last + 1, width * 8
    return found
