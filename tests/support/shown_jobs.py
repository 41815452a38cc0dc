"""Data folders for people to look at: jobs in every state, names that mean harm, very many jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.acme import acme_module
from tests.support.extension_folders import write_extension
from tests.support.job_events import checkpoint, dispatched, failure, job_id, progress, started, warning

from perdure.runtime import Runtime, grant_as_asked
from perdure.store import AppendRequest, LmdbEventStore
from perdure.store import events as ev

COUNTER: Final = Path(__file__).parents[2] / "examples/counter"
MARKUP: Final = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
TURNED: Final = "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd"
LONG: Final = "x" * 5_000
_START: Final = 1_700_000_000_000_000
_BATCH: Final = 5_000


def write_shop(folder: Path, *, version: str = "1.0.0", more: tuple[str, ...] = ()) -> Path:
    """The extension ``shop``, whose name is markup; it asks for operations, a host and budgets."""
    return write_extension(
        folder / f"shop-{version}",
        acme_module(),
        extension="shop",
        version=version,
        permissions={
            "methods": ["query:vdfs.read_sidecar", "action:vdfs.write_sidecar", *more],
            "network_access": ["api.example.com"],
            "rate_limits": {"requests_per_minute": 60, "concurrent_jobs": 4},
            "max_memory_mb": 32,
        },
        name=MARKUP,
        description=f"Sells things. {MARKUP}",
        author="\u05e9\u05dc\u05d5\u05dd",
    )


def furnish(data: Path, work: Path) -> None:
    """Install the counter, and the shop with an update that waits; see `hostile` for its jobs."""
    with Runtime.open(data) as runtime:
        runtime.install(COUNTER, consent=grant_as_asked)
        runtime.install(write_shop(work), consent=grant_as_asked)
        runtime.install(write_shop(work, version="2.0.0", more=("action:http.request",)))
    with LmdbEventStore.open(data) as store:
        for number, message in enumerate((MARKUP, TURNED, LONG), 1):
            _append(store, number, [started(), progress(1, 0.5, message), warning(2, message)], paused=True)
        intent = ev.ActionIntended(
            call=2,
            fuel=20,
            method="action:http.request",
            library_id=None,
            payload=ev.Inline(b"{}"),
            effect_key="a-key",
            effect="non_idempotent",
        )
        stream = ev.job_stream(job_id(4))
        store.append(stream, [_shop(4), started(), checkpoint(1), intent, ev.JobInDoubt(call=2, sequence=4)])
        store.append(ev.job_stream(job_id(5)), [_shop(5), started(), ev.JobFailed(failure(), 1)])


def many(data: Path, count: int) -> None:
    """So many jobs that were cancelled, each hundredth paused; of three types. Nothing runs."""
    with LmdbEventStore.open(data) as store:
        for first in range(1, count + 1, _BATCH):
            store.append_batch([_request(number) for number in range(first, min(first + _BATCH, count + 1))])


def _request(number: int) -> AppendRequest:
    end: ev.Event = ev.JobCancelled(forced=False, fuel=0) if number % 100 else ev.JobPaused(forced=False, fuel=0)
    begun = dispatched(job_id(number), job_type=f"bulk:{('scan', 'copy', 'hash')[number % 3]}", extension="bulk")
    time = _START + number * 1000
    return AppendRequest(ev.job_stream(job_id(number)), [ev.encode(begun), ev.encode(end)], [time, time], 0)


def _shop(number: int) -> ev.JobDispatched:
    return dispatched(job_id(number), job_type="shop:polite", extension="shop")


def _append(store: LmdbEventStore, number: int, events: list[ev.Event], *, paused: bool) -> None:
    end: list[ev.Event] = [ev.JobPaused(forced=False, fuel=1)] if paused else []
    store.append(ev.job_stream(job_id(number)), [_shop(number), *events, *end])
