"""What happened in a stretch of the log, as what each channel is sent of it. Each event is encoded once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from perdure.server.web.live.channel import Channel, Piece, cut
from perdure.server.web.live.messages import end_message, event_message, job_bytes, jobs_message, reset_message
from perdure.server.web.live.owners import Owners
from perdure.server.web.live.selection import JOB_STREAMS, JobSelection, ListSelection, LogSelection
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import GuestEvent
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

MOST_JOBS: Final = 300  # in one message; if more have changed, the list is better read again
TICK_BYTES: Final = 8 << 20  # of events that somebody watches; a tick ends with the one that goes beyond
_SHARE: Final = 20  # counting all jobs may take one part in so many of the time


@dataclass
class Channels:
    """Those that somebody watches."""

    logs: dict[LogSelection, Channel] = field(default_factory=dict)
    jobs: dict[str, dict[JobSelection, Channel]] = field(default_factory=dict)  # by stream
    lists: dict[ListSelection, Channel] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.logs or self.jobs or self.lists)

    def copy(self) -> Channels:
        """As they are now; what is published to one that nobody watches any more is lost on nobody."""
        jobs = {stream: dict(channels) for stream, channels in self.jobs.items()}
        return Channels(dict(self.logs), jobs, dict(self.lists))


@dataclass(frozen=True)
class Publication:
    """What a channel is sent. ``head``: where it begins, if that is not known yet."""

    channel: Channel
    pieces: list[Piece]
    head: int
    ended: bytes | None = None


class Ticks:
    """Makes publications of the log. Used by one thread."""

    def __init__(self, store: EventStore, owners: Owners) -> None:
        self._store = store
        self._owners = owners
        # Streams of jobs since the lists were last told; whether more than counters.
        self._changed: dict[str, bool] = {}
        self._counts: dict[Status, int] | None = None
        self._recount = False
        self._counted_at = 0.0
        self._counting = 0.0  # seconds that it took

    def of_events(self, channels: Channels, seen: int, latest: int) -> tuple[list[Publication], int]:
        """What happened behind position ``seen`` up to ``latest``, or as much of it as is told at once; and how far."""
        encoded: dict[tuple[int, bool], bytes] = {}
        of_logs: dict[LogSelection, list[tuple[int, bytes]]] = {selection: [] for selection in channels.logs}
        of_jobs: dict[str, list[StoredEvent]] = {}
        size = 0
        for stored in self._store.read_all(after=seen, until=latest):
            stream = stored.stream
            wanted = stream in channels.jobs
            if wanted:
                of_jobs.setdefault(stream, []).append(stored)
            if channels.lists and stream.startswith(JOB_STREAMS):
                self._changed[stream] = self._changed.get(stream, False) or not isinstance(stored.event, GuestEvent)
            for selection, messages in of_logs.items():
                if selection.wants(stored, self._owners.of):
                    key = (stored.position, selection.bodies)
                    if key not in encoded:
                        encoded[key] = event_message(stored.position, stored, bodies=selection.bodies)
                    messages.append((stored.position, encoded[key]))
                    wanted = True
            size += len(stored.body) if wanted else 0
            if size > TICK_BYTES:
                latest = stored.position
                break
        found = [
            Publication(channel, cut(channel.head if channel.head is not None else seen, messages), seen)
            for selection, channel in channels.logs.items()
            if (messages := of_logs[selection])
        ]
        for stream, events in of_jobs.items():
            found += self._of_job(channels.jobs[stream], events)
        return found, latest

    def _of_job(self, channels: Mapping[JobSelection, Channel], events: list[StoredEvent]) -> Iterable[Publication]:
        before = events[0].sequence - 1
        encoded: dict[tuple[int, bool], bytes] = {}
        ended: bytes | None = None
        if not all(isinstance(stored.event, GuestEvent) for stored in events):
            state = self._store.state(events[0].stream)
            if isinstance(state, JobState) and state.finished and state.sequence <= events[-1].sequence:
                ended = end_message(state)
        for selection, channel in channels.items():
            messages: list[tuple[int, bytes]] = []
            for stored in events:
                if not selection.wants(stored):
                    continue
                key = (stored.sequence, selection.bodies)
                if key not in encoded:
                    encoded[key] = event_message(stored.sequence, stored, bodies=selection.bodies)
                messages.append((stored.sequence, encoded[key]))
            head = channel.head if channel.head is not None else before
            if messages or ended is not None or channel.head is None or channel.ended is not None:
                yield Publication(channel, cut(head, messages), head, ended)

    def of_lists(self, channels: Mapping[ListSelection, Channel], latest: int) -> list[Publication]:
        """What became of jobs since this was last asked for."""
        changed, self._changed = self._changed, {}
        self._recount = self._recount or any(changed.values())
        if not channels or not (changed or self._recount):
            return []
        counts = self._new_counts() if self._recount else None
        states = [state for stream in changed if isinstance(state := self._store.state(stream), JobState)]
        encoded: dict[UUID, bytes] = {}
        found: list[Publication] = []
        for selection, channel in channels.items():
            before = channel.head if channel.head is not None else latest
            listed = [state for state in states if selection.lists(state)]
            shown = [state for state in listed if selection.shows(state.status)]
            left = [
                state.job_id
                for state in listed
                if not selection.shows(state.status) and changed[f"{JOB_STREAMS}{state.job_id}"]
            ]
            own_counts = counts if not selection.sight.is_limited else None
            if not shown and not left and own_counts is None:
                continue
            if len(shown) + len(left) > MOST_JOBS:
                message = reset_message(latest)
            else:
                for state in shown:
                    if state.job_id not in encoded:
                        encoded[state.job_id] = job_bytes(state)
                message = jobs_message(latest, (encoded[state.job_id] for state in shown), left, own_counts)
            found.append(Publication(channel, [Piece(before, latest, message)], before))
        return found

    def _new_counts(self) -> dict[Status, int] | None:
        """The counts, if they have changed and it is not too soon to count again."""
        if time.monotonic() - self._counted_at < self._counting * _SHARE:
            return None
        began, self._recount = time.monotonic(), False
        counts = self._store.count_jobs()
        self._counting, self._counted_at = time.monotonic() - began, began
        if counts == self._counts:
            return None
        self._counts = counts
        return counts
