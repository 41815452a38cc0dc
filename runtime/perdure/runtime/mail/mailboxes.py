"""Opens mailboxes that calls name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from perdure.actors.operations import OperationFailed
from perdure.runtime.files.shared_folders import SharedFolders, open_file
from perdure.runtime.mail.mailbox import ImapMailbox, Mailbox, MaildirMailbox, OpenMailbox
from perdure.runtime.mail.maildir import Maildir
from perdure.runtime.mail.mbox import MboxFile
from perdure.runtime.mail.settings import MailSettings
from perdure.runtime.mail.uid_lists import UidLists
from perdure.runtime.operations.context import CallContext


class Mailboxes:
    """Opens them, for the extension that calls, with what it may reach.

    Args:
        settings: limits.
        folders: what is shared with extensions.
        uids: who numbers the messages of Maildirs.
    """

    def __init__(self, settings: MailSettings, folders: SharedFolders, uids: UidLists) -> None:
        self._settings = settings
        self._folders = folders
        self._uids = uids

    @contextlib.contextmanager
    def opened(self, context: CallContext, mailbox: Mailbox) -> Iterator[OpenMailbox]:
        """A mailbox, for as long as the block lasts."""

        def stop() -> bool:
            return context.cancelled.cancelled or context.remaining() <= 0

        if isinstance(mailbox, ImapMailbox):
            raise OperationFailed("unavailable", "IMAP is not there yet")
        if isinstance(mailbox, MaildirMailbox):
            folders = {name: self._folders.resolve(context, f"{mailbox.file}/{name}") for name in ("new", "cur")}
            yield Maildir(folders, mailbox.file, self._uids, self._settings.maildir_flags, stop)
            return
        descriptor = open_file(self._folders.resolve(context, mailbox.file), mailbox.file)
        try:
            yield MboxFile(descriptor, mailbox.file, stop)
        finally:
            os.close(descriptor)
