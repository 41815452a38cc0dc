"""``credentials.audit``: who read what when, for the extension whose credentials they are, and for the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.audit import AuditRecord, audit_windows
from perdure.runtime.credentials.credential import Name
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query
from perdure.store.event_store import EventStore


class AuditCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the audit: calls about one credential, not older than ``since``, behind a position of the log.

    ``since`` is in microseconds since 1970. ``extension`` says whose credentials, when the host calls; None: all.
    """

    name: Name | None = None
    since: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    after_position: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    extension: str | None = None


class CredentialsAudited(msgspec.Struct, frozen=True):
    """Calls, oldest first. ``next`` is what to give as ``after_position``; None if the log has ended.

    A page may have fewer than there is room for, even none, and not be the last.
    """

    records: list[AuditRecord]
    next: int | None


class AuditOperations:
    """The handler. ``store`` is the log."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    @query("credentials.audit")
    def audit(self, context: CallContext, request: AuditCredentials) -> CredentialsAudited:
        """Who did what with the extension's credentials in this library, and when, refused attempts too.

        It is read from the log. What a job called since its last checkpoint may not be there yet. The host sees all
        libraries.
        """
        if context.extension is not None and request.extension not in (None, context.extension):
            raise OperationFailed("permission_denied", "credentials of other extensions are not for this one")
        owner = context.extension or request.extension
        library_id = context.library_id if context.extension is not None else None
        found: list[AuditRecord] = []
        enough = context.remaining() / 2
        for window in audit_windows(self._store, after=request.after_position, since=request.since):
            found += (
                record
                for record in window.records
                if record.concerns(owner, request.name) and library_id in (None, record.library_id)
            )
            if len(found) >= request.limit:
                found = found[: request.limit]
                return CredentialsAudited(found, found[-1].position)
            if context.cancelled.cancelled or context.remaining() < enough:
                return CredentialsAudited(found, window.through)
        return CredentialsAudited(found, None)


def audit_operations(store: EventStore) -> Sequence[Callable[..., Any]]:
    """The handlers to register; see `AuditOperations`."""
    return (AuditOperations(store).audit,)
