"""``perdure extensions budgets``: how much an extension may use, and has used."""

from __future__ import annotations

import msgspec

from perdure.cli.extensions_commands import ExtensionId
from perdure.cli.invocation import Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import printable, size
from perdure.runtime import BudgetState, RuntimeSettings, stored_budgets
from perdure.runtime.errors import UnknownExtension


def budgets(invocation: Invocation, extension: ExtensionId) -> None:
    """Show an extension's budgets: what each allows, what is used of it, when there is room again.

    What a process that works on the folder has used since its last commit, some milliseconds ago, is not in it.
    """
    with invocation.read_if_any() as store:
        if store is None:
            raise UnknownExtension(extension, ())
        states = stored_budgets(store, extension, RuntimeSettings().budgets)
    if invocation.json:
        invocation.output.json([msgspec.to_builtins(state) for state in states])
        return
    table = plain_table("budget", "of", "limit", "used", "left", "room", "beyond it", right=("limit", "used", "left"))
    for state in states:
        if state.limit is None and state.job_type:
            continue  # the extension's is the one that counts
        table.add_row(
            state.budget,
            f"jobs {printable(state.job_type)}" if state.job_type else "all jobs",
            _amount(state, state.limit) or "none",
            _amount(state, state.used),
            _amount(state, state.remaining),
            _room(state),
            _beyond(state),
        )
    invocation.output.show(table)


def _amount(state: BudgetState, amount: int | None) -> str:
    if amount is None:
        return ""
    return size(amount) if "bytes" in state.budget else f"{amount:,}"


def _room(state: BudgetState) -> str:
    if state.limit is None or state.used is None:
        return ""
    if state.next_free_ms is None:
        return "now" if state.remaining else "when a job ends"
    return f"in {state.next_free_ms / 1000:,.1f} s" if state.next_free_ms else "now"


def _beyond(state: BudgetState) -> str:
    if state.limit is None:
        return ""
    return {"wait": "wait", "suspend": "suspend the job"}.get(state.at_edge, "refuse")
