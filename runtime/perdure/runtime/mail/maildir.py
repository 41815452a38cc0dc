"""A Maildir (https://cr.yp.to/proto/maildir.html): a file for each message, its flags in the file's name."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.files.shared_folders import open_file
from perdure.runtime.mail.mailbox import (
    MAX_HEAD,
    FoundMessage,
    MailboxPage,
    RawMail,
    Stop,
    another_mailbox,
    head_of,
    no_message,
    rest,
)
from perdure.runtime.mail.uid_lists import UidList, UidLists

_INFO: Final = re.compile(r"[:;!]2,([A-Za-z]*)$")
_TIME: Final = re.compile(r"\d{1,12}")
_FLAGS: Final = {
    "D": "\\Draft",
    "F": "\\Flagged",
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
}
_LETTERS: Final = {flag.lower(): letter for letter, flag in _FLAGS.items()}


class MaildirFile(msgspec.Struct, frozen=True):
    """A message's file: in ``new`` or ``cur``, its name, its name without flags, and their letters."""

    folder: str
    name: str
    unique: str
    letters: str


class Maildir:
    """A Maildir at work.

    Args:
        folders: where its ``new`` and ``cur`` are, by these names.
        file: its name, for errors.
        uids: who numbers its messages.
        writable: whether flags may be changed.
        stop: asked now and then whether anybody still waits.
    """

    def __init__(self, folders: dict[str, Path], file: str, uids: UidLists, writable: bool, stop: Stop) -> None:
        self._folders = folders
        self._file = file
        self._uids = uids
        self._writable = writable
        self._stop = stop

    def page(self, after_uid: int, uid_validity: int | None, limit: int) -> MailboxPage:
        """See `OpenMailbox`."""
        files, uids = self._scanned()
        reset = uid_validity not in (None, uids.validity)
        after = 0 if reset else after_uid
        wanted = sorted(uid for unique in files if (uid := uids.uids[unique]) > after)
        names = {uid: unique for unique, uid in uids.uids.items()}
        messages = []
        for uid in wanted[:limit]:
            if self._stop():
                raise OperationFailed("unavailable", f"reading {self._file} takes too long")
            # One that was removed meanwhile, or given a flag by another program, is left out of this page: the latter
            # would be a message that nobody ever sees, so it is looked for once more.
            found = self._found(uid, files[names[uid]]) or self._found_again(uid, names[uid])
            if found is not None:
                messages.append(found)
        return MailboxPage(
            uid_validity=uids.validity,
            uid_next=uids.next_uid,
            messages=messages,
            next_uid=wanted[limit - 1] if len(wanted) > limit else None,
            reset=reset,
        )

    def raw(self, uid: int, uid_validity: int, max_bytes: int) -> RawMail:
        """See `OpenMailbox`."""
        for _ in range(2):  # a flag may be given between the look and the opening
            try:
                raw, size = self._read(self._file_of(uid, uid_validity), max_bytes)
            except FileNotFoundError:
                continue
            return RawMail(raw, size, len(raw) < size)
        raise no_message(uid)

    def flag(self, uid: int, uid_validity: int, add: list[str], remove: list[str]) -> list[str]:
        """See `OpenMailbox`. The file gets another name, in ``cur``, where messages are that were looked at."""
        found = self._file_of(uid, uid_validity)
        if not self._writable:
            raise OperationFailed(
                "failed",
                "shared folders are never written to; the program that runs perdure can allow flags of Maildirs",
            )
        letters = (set(found.letters) | _letters(add)) - _letters(remove)
        if letters != set(found.letters):
            name = f"{found.unique}:2,{''.join(sorted(letters))}"
            try:
                # Never over another file: two of one unique name are two messages.
                os.link(self._folders[found.folder] / found.name, self._folders["cur"] / name, follow_symlinks=False)
                (self._folders[found.folder] / found.name).unlink()
            except OSError as error:
                raise OperationFailed("failed", f"the message cannot be renamed: {error.strerror}") from None
        return _flags("".join(letters))

    def rest(self, seconds: float) -> None:
        """See `OpenMailbox`: it is looked at again soon."""
        rest(seconds, self._stop)

    def _file_of(self, uid: int, uid_validity: int) -> MaildirFile:
        files, uids = self._scanned()
        if uid_validity != uids.validity:
            raise another_mailbox(uids.validity)
        unique = next((unique for unique, known in uids.uids.items() if known == uid), None)
        if unique is None or unique not in files:
            raise no_message(uid)
        return files[unique]

    def _scanned(self) -> tuple[dict[str, MaildirFile], UidList]:
        """The messages that are there now, and their numbers."""
        found: dict[str, MaildirFile] = {}
        for folder in ("new", "cur"):
            try:
                with os.scandir(self._folders[folder]) as entries:
                    for entry in entries:
                        if (file := _maildir_file(folder, entry)) is not None:
                            found[file.unique] = file
            except FileNotFoundError:
                raise OperationFailed("failed", f"{self._file} is no Maildir: it has no folder {folder}") from None
            except OSError as error:
                raise OperationFailed("failed", f"{self._file} cannot be read: {error.strerror}") from None
        try:
            return found, self._uids.numbered(self._folders["cur"], sorted(found, key=_age))
        except OSError as error:
            raise OperationFailed("unavailable", f"the host cannot keep its list of UIDs: {error.strerror}") from None

    def _found(self, uid: int, file: MaildirFile) -> FoundMessage | None:
        try:
            data, size = self._read(file, MAX_HEAD)
        except FileNotFoundError:
            return None
        return FoundMessage(uid, size, _flags(file.letters), head_of(data))

    def _found_again(self, uid: int, unique: str) -> FoundMessage | None:
        file = self._scanned()[0].get(unique)
        return self._found(uid, file) if file is not None else None

    def _read(self, file: MaildirFile, max_bytes: int) -> tuple[bytes, int]:
        try:
            descriptor = open_file(self._folders[file.folder] / file.name, self._file)
        except OperationFailed as error:
            raise FileNotFoundError if error.code == "not_found" else error from None
        with contextlib.closing(os.fdopen(descriptor, "rb")) as opened:
            try:
                return opened.read(max_bytes), os.fstat(descriptor).st_size
            except OSError as error:
                raise OperationFailed("failed", f"a message cannot be read: {error.strerror}") from None


def _maildir_file(folder: str, entry: os.DirEntry[str]) -> MaildirFile | None:
    name = entry.name
    try:
        name.encode()
    except UnicodeEncodeError:
        return None
    if name.startswith(".") or not entry.is_file(follow_symlinks=False):
        return None
    match = _INFO.search(name)
    return MaildirFile(folder, name, name[: match.start()] if match else name, match[1] if match else "")


def _age(unique: str) -> tuple[int, str]:
    """By the time of delivery, which a name begins with."""
    match = _TIME.match(unique)
    return int(match[0]) if match else 0, unique


def _flags(letters: str) -> list[str]:
    return sorted(_FLAGS[letter] for letter in letters if letter in _FLAGS)


def _letters(flags: list[str]) -> set[str]:
    try:
        return {_LETTERS[flag.lower()] for flag in flags}
    except KeyError as error:
        known = ", ".join(sorted(_FLAGS.values()))
        raise OperationFailed("failed", f"a Maildir has no flag {error.args[0]}, only {known}") from None
