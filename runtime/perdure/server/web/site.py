"""What the pages of the web process work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from perdure.server.link.web_end import WebEnd
from perdure.server.settings import WebOrder
from perdure.server.web.traces.cache import Traces
from perdure.store.lmdb_store import LmdbEventStore


@dataclass(frozen=True)
class Site:
    """The log, for reading; the link to the engine; how the server was started; and what is drawn of jobs."""

    store: LmdbEventStore
    link: WebEnd
    order: WebOrder
    traces: Traces = field(default_factory=Traces)
