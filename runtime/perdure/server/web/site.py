"""What the pages of the web process work with."""

from __future__ import annotations

from dataclasses import dataclass

from perdure.server.link.web_end import WebEnd
from perdure.server.settings import WebOrder
from perdure.store.lmdb_store import LmdbEventStore


@dataclass(frozen=True)
class Site:
    """The log, for reading; the link to the engine; and how the server was started."""

    store: LmdbEventStore
    link: WebEnd
    order: WebOrder
