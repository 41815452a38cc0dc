"""What the pages of the web process work with."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from perdure.metrics.web import WebMetrics
from perdure.server.access.wrong_tokens import WrongTokens
from perdure.server.link.web_end import WebEnd
from perdure.server.settings import WebOrder
from perdure.server.web.body_room import BodyRoom
from perdure.server.web.live.hub import Hub
from perdure.server.web.traces.cache import Traces
from perdure.store.lmdb_store import LmdbEventStore


@dataclass(frozen=True)
class Site:
    """The log, for reading; the link to the engine; how the server was started; and what is drawn of jobs.

    ``metrics`` counts what the web process does; ``stopping`` is set once it is told to stop. ``wrong_tokens`` and
    ``bodies`` count what strangers do, for all entrances.
    """

    store: LmdbEventStore
    link: WebEnd
    order: WebOrder
    traces: Traces = field(default_factory=Traces)
    wrong_tokens: WrongTokens = field(default_factory=WrongTokens)
    bodies: BodyRoom = field(init=False)
    metrics: WebMetrics = field(init=False)
    live: Hub = field(init=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        object.__setattr__(self, "live", Hub(self.store))
        object.__setattr__(self, "bodies", BodyRoom(self.order.settings.max_bodies))
        counted = WebMetrics(Path(self.order.data), self.order.restarts, os.getppid())
        object.__setattr__(self, "metrics", counted)
