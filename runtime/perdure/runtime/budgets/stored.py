"""An extension's budgets as the log has them: for people, also while another process works on the folder."""

from __future__ import annotations

from typing import Final

from perdure.actors.clock import Clock, SystemClock
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.budgets.budgets import Budgets
from perdure.runtime.errors import UnknownExtension
from perdure.runtime.extension_info import grant_of, installed_extensions
from perdure.runtime.grants import effective
from perdure.runtime.manifest import parse_manifest
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.events import extension_stream
from perdure.store.extension_state import ExtensionState
from perdure.store.lifecycle import Status

_MOST: Final = 100_000


def stored_budgets(
    store: EventStore, extension: str, default: Budgets, clock: Clock | None = None
) -> list[BudgetState]:
    """What an extension may use and has used, as of the last commit; what counts for a second only is not stored.

    Args:
        default: the budgets of the runtime that works on the folder, for what neither manifest nor grant says.

    Raises:
        UnknownExtension: it is not installed.
    """
    state = store.state(extension_stream(extension))
    if not isinstance(state, ExtensionState) or not state.installed:
        raise UnknownExtension(extension, tuple(known.extension for known in installed_extensions(store)))
    book = BudgetBook(clock or SystemClock(), store)
    book.grant(extension, effective(parse_manifest(state.manifest).permissions, grant_of(state), default).budgets)

    def running(job_type: str) -> int:
        name = f"{extension}:{job_type}" if job_type else None
        query = JobQuery(statuses=frozenset({Status.RUNNING}), extension=extension, job_type=name, limit=_MOST)
        return len(store.jobs(query).jobs)

    return book.states(extension, running)
