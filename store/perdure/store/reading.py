"""From stored frames to events and states: what both stores do alike when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from perdure.store import job_evolution
from perdure.store.errors import CorruptLog, JobIsFolded, StoreError
from perdure.store.event_store import Head, JobQuery, RawFrame, StoredEvent
from perdure.store.events import JobEvent, JobFolded, decode
from perdure.store.frame import genesis, link, read_events, read_frame
from perdure.store.job_state import JobState, from_summary
from perdure.store.lifecycle import Status
from perdure.store.projection import State, project
from perdure.store.upcast import UPCASTS, upcast


def expand(frame: RawFrame, name_of: Callable[[int], str | None]) -> list[StoredEvent]:
    """The frame's events with their hashes; ``name_of`` gives a stream's name for its number.

    Raises:
        CorruptLog: the frame cannot be read, or belongs to no known stream.
    """
    content = read_frame(frame.data, frame.position)
    stream = name_of(content.stream)
    if stream is None:
        raise CorruptLog(f"position {frame.position}", f"no stream has the number {content.stream}")
    previous, position, sequence, start = content.previous, frame.position, content.first, content.time
    events: list[StoredEvent] = []
    try:
        for delta, raw in zip(content.deltas, content.bodies, strict=True):
            body, time = bytes(raw), start + delta
            event = decode(body, stream)
            if UPCASTS:
                event = upcast(event)  # type: ignore[assignment]  # the table's values are members of AnyEvent
            tip = link(previous, sequence, time, body)
            events.append(
                StoredEvent(
                    position=position,
                    stream=stream,
                    sequence=sequence,
                    time=time,
                    event=event,
                    body=body,
                    previous=previous,
                    hash=tip,
                )
            )
            previous, position, sequence = tip, position + 1, sequence + 1
    except StoreError as error:
        raise CorruptLog(f"position {position}", str(error)) from None
    return events


def events_gone(state: State | None) -> int:
    """Up to which sequence a stream's events were removed, as its projection has it; 0 for none."""
    return state.sequence - 1 if isinstance(state, JobState) and state.folded_at is not None else 0


def folded(state: State | None) -> JobIsFolded:
    """The error of whoever wants an event of this folded job.

    Raises:
        ValueError: the job is not folded.
    """
    if not isinstance(state, JobState) or state.folded_at is None:
        raise ValueError("the job is not folded")
    return JobIsFolded(str(state.job_id), state.folded_at, events_gone(state))


def fold_of(stream: str, frame: RawFrame) -> JobIsFolded | None:
    """What says so if ``frame`` is the last of a folded job: no frame before it counts any more.

    Raises:
        CorruptLog: the frame cannot be read.
    """
    content = read_events(frame.data, frame.position)
    if len(content.events) != 1 or not isinstance(content.events[0], JobFolded):
        return None
    return JobIsFolded(stream.removeprefix("job:"), content.time, content.events[0].through)


def read_stream(
    frames: Iterable[RawFrame], stream: str, head: Head, *, after: int, last: int, backward: bool
) -> Iterator[StoredEvent]:
    """The events with ``after < sequence <= last``, from the frames that hold them, in the order of reading.

    Each frame has to be linked to its neighbour, the first one to the stream's name and the last one to ``head``: what
    the hashes say is looked at anyway.

    Raises:
        CorruptLog: a frame cannot be read, is missing or another stream's, or its events were altered. That shows at
            the frame itself or at the one that is read after it.
    """
    if after >= last:
        return
    name_of = {head.number: stream}.get
    link_to: tuple[int, bytes] | None = None  # the sequence after the neighbour and the hash before that sequence
    if backward and last == head.sequence:
        link_to = (head.sequence + 1, head.hash)
    elif not backward and after == 0:
        link_to = (1, genesis(stream))
    wanted = last if backward else after + 1
    for frame in frames:
        events = expand(frame, name_of)
        first, final = events[0], events[-1]
        before = (first.sequence, first.previous)
        behind = (final.sequence + 1, final.hash)
        if link_to is None and not first.sequence <= wanted <= final.sequence:
            raise CorruptLog(f"{stream}, sequence {wanted}", f"position {frame.position} holds other events")
        if link_to is not None and link_to != (behind if backward else before):
            raise CorruptLog(f"{stream}, sequence {wanted}", "events there or beside it were altered or are missing")
        if not backward and final.sequence == head.sequence and final.hash != head.hash:
            raise CorruptLog(f"{stream}, sequence {wanted}", "events from there to the stream's end were altered")
        link_to = before if backward else behind
        wanted = before[0] - 1 if backward else behind[0]
        if first.sequence <= after or final.sequence > last:
            events = [event for event in events if after < event.sequence <= last]
        yield from reversed(events) if backward else events
    if wanted > after if backward else wanted <= last:
        raise CorruptLog(f"{stream}, sequence {wanted}", "the index does not know where it is")


def rebuild_from(stream: str, frames: Iterable[RawFrame], until: int | None) -> State | None:
    """A stream's state, folded from its frames up to sequence ``until``.

    Raises:
        CorruptLog: a frame cannot be read, or its events do not follow from one another.
    """
    state: State | None = None
    owned: JobState | None = None
    is_job = stream.startswith("job:")
    expected = 1
    for frame in frames:
        content = read_events(frame.data, frame.position)
        if expected == 1 and isinstance(content.events[0], JobFolded):
            owned = from_summary(content.events[0].summary, stream.removeprefix("job:"))
            expected = owned.sequence + 1
        if content.first != expected:
            raise CorruptLog(f"{stream}, sequence {expected}", f"position {frame.position} holds other events")
        expected += len(content.events)
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
                    owned = job_evolution.apply(owned, event, sequence, start + delta)
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
        and (query.parent is None or state.parent == query.parent)
        and (query.forked_from is None or state.forked_from == query.forked_from)
        and (query.library_id is None or state.library_id == query.library_id)
        and (query.extensions is None or state.extension in query.extensions)
        and (query.libraries is None or state.library_id in query.libraries)
        and (not query.text or _has_text(state, query.text.casefold()))
        and (query.before is None or state.job_id < query.before)
    )


def _has_text(state: JobState, text: str) -> bool:
    texts = (str(state.job_id), state.job_type, state.message, state.idempotency_key or "")
    return any(text in each.casefold() for each in texts)


def needs_states(query: JobQuery) -> bool:
    """Whether more has to be known of a job than its id and its status to say whether it matches."""
    return query != JobQuery(statuses=query.statuses, before=query.before, offset=query.offset, limit=query.limit)


def count_by_status(states: Iterable[JobState]) -> dict[Status, int]:
    """How many jobs there are of each status; statuses without jobs are 0."""
    counts = dict.fromkeys(sorted(Status), 0)
    for state in states:
        counts[state.status] += 1
    return counts
