"""``vdfs.get_usage``, ``set_quota`` and ``sweep``: a library as a whole."""

from __future__ import annotations

from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.vdfs.errors import answered
from perdure.runtime.vdfs.library_call import LibraryCall, VdfsHost
from perdure.runtime.vdfs.messages import GetUsage, SetQuota, Sweep, SweepAnswer, UsageAnswer
from perdure.runtime.vdfs.quota import Amount


class LibraryOperations:
    """Operations on a library as a whole."""

    def __init__(self, host: VdfsHost) -> None:
        self._host = host

    @query("vdfs.get_usage")
    def get_usage(self, context: CallContext, request: GetUsage) -> UsageAnswer:
        """What the library uses of its quota.

        Bytes are those of contents, sidecars, names and metadata, and 256 for each entry, sidecar and part of content.
        """
        return _usage(LibraryCall(self._host, context))

    @action("vdfs.set_quota", effect=Effect.TRANSACTIONAL, callers="host")
    def set_quota(self, context: CallContext, request: SetQuota) -> UsageAnswer:
        """Give the library a limit of its own, or the runtime's again.

        A limit below what is used loses nothing: nothing can be added until so much was deleted.
        """
        call = LibraryCall(self._host, context)
        default = self._host.limit
        own = request.bytes is not None or request.entries is not None
        limit = Amount(
            request.bytes if request.bytes is not None else default.bytes,
            request.entries if request.entries is not None else default.entries,
        )
        call.usage.override(limit if own else None)
        return _usage(call)

    @action("vdfs.sweep", effect=Effect.TRANSACTIONAL, timeout=120.0, callers="host")
    def sweep(self, context: CallContext, request: Sweep) -> SweepAnswer:
        """Remove some of what deleted entries and overwritten sidecars left on the disk."""
        call = LibraryCall(self._host, context)
        with answered():
            swept = call.garbage.sweep(request.limit)
        return SweepAnswer(rows=swept.rows, blobs=swept.blobs, bytes=swept.bytes, more=swept.left)


def _usage(call: LibraryCall) -> UsageAnswer:
    used = call.usage.total()
    limit, own = call.usage.limit()
    return UsageAnswer(
        bytes_used=used.bytes,
        bytes_limit=limit.bytes,
        entries_used=used.entries,
        entries_limit=limit.entries,
        own=own,
    )
