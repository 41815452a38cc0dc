"""``mail.list``, ``fetch``, ``flag``, ``folders``, ``wait``: mailboxes of IMAP servers, Maildir and mbox folders.

A mailbox is named by value in each call, so that there is nothing to open and nothing to close: a job that was killed
asks for its next page as if nothing had happened. Passwords stay on this side: a call names a credential, the host uses
it. Messages are read in a worker process; one that cannot be read is an answer with ``problems``, not a failure. All
that a person wrote or was sent is recorded sealed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.mail.calls import (
    Attachment,
    FetchedMessage,
    FetchMessage,
    FlagMessage,
    FoldersListed,
    ListedMessage,
    ListFolders,
    ListMessages,
    MailFolder,
    MessageFlagged,
    MessagesListed,
    MessagesWaited,
    WaitForMessages,
)
from perdure.runtime.mail.mailbox import (
    Folder,
    FoundMessage,
    ImapMailbox,
    MaildirMailbox,
    MboxMailbox,
    RawMail,
    over,
)
from perdure.runtime.mail.mailboxes import Mailboxes
from perdure.runtime.mail.parsing.messages import (
    HeaderBlocks,
    HeaderSummary,
    RawMessage,
    ReadHeaders,
    ReadMessage,
    Work,
)
from perdure.runtime.mail.settings import MailSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.worker_processes.pool import WorkerPool
from perdure.runtime.worker_processes.task import Task

MAIL: Final = Task("perdure.runtime.mail.parsing.worker:read", memory_bytes=2 << 30, processes=2, extra="mail")
_MARGIN: Final = 5.0  # seconds of a call's time that are left for the answer to a wait
_SPECIAL: Final = frozenset(
    {"\\all", "\\archive", "\\drafts", "\\flagged", "\\important", "\\junk", "\\sent", "\\trash"}
)
_LISTED_BYTES: Final = 2 * 1024 * 1024  # of subjects and senders in a page

_encode = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(ReadHeaders).decode
_decode_message = msgspec.msgpack.Decoder(ReadMessage).decode


class MailOperations:
    """The handlers.

    Args:
        settings: limits.
        mailboxes: who opens them.
        pool: where messages are read.
    """

    def __init__(self, settings: MailSettings, mailboxes: Mailboxes, pool: WorkerPool) -> None:
        self._settings = settings
        self._mailboxes = mailboxes
        self._pool = pool

    @query("mail.list", timeout=120.0)
    def list(self, context: CallContext, request: ListMessages) -> MessagesListed:
        """List the messages of a mailbox in pages, by uid, and so from where the last look ended."""
        with self._mailboxes.opened(context, request.mailbox) as mailbox:
            page = mailbox.page(request.after_uid, request.uid_validity, request.limit)
        summaries = self._summaries(context, [message.head for message in page.messages])
        listed: list[ListedMessage] = []
        room = _LISTED_BYTES
        for message, summary in zip(page.messages, summaries, strict=True):
            room -= len(summary.subject) + len(summary.sender.name) + len(summary.sender.address)
            if room < 0 and listed:
                break
            listed.append(_listed(message, summary))
        cut = len(listed) < len(page.messages)
        return MessagesListed(
            uid_validity=page.uid_validity,
            uid_next=page.uid_next,
            messages=listed,
            next_uid=listed[-1].uid if cut else page.next_uid,
            reset=page.reset,
        )

    @query("mail.fetch", timeout=120.0)
    def fetch(self, context: CallContext, request: FetchMessage) -> FetchedMessage:
        """Get a message, its text and the list of its attachments; with ``part``, the content of one of them.

        A message that is broken is read as far as it can be. Getting a message does not mark it as seen.
        """
        with self._mailboxes.opened(context, request.mailbox) as mailbox:
            mail = mailbox.raw(request.uid, request.uid_validity, self._settings.max_message_bytes)
        read = self._read(context, mail, request)
        if request.part and read.content is None:
            raise OperationFailed("not_found", f"the message has no part {request.part}")
        return _fetched(request, mail, read)

    @action("mail.flag", effect=Effect.IDEMPOTENT, timeout=60.0)
    def flag(self, context: CallContext, request: FlagMessage) -> MessageFlagged:
        """Give a message flags, and take others away; it is the same once or twice."""
        add = {flag.lower(): flag for flag in request.add}
        if add.keys() & {flag.lower() for flag in request.remove}:
            raise OperationFailed("invalid_payload", "a flag cannot be both added and removed")
        with self._mailboxes.opened(context, request.mailbox) as mailbox:
            flags = mailbox.flag(request.uid, request.uid_validity, [*add.values()], request.remove)
        return MessageFlagged(flags)

    @query("mail.wait", timeout=630.0)
    def wait(self, context: CallContext, request: WaitForMessages) -> MessagesWaited:
        """Wait for new messages: with IDLE on a server that has it; a folder is looked at each second.

        A job that is paused or cancelled does not wait on.
        """
        until = time.monotonic() + request.timeout_ms / 1_000
        with contextlib.ExitStack() as stack:
            while True:
                mailbox = stack.enter_context(self._mailboxes.opened(context, request.mailbox))
                page = mailbox.page(request.after_uid, request.uid_validity, 1)
                left = min(until - time.monotonic(), context.remaining() - _MARGIN)
                if page.messages or page.reset or left <= 0:
                    return MessagesWaited(bool(page.messages or page.reset))
                mailbox.rest(left)
                stack.close()
                if over(context):
                    return MessagesWaited(False)  # whoever is told of it has been told to stop, too

    @query("mail.folders", timeout=60.0)
    def folders(self, context: CallContext, request: ListFolders) -> FoldersListed:
        """List the folders of a mail account, or of a Maildir."""
        mailbox = request.mailbox
        if isinstance(mailbox, MboxMailbox):
            raise OperationFailed("invalid_payload", "mailbox: an mbox is one folder")
        if isinstance(mailbox, MaildirMailbox):
            below = self._mailboxes.maildir_folders(context, mailbox)
            found = [
                MailFolder(
                    name=name or "INBOX",
                    mailbox=MaildirMailbox(file=f"{mailbox.file}/.{name}" if name else mailbox.file),
                    special=None,
                    selectable=True,
                )
                for name in ["", *below]
            ]
            return FoldersListed(found)
        return FoldersListed([_folder(mailbox, one) for one in self._mailboxes.imap(context, mailbox).folders()])

    # --- reading -----------------------------------------------------------------------------------------------------

    def _run(self, context: CallContext, work: Work, seconds: float) -> bytes:
        return self._pool.run(MAIL, _encode(work), seconds=seconds, cancelled=context.cancelled)

    def _summaries(self, context: CallContext, heads: list_[bytes]) -> ReadHeaders:
        return _decode_headers(self._run(context, HeaderBlocks(heads), context.remaining())) if heads else []

    def _read(self, context: CallContext, mail: RawMail, request: FetchMessage) -> ReadMessage:
        work = RawMessage(mail.raw, request.part, request.offset, request.max_bytes, request.html)
        try:
            return _decode_message(self._run(context, work, context.remaining() / 2))
        except OperationFailed as error:
            if over(context):
                raise
            # The process died of it, or took too long: the headers at least, and the text, if that is all there is.
            context.log.warning("a message of %d bytes was too much for the reader: %s", len(mail.raw), error.message)
            return _decode_message(self._run(context, msgspec.structs.replace(work, careful=True), context.remaining()))


list_ = list  # inside of the class above the name is an operation's


def _folder(mailbox: ImapMailbox, folder: Folder) -> MailFolder:
    flags = {flag.lower(): flag for flag in folder.flags}
    special = next((flag for low, flag in flags.items() if low in _SPECIAL), None)
    return MailFolder(
        name=folder.name,
        mailbox=msgspec.structs.replace(mailbox, folder=folder.name),
        special=special,
        selectable=not flags.keys() & {"\\noselect", "\\nonexistent"},
    )


def _listed(message: FoundMessage, summary: HeaderSummary) -> ListedMessage:
    return ListedMessage(
        uid=message.uid,
        message_id=summary.message_id,
        subject=summary.subject,
        sender=summary.sender,
        date=summary.date,
        size=message.size,
        flags=message.flags,
        has_attachments=summary.has_attachments,
    )


def _fetched(request: FetchMessage, mail: RawMail, read: ReadMessage) -> FetchedMessage:
    attachments = [
        Attachment(
            part=found.part,
            name=found.name,
            media_type=found.media_type,
            size=found.size,
            inline=found.inline,
            content_id=found.content_id,
            within=found.within,
            content=read.content if found.part == request.part else None,
            next_offset=_next_offset(request, read) if found.part == request.part else None,
        )
        for found in read.attachments
    ]
    problems = read.problems
    if mail.cut:
        problems = [f"only the first {len(mail.raw):,} of its {mail.size:,} bytes were read", *problems]
    return FetchedMessage(
        uid=request.uid,
        message_id=read.message_id,
        in_reply_to=read.in_reply_to,
        references=read.references,
        subject=read.subject,
        sender=read.sender,
        to=read.to,
        cc=read.cc,
        reply_to=read.reply_to,
        date=read.date,
        headers=read.headers,
        text=read.text,
        text_from=read.text_from,
        attachments=attachments,
        raw_size=mail.size,
        sha256=read.sha256,
        problems=problems,
        html=read.html,
        raw=read.content if request.part == 0 else None,
        next_offset=_next_offset(request, read) if request.part == 0 else None,
    )


def _next_offset(request: FetchMessage, read: ReadMessage) -> int | None:
    end = request.offset + len(read.content or b"")
    return end if end < read.content_size else None


def mail_operations(settings: MailSettings, mailboxes: Mailboxes, pool: WorkerPool) -> list[Callable[..., Any]]:
    """The operations, ready to be registered; see `MailOperations`."""
    operations = MailOperations(settings, mailboxes, pool)
    return [operations.list, operations.fetch, operations.flag, operations.wait, operations.folders]
