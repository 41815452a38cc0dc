"""perdure.tracing: what jobs do, as OpenTelemetry traces. Extra ``otel``.

A job's trace has the job's id; a span's id follows from what the log says (`perdure.tracing.ids`).
"""

from perdure.tracing.exporting import exporting_provider
from perdure.tracing.hooks import TraceHooks
from perdure.tracing.ids import attempt_span, commit_span, job_span, operation_span, trace_of_commit, trace_of_job

__all__ = [
    "TraceHooks",
    "attempt_span",
    "commit_span",
    "exporting_provider",
    "job_span",
    "operation_span",
    "trace_of_commit",
    "trace_of_job",
]
