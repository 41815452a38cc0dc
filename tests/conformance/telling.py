"""A job's events as lines that are the same in every language: what has to differ is left out, or has a common name.

Left out: ids of jobs, processes and effects, which are new each time; fuel, modules and exports, which are a module's
own; and the words of the host for a job that failed, because ABI 1 returns a number where ABI 2 returns an exception.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from perdure.runtime import JobHandle
from perdure.store.events import Event, Inline, JobFailed, tag_of

_LEFT_OUT: Final = {
    *("job_id", "pid", "effect_key", "fuel", "module", "export"),
    *("extension", "limits", "retry"),  # in the first event; the type of the job names the extension
    "writes",  # rows of the store, with times in them; the answer says what was written
}
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMES: Final = re.compile(r'"(created|updated)":\d{16}')


def lines(job: JobHandle, *, own_words: bool = False) -> list[str]:
    """All of a job's events, a line each. ``own_words``: what a guest logs as an error is its SDK's to word."""
    extension = job.state.extension
    found = [_line(entry.stored.event, own_words) for entry in job.history()]
    return [_TIMES.sub(r'"\1":TIME', _UUID.sub("ID", line.replace(extension, "EXTENSION"))) for line in found]


def _line(event: Event, own_words: bool) -> str:
    if isinstance(event, JobFailed):
        return f"failed kind={event.error.kind} blame={event.error.blame}"
    tag = tag_of(event)
    said = {name: getattr(event, name) for name in event.__struct_fields__ if name not in _LEFT_OUT}
    if own_words and tag == "log" and said["level"] == 3:
        said["message"] = "…"
    return " ".join([tag, *(f"{name}={_value(value)}" for name, value in said.items())])


def _value(value: Any) -> str:
    if isinstance(value, Inline):
        return value.data.decode()
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
