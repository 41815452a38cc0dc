"""What happened to jobs, from the log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from perdure.api import job_history
from perdure.api.events import history_event_of
from perdure.api.job_history import (
    ClientRequest,
    Details,
    DoubtShape,
    History,
    HistoryPage,
    Relative,
    RequestPage,
    StateAt,
)
from perdure.api.jobs import Job, OneJob, job_of
from perdure.api.times import moment_of
from perdure.runtime.doubts import Doubt, doubt_of
from perdure.runtime.history import state_at
from perdure.runtime.job_past import checkpoint_of, dispatch_of, json_or_text, shown_state, suspension_reason
from perdure.server.access.caller import Caller
from perdure.server.web.reading.readers import Readers
from perdure.server.web.site import Site
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    Event,
    GuestEvent,
    LogWritten,
    RequestAccepted,
    RequestAnswered,
    access_stream,
    job_stream,
    tag_of,
)
from perdure.store.family import children_of

_REQUESTS: Final = 2_000  # events of clients that are looked through: two for each request


def add_readers(readers: Readers) -> None:
    """The family's."""
    readers.add(job_history.HISTORY, read_history)
    readers.add(job_history.STATE_AT, read_state_at)
    readers.add(job_history.DETAILS, read_details)
    readers.add(job_history.REQUESTS, read_requests)


def read_history(site: Site, caller: Caller, request: History) -> HistoryPage:
    """See `Runtime.history`."""
    state = site.store.job(request.job_id)
    types = frozenset(request.type)
    found = (each for each in _events(site, request) if _is_asked_for(each.event, types, request.level))
    page = list(itertools.islice(found, request.limit + 1))
    events = [
        history_event_of(
            each,
            superseded=isinstance(each.event, GuestEvent) and state.is_superseded(each.sequence),
            bodies=request.bodies,
        )
        for each in page[: request.limit]
    ]
    return HistoryPage(events=events, next=events[-1].sequence if len(page) > request.limit else None)


def _is_asked_for(event: Event, types: frozenset[str], level: int) -> bool:
    if types and tag_of(event) not in types:
        return False
    return not level or not isinstance(event, LogWritten) or event.level >= level


def _events(site: Site, request: History) -> Iterator[StoredEvent]:
    until = request.before - 1 if request.before is not None else None
    if until is not None and until <= request.after:
        return iter(())
    stream = job_stream(request.job_id)
    return site.store.read(stream, after=request.after, until=until, backward=request.order == "newest")


def read_state_at(site: Site, caller: Caller, request: StateAt) -> Job:
    """See `Runtime.state_at`."""
    return job_of(state_at(site.store, request.job_id, request.sequence))


def read_details(site: Site, caller: Caller, request: OneJob) -> Details:
    """All about one job."""
    store = site.store
    state = store.job(request.job_id)
    dispatched, checkpoint = dispatch_of(store, state), checkpoint_of(store, state)
    doubt = doubt_of(store, state) if state.folded_at is None else None
    children = map(store.job, children_of(store, state.job_id))
    return Details(
        job=job_of(state),
        state=shown_state(store, dispatched.state) if dispatched is not None else None,
        checkpoint_state=shown_state(store, checkpoint.state) if checkpoint is not None else None,
        limits=dispatched.limits if dispatched is not None else None,
        retry=dispatched.retry if dispatched is not None else None,
        doubt=_doubt(doubt) if doubt is not None else None,
        children=[Relative(job_id=each.job_id, job_type=each.job_type, status=each.status) for each in children],
        suspended_because=suspension_reason(store, state),
    )


def read_requests(site: Site, caller: Caller, request: OneJob) -> RequestPage:
    """What clients did about one job."""
    site.store.job(request.job_id)
    stream = access_stream(job_stream(request.job_id))
    newest = list(itertools.islice(site.store.read(stream, backward=True), _REQUESTS))
    answers = {each.event.request: each.event for each in newest if isinstance(each.event, RequestAnswered)}
    asked = [(each, each.event) for each in reversed(newest) if isinstance(each.event, RequestAccepted)]
    return RequestPage(requests=[_request(each, event, answers.get(event.request)) for each, event in asked])


def _request(stored: StoredEvent, accepted: RequestAccepted, answered: RequestAnswered | None) -> ClientRequest:
    return ClientRequest(
        request=accepted.request,
        time=moment_of(stored.time),
        client=accepted.client,
        name=accepted.name,
        action=accepted.action,
        status=answered.status if answered is not None else None,
        problem=answered.problem or None if answered is not None else None,
    )


def _doubt(doubt: Doubt) -> DoubtShape:
    return DoubtShape(
        method=doubt.method,
        library_id=doubt.library_id,
        effect=doubt.effect,
        effect_key=doubt.effect_key,
        payload=json_or_text(doubt.payload),
        sealed=doubt.sealed,
        call=doubt.call,
        sequence=doubt.sequence,
        time=moment_of(doubt.time),
    )
