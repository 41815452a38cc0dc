"""All cases, in the order in which an event meets them."""

from __future__ import annotations

from bench.instructions import boundary, budgets, checkpoints, log, messages, metrics, replay, requests
from bench.instructions.case import Case


def all_cases() -> list[Case]:
    """Each with a key of its own."""
    subjects = (boundary, messages, log, checkpoints, replay, budgets, metrics, requests)
    return [case for subject in subjects for case in subject.cases()]
