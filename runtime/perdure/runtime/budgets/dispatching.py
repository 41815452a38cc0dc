"""Whether one more job may be dispatched, where an extension's jobs at once are not to queue."""

from __future__ import annotations

from perdure.runtime.budgets.budgets import AtEdge, Budgets
from perdure.runtime.errors import BudgetExceeded
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.lifecycle import UNFINISHED


def refuses_dispatches(budgets: Budgets, job_type: str) -> bool:
    """Whether jobs beyond the budget are refused instead of queued; ``job_type`` is a name within the extension."""
    own = budgets.job_types.get(job_type)
    return any(
        one is not None and one.concurrent_jobs.at_edge is AtEdge.REFUSE and one.concurrent_jobs.limit is not None
        for one in (budgets, own)
    )


def check_dispatch(store: EventStore, extension: str, job_type: str, budgets: Budgets) -> None:
    """Check that there is room for one more unfinished job, of all and of this type. Whoever asks dispatches alone.

    Raises:
        BudgetExceeded: there is none, and the embedder chose to refuse.
    """
    own = budgets.job_types.get(job_type)
    for one, full_name in ((budgets, None), (own, f"{extension}:{job_type}")):
        if one is None or one.concurrent_jobs.at_edge is not AtEdge.REFUSE or one.concurrent_jobs.limit is None:
            continue
        limit = one.concurrent_jobs.limit
        query = JobQuery(statuses=UNFINISHED, extension=extension, job_type=full_name, limit=limit)
        if len(store.jobs(query).jobs) >= limit:
            raise BudgetExceeded(extension, "concurrent_jobs", limit)
