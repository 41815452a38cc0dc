"""Opens mailboxes that calls name, each with what the calling extension may reach."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.credential import Credential
from perdure.runtime.files.shared_folders import SharedFolders, open_file
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.mail.imap_account import account_of, secret_of
from perdure.runtime.mail.imap_connections import MISSING, ImapConnections
from perdure.runtime.mail.mailbox import MAX_FOLDERS, ImapMailbox, Mailbox, MaildirMailbox, OpenMailbox, over
from perdure.runtime.mail.maildir import Maildir
from perdure.runtime.mail.mbox import MboxFile
from perdure.runtime.mail.settings import MailSettings
from perdure.runtime.mail.uid_lists import UidLists
from perdure.runtime.operations.context import CallContext

if TYPE_CHECKING:
    from perdure.runtime.mail.imap_mailbox import ImapFolder

KEEP_LOOK: Final = 30.0  # seconds between looks for connections that nobody uses


class Mailboxes:
    """Opens them; keeps connections to servers until it is closed. Thread-safe.

    Args:
        settings, http: limits; which networks are open, and who is trusted.
        folders: what is shared with extensions.
        uids: who numbers the messages of Maildirs.
        hosts_of: the hosts that an extension may reach.
        credential_of: one of the credentials of the extension that calls, a token refreshed if it is time.
    """

    def __init__(
        self,
        settings: MailSettings,
        http: HttpSettings,
        folders: SharedFolders,
        uids: UidLists,
        hosts_of: Callable[[str], HostRules],
        credential_of: Callable[[CallContext, str], Credential],
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._uids = uids
        self._hosts_of = hosts_of
        self._credential_of = credential_of
        self._connections = ImapConnections(settings, http)

    @contextlib.contextmanager
    def opened(self, context: CallContext, mailbox: Mailbox) -> Iterator[OpenMailbox]:
        """A mailbox, for as long as the block lasts.

        Raises:
            OperationFailed: it is not there, or not for this extension.
        """
        if isinstance(mailbox, ImapMailbox):
            yield self.imap(context, mailbox)
        elif isinstance(mailbox, MaildirMailbox):
            folders = {name: self._folders.resolve(context, f"{mailbox.file}/{name}") for name in ("new", "cur")}
            yield Maildir(folders, mailbox.file, self._uids, self._settings.maildir_flags, lambda: over(context))
        else:
            descriptor = open_file(self._folders.resolve(context, mailbox.file), mailbox.file)
            try:
                yield MboxFile(descriptor, mailbox.file, lambda: over(context))
            finally:
                os.close(descriptor)

    def imap(self, context: CallContext, mailbox: ImapMailbox) -> ImapFolder:
        """A folder of a server; nothing is connected yet.

        Raises:
            OperationFailed: the extension may not reach the host, or has no such credential.
        """
        # Here, not above: it is an extra, and takes time at each start.
        try:
            from perdure.runtime.mail.imap_mailbox import ImapFolder  # noqa: PLC0415
        except ImportError:
            raise OperationFailed("unavailable", MISSING) from None
        extension = context.extension
        if extension is None:
            raise OperationFailed("invalid_payload", "mailbox.credential: only extensions have some; call for one")
        host = self._connections.host(mailbox, self._hosts_of(extension))
        secret = secret_of(mailbox, self._credential(context, mailbox.credential))
        account = account_of(extension, context.library_id, mailbox, host, secret)
        return ImapFolder(self._connections, account, secret, mailbox.folder, context)

    def _credential(self, context: CallContext, name: str) -> Credential:
        # Getting it seals what is recorded of the call with the credential's own key; this call is about mail, which
        # stays readable when the password is deleted.
        key = context.key
        credential = self._credential_of(context, name)
        context.key = key
        return credential

    def maildir_folders(self, context: CallContext, mailbox: MaildirMailbox) -> list[str]:
        """The names of the folders in a Maildir, which lie beside ``cur`` with a dot before their names.

        Raises:
            OperationFailed: nothing of this name is shared, or it cannot be read.
        """
        root = self._folders.resolve(context, mailbox.file)
        try:
            found = [path.name[1:] for path in root.iterdir() if path.name.startswith(".") and (path / "cur").is_dir()]
        except OSError as error:
            raise OperationFailed("not_found", f"there is no folder {mailbox.file}: {error.strerror}") from None
        return sorted(name for name in found if name and name.isprintable())[:MAX_FOLDERS]

    def reap(self) -> None:
        """End the connections that nobody used for a while."""
        self._connections.reap()

    def close(self) -> None:
        """End all connections."""
        self._connections.close()
