"""From stored frames to events and states: what both stores do alike when they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from perdure.store import job_state
from perdure.store.errors import CorruptLog, StoreError
from perdure.store.event_store import JobQuery, RawFrame, StoredEvent
from perdure.store.events import JobEvent, decode
from perdure.store.frame import link, read_events, read_frame
from perdure.store.job_state import JobState
from perdure.store.projection import State, project
from perdure.store.upcast import upcast


def expand(frame: RawFrame, name: str | Mapping[int, str]) -> Iterator[StoredEvent]:
    """The frame's events with their hashes; ``name`` is the stream's name or a table from its number.

    Raises:
        CorruptLog: the frame cannot be read, or belongs to no known stream.
    """
    content = read_frame(frame.data, frame.position)
    stream = name if isinstance(name, str) else name.get(content.stream, "")
    if not stream:
        raise CorruptLog(f"position {frame.position}", f"no stream has the number {content.stream}")
    previous = content.previous
    for offset, (time, raw) in enumerate(zip(content.times(), content.bodies, strict=True)):
        body = bytes(raw)
        sequence = content.first + offset
        tip = link(previous, sequence, time, body)
        try:
            event = upcast(decode(body, stream))
        except StoreError as error:
            raise CorruptLog(f"position {frame.position + offset}", str(error)) from None
        yield StoredEvent(
            position=frame.position + offset,
            stream=stream,
            sequence=sequence,
            time=time,
            event=event,  # type: ignore[arg-type]  # upcast returns a member of AnyEvent
            body=body,
            previous=previous,
            hash=tip,
        )
        previous = tip


def rebuild_from(stream: str, frames: Iterable[RawFrame], until: int | None) -> State | None:
    """A stream's state, folded from its frames up to sequence ``until``.

    Raises:
        CorruptLog: a frame cannot be read, or its events do not follow from one another.
    """
    state: State | None = None
    owned: JobState | None = None
    is_job = stream.startswith("job:")
    for frame in frames:
        content = read_events(frame.data, frame.position)
        if until is not None and content.first > until:
            break
        sequence, start = content.first, content.time
        try:
            if is_job:
                # The fold owns this state: no copy an event.
                for event, delta in zip(content.events, content.deltas, strict=True):
                    if until is not None and sequence > until:
                        break
                    if not isinstance(event, JobEvent):
                        raise CorruptLog(f"{stream}, sequence {sequence}", "not a job's event")
                    owned = job_state.apply(owned, event, sequence, start + delta)
                    sequence += 1
            else:
                triples = [
                    (event, number, start + delta)
                    for number, (event, delta) in enumerate(zip(content.events, content.deltas, strict=True), sequence)
                    if until is None or number <= until
                ]
                state = project(stream, state, triples)
        except CorruptLog:
            raise
        except StoreError as error:
            raise CorruptLog(f"{stream}, sequence {sequence}", str(error)) from None
    return owned if is_job else state


def matches(query: JobQuery, state: JobState) -> bool:
    """Whether a job belongs to what ``query`` asks for."""
    return (
        (not query.statuses or state.status in query.statuses)
        and (query.extension is None or state.extension == query.extension)
        and (query.job_type is None or query.job_type in (state.job_type, state.job_type.partition(":")[2]))
        and (query.before is None or state.job_id < query.before)
    )
