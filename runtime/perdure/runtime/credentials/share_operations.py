"""``credentials.share``, ``unshare``, ``shares``, and for the host ``credentials.end_shares``.

A share is the owner's word, or the host's: another extension may read one credential, in one library, until it is taken
back, its time has come, the credential is deleted or one of the two is uninstalled. It may neither change it nor pass
it on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.calls import NO_SUCH, own_place, stored_row
from perdure.runtime.credentials.credential import Name, Seconds
from perdure.runtime.credentials.records import CredentialPlace
from perdure.runtime.credentials.shares import (
    Share,
    ShareRow,
    end_share,
    given_page,
    read_share,
    readers_of,
    received_page,
    some_shares_with,
    write_share,
)
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query

MAX_READERS: Final = 100  # of one credential
END_SHARES: Final = "action:credentials.end_shares"

ExtensionName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ShareCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one, and who may read it. ``until`` is in seconds since 1970; without it there is no end.

    ``extension`` says whose it is, when the host calls.
    """

    name: Name
    reader: ExtensionName = msgspec.field(name="with")
    until: Seconds | None = None
    extension: str | None = None


class CredentialShared(msgspec.Struct, frozen=True):
    """``changed``: it was not shared so before."""

    changed: bool


class UnshareCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one, and who may no longer read it. ``extension`` says whose it is, when the host calls."""

    name: Name
    reader: ExtensionName = msgspec.field(name="with")
    extension: str | None = None


class CredentialUnshared(msgspec.Struct, frozen=True):
    """``removed``: it was shared so."""

    removed: bool


class ListShares(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page: ``after`` is the ``next`` of the one before. ``extension`` says of whom, when the host calls.

    ``direction``: what the extension gave to others, or what it received from them.
    """

    direction: Literal["given", "received"] = "given"
    after: Annotated[str, msgspec.Meta(max_length=1000, pattern="^([0-9a-f]{2})*$(?!\n)")] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    extension: str | None = None


class ListedShare(msgspec.Struct, frozen=True):
    """A credential of ``owner`` that the extension ``with`` may read. Times are in seconds since 1970."""

    name: str
    owner: str
    reader: str = msgspec.field(name="with")
    shared_at: int
    until: int | None


class SharesListed(msgspec.Struct, frozen=True):
    """A page; those whose time has come are not in it. ``next`` is None if this is the last."""

    shares: list[ListedShare]
    next: str | None


class EndShares(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose."""

    extension: ExtensionName


class SharesEnded(msgspec.Struct, frozen=True):
    """``left``: there are more, for another call."""

    removed: int
    left: bool


class ShareOperations:
    """The handlers.

    Args:
        clock: the time.
        installed: whether an extension is.
    """

    def __init__(self, clock: Clock, installed: Callable[[str], bool]) -> None:
        self._clock = clock
        self._installed = installed

    @action("credentials.share", effect=Effect.TRANSACTIONAL)
    def share(self, context: CallContext, request: ShareCredential) -> CredentialShared:
        """Let another extension read a credential in this library: with `credentials.get` and `owner`."""
        place = own_place(context, request.name, request.extension)
        share = _share(place, request.reader)
        now = self._clock.now() // 1_000_000
        if request.reader == place.extension:
            raise OperationFailed("invalid_payload", "with: it belongs to this extension")
        if request.until is not None and request.until <= now:
            raise OperationFailed("invalid_payload", "until: that is over")
        if stored_row(context, place) is None:
            raise OperationFailed("not_found", NO_SUCH)
        if not self._installed(request.reader):
            raise OperationFailed("not_found", "with: no such extension is installed")
        before = read_share(context.data, share)
        if before is None and len(readers_of(context.data, place)) >= MAX_READERS:
            raise OperationFailed("failed", f"a credential may be shared with {MAX_READERS} extensions")
        if before is not None and before.until == request.until:
            return CredentialShared(False)
        write_share(context.data, share, ShareRow(now, request.until))
        return CredentialShared(True)

    @action("credentials.unshare", effect=Effect.TRANSACTIONAL)
    def unshare(self, context: CallContext, request: UnshareCredential) -> CredentialUnshared:
        """Take a share back: the other extension can read the credential no more. What it read, it has."""
        share = _share(own_place(context, request.name, request.extension), request.reader)
        before = read_share(context.data, share)
        if before is not None:
            end_share(context.data, share)
        return CredentialUnshared(before is not None and before.holds(self._clock.now() / 1_000_000))

    @query("credentials.shares")
    def shares(self, context: CallContext, request: ListShares) -> SharesListed:
        """List what the extension shares with others in this library, or what they share with it."""
        extension, library_id = _whose(context, request.extension)
        page = given_page if request.direction == "given" else received_page
        try:
            found, after = page(context.data, extension, library_id, bytes.fromhex(request.after), request.limit)
        except ValueError:
            raise OperationFailed("invalid_payload", "extension: it is too long, or has a NUL in it") from None
        now = self._clock.now() / 1_000_000
        listed = [
            ListedShare(share.place.name, share.place.extension, share.reader, row.shared_at, row.until)
            for share, row in found
            if row.holds(now)
        ]
        return SharesListed(listed, None if after is None else after.hex())

    @action("credentials.end_shares", effect=Effect.TRANSACTIONAL, scope="core", callers="host")
    def end_shares(self, context: CallContext, request: EndShares) -> SharesEnded:
        """End what an extension shares with others, and they with it, in all libraries, when it is uninstalled."""
        try:
            found = some_shares_with(context.data, request.extension)
        except ValueError:
            return SharesEnded(0, False)  # no row has such a name
        for share in found:
            end_share(context.data, share)
        return SharesEnded(len(found), bool(found))


def readable_place(
    context: CallContext, name: str, extension: str | None, owner: str | None, now: float
) -> CredentialPlace:
    """The place of a credential that the caller may read: its own, or one that ``owner`` shares with it.

    Raises:
        OperationFailed: it may not; nothing is said of whether there is such a credential.
    """
    if owner is None or owner == context.extension or context.extension is None:
        return own_place(context, name, extension or (owner if context.extension is None else None))
    place = CredentialPlace(owner, _library(context), name)
    try:
        row = read_share(context.data, Share(place, context.extension))
    except ValueError:
        row = None
    if row is None or not row.holds(now):
        raise OperationFailed("permission_denied", "the owner does not share a credential of this name with this one")
    return place


def _share(place: CredentialPlace, reader: str) -> Share:
    share = Share(place, reader)
    try:
        _ = share.row, share.reader_row
    except ValueError:
        raise OperationFailed("invalid_payload", "the names are too long, or have a NUL in them") from None
    return share


def _whose(context: CallContext, extension: str | None) -> tuple[str, UUID]:
    if context.extension is not None and extension not in (None, context.extension):
        raise OperationFailed("permission_denied", "shares of other extensions are not for this one")
    whose = context.extension or extension
    if not whose:
        raise OperationFailed("invalid_payload", "shares are an extension's: say which")
    return whose, _library(context)


def _library(context: CallContext) -> UUID:
    if context.library_id is None:
        raise AssertionError("unreachable: the operation's scope is a library")
    return context.library_id


def share_operations(clock: Clock, installed: Callable[[str], bool]) -> Sequence[Callable[..., Any]]:
    """The handlers to register; see `ShareOperations`."""
    operations = ShareOperations(clock, installed)
    return operations.share, operations.unshare, operations.shares, operations.end_shares
