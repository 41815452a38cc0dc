"""The pictures in docs/job-manager.md: ``python3 -m bench.page_pictures``.

A server is started on a folder with a week of jobs, some of them running, and Chromium looks at it, light and dark.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID

from playwright.sync_api import Browser, expect

from perdure.runtime import Runtime, grant_as_asked
from perdure.store import AppendRequest, LmdbEventStore
from perdure.store import events as ev

if TYPE_CHECKING:
    from tests.support.browser import Scheme

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1360, 850
_SECOND: Final = 1_000_000  # microseconds
_DAY: Final = 86_400 * _SECOND
_LIMITS: Final = ev.JobLimits()
_WORK: Final = {
    "photos:index": ("Indexed {} of {} pictures", "photos"),
    "invoices:import": ("{} of {} mails read", "invoices"),
    "archive:fetch": ("{} of {} documents kept", "archive"),
}
_EXTENSIONS: Final[tuple[tuple[str, str, str, list[str], list[str]], ...]] = (
    (
        "photos",
        "Photos",
        "Finds what is on pictures, and puts them into albums.",
        ["query:vdfs.*", "query:media.*"],
        [],
    ),
    (
        "invoices",
        "Invoices",
        "Reads receipts and invoices out of a mailbox, and adds them up.",
        ["query:mail.scan", "query:ai.ocr", "query:vdfs.read_sidecar", "action:vdfs.write_sidecar"],
        ["imap.example.com", "rates.example.org"],
    ),
    (
        "archive",
        "Archive",
        "Keeps a copy of what the web may lose.",
        ["query:http.get", "action:vdfs.*"],
        ["*.example.net"],
    ),
)


def furnish(data: Path, work: Path, random: Random) -> None:
    """Extensions, one of them with an update that waits, and what their jobs did in a week."""
    from tests.support.extension_folders import write_extension  # what it needs is not installed with perdure
    from tests.support.runtime_wat import RuntimeWat

    with Runtime.open(data) as runtime:
        runtime.install(ROOT / "examples" / "counter", consent=grant_as_asked)
        for name, title, description, methods, hosts in _EXTENSIONS:
            wat = RuntimeWat()
            for job_type, (_, extension) in _WORK.items():
                if extension == name:
                    wat.job(job_type.partition(":")[2], "(i32.const 0)")
            limits = {"requests_per_minute": 600, "concurrent_jobs": 8}
            for version, more in (("1.4.0", []), ("1.5.0", ["action:http.request"])):
                folder = write_extension(
                    work / f"{name}-{version}",
                    wat.module(),
                    extension=name,
                    version=version,
                    permissions={"methods": methods + more, "network_access": hosts, "rate_limits": limits},
                    name=title,
                    description=description,
                    author="Example, Inc.",
                )
                if version == "1.4.0":
                    runtime.install(folder, consent=grant_as_asked)
                elif name == "invoices":
                    runtime.install(folder)
    now = time.time_ns() // 1000
    with LmdbEventStore.open(data) as store:
        answers = store.append_batch([_job(number, now, random) for number in range(420)])
    assert not any(isinstance(answer, Exception) for answer in answers)


def _job(number: int, now: int, random: Random) -> AppendRequest:
    """A job of the past; the last ones are those that ended otherwise."""
    begun = now - int(7 * _DAY * (420 - number) / 420)
    job_id = UUID(int=(begun // 1000 << 80) | (7 << 76) | (0b10 << 62) | random.getrandbits(60))
    job_type, (message, extension) = random.choice(list(_WORK.items()))
    total = random.randint(40, 9_000)
    fate = (
        "attention"
        if number in (404, 411)
        else "failed"
        if number % 23 == 0
        else "paused"
        if number in (408, 415)
        else "done"
    )
    fate = "cancelled" if number % 61 == 5 else fate
    share = 1.0 if fate == "done" else random.uniform(0.15, 0.9)
    done = round(total * share)
    dispatched = ev.JobDispatched(
        job_id=job_id,
        job_type=job_type,
        extension=extension,
        version="1.4.0",
        module="0" * 64,
        export="execute",
        library_id=UUID(int=0),
        resumable=True,
        state=ev.Inline(b"{}"),
        limits=_LIMITS,
        retry=ev.RetryPolicy(),
    )
    events: list[ev.Event] = [dispatched, ev.JobStarted(attempt=1, pid=100)]
    fuel = done * 12_000
    events += [
        ev.ItemsCounted(call=1, fuel=fuel // 3, count=done),
        ev.BytesCounted(call=2, fuel=fuel // 3, count=done * random.randint(900, 90_000)),
        ev.ProgressReported(call=3, fuel=fuel // 2, progress=share, message=message.format(f"{done:,}", f"{total:,}")),
        ev.CheckpointSaved(call=4, fuel=fuel // 2, state=ev.Inline(b"{}")),
        *(
            ev.WarningAdded(call=5 + each, fuel=fuel, message="It could not be read")
            for each in range(random.choice((0, 0, 0, 1, 3)))
        ),
        *(_answered(call, method, fuel) for call, method in enumerate(_methods(extension), 10)),
    ]
    events += _end(fate, fuel, len(events))
    spread = [begun + index * random.randint(1, 40) * _SECOND // 10 for index in range(len(events))]
    return AppendRequest(ev.job_stream(job_id), [ev.encode(each) for each in events], sorted(spread), 0)


def _methods(extension: str) -> tuple[str, ...]:
    return {
        "photos": ("query:vdfs.list_entries", "query:media.exif"),
        "invoices": ("query:mail.scan", "query:ai.ocr"),
        "archive": ("query:http.get",),
    }[extension]


def _answered(call: int, method: str, fuel: int) -> ev.OperationAnswered:
    return ev.OperationAnswered(call, fuel, method, UUID(int=0), ev.Inline(b"{}"), ev.Inline(b"{}"), "")


def _end(fate: str, fuel: int, length: int) -> list[ev.Event]:
    if fate == "attention":
        intent = ev.ActionIntended(
            call=30,
            fuel=fuel,
            method="action:http.request",
            library_id=None,
            effect="non_idempotent",
            effect_key="5f2c",
            payload=ev.Inline(b'{"method": "POST", "url": "https://bank.example.com/transfers"}'),
        )
        return [intent, ev.JobInDoubt(call=30, sequence=length + 1)]
    if fate == "failed":
        return [ev.JobFailed(ev.JobError(kind="guest_failed", message="the mailbox said: too many connections"), fuel)]
    if fate == "paused":
        return [ev.JobPaused(forced=False, fuel=fuel)]
    return [ev.JobCancelled(forced=False, fuel=fuel) if fate == "cancelled" else ev.JobCompleted(fuel=fuel)]


def draw(browser: Browser, address: str, token: str, ended: UUID, running: UUID) -> None:
    """Look at each view, light and dark, once there is something to see."""
    from tests.support.browser import Visit

    # Where to look, and what has to be there by then.
    views = {
        "jobs": ("#/jobs", f'[data-id="{running}"] .cell.left', re.compile(r"\d (s|min|h)")),
        "job": (f"#/jobs/{ended}", "main", re.compile("Timeline.*Attempt 1", re.DOTALL)),
        "extensions": ("#/extensions", "table", re.compile("Invoices")),
        "extension": ("#/extensions/invoices", "main", re.compile("Budgets.*mail.scan", re.DOTALL)),
    }
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        for name, (where, place, text) in views.items():
            with Visit(browser, address, token, where, scheme=scheme, width=WIDTH, height=HEIGHT) as visit:
                expect(visit.page.locator(place)).to_contain_text(text)
                visit.page.screenshot(path=FOLDER / f"{name}-{scheme}.png", animations="disabled")


def main() -> None:
    """Draw them all."""
    from tests.support.browser import chromium
    from tests.support.servers import server_on

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        furnish(Path(folder) / "data", Path(folder), Random(7))
        with server_on(Path(folder) / "data") as server, server.client() as client, chromium() as browser:
            ended = client.dispatch("counter:counter", {"target": 900})
            ended.wait(300)
            running = [
                client.dispatch("counter:counter", {"target": target})
                for target in (4_000_000, 9_000, 30_000, 5_000, 12_000)
            ]
            draw(browser, server.address, server.token, ended.job_id, running[-1].job_id)
            for job in running:
                job.cancel()
    sys.stdout.write(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}\n")


if __name__ == "__main__":
    main()
