"""What is said of a job in a line."""

from __future__ import annotations

from perdure.store.job_state import JobState


def attention(state: JobState) -> str:
    """What a job in status ``attention`` needs."""
    return (
        f"job {state.job_id} needs attention: nobody knows whether its action was done; 'perdure jobs show "
        f"{state.job_id}' says which, 'perdure jobs resolve {state.job_id}' what became of it"
    )
