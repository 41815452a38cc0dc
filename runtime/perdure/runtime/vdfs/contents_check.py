"""Whether the contents of libraries are there and are what was written: for ``perdure log check``.

Their blobs are named by rows, not by events. The check of the log knows that the rows are right, this one what is in
them.
"""

from __future__ import annotations

from perdure.runtime.vdfs.records import BlobUse, decode_row
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import UNREADABLE
from perdure.store.integrity import Report
from perdure.store.rows import SEPARATOR, row_key


def check_contents(store: EventStore, report: Report) -> None:
    """Look at every blob of every library; another process may go on writing meanwhile."""
    prefix = after = row_key("vdfs", "b") + SEPARATOR
    while rows := store.rows(prefix, after=after):
        after = rows[-1].key
        for row in rows:
            try:
                blob = decode_row(row.value, BlobUse).blob
            except UNREADABLE as error:
                report.add(f"the row {row.key!r}", str(error))
                continue
            report.blobs += 1
            try:
                store.blobs.get(blob)
            except StoreError as error:
                # A writer may have given it up since: then the row says so.
                now = store.row(row.key)
                if now is not None and now.version == row.version:
                    report.add(f"blob {blob}, of a library", error)
