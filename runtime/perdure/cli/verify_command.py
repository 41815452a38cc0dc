"""``perdure verify``: run jobs again, and prove that their histories are true."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import require_job
from perdure.cli.master_key_file import master_key
from perdure.cli.output import Output
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.proof_view import CODES, proof_json, show_proof
from perdure.cli.terminal_text import counted, duration
from perdure.cli.unlocking import known_locks, locks_met, unlock_keys
from perdure.cli.verify_children import Finding, verify_many, verify_one
from perdure.runtime import perdure_version
from perdure.runtime.proof import Proof, Verdict, Versions
from perdure.runtime.proof.ledger import ProofLedger
from perdure.runtime.seals.signing import read_public_key
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.wasm.engine import wasmtime_version
from perdure.server.verifying.process import BUNDLE, LOG, Order
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.events import job_stream

_PAGE: Final = 1000
_LINE_SECONDS: Final = 5.0  # without a terminal: a line at least this often
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_WORST: Final = (Verdict.DAMAGED, Verdict.DIFFERS, Verdict.PARTIAL)

What = Annotated[
    str | None, typer.Argument(metavar="[JOB|FILE]", help="A job's id, or a bundle that 'log export' wrote.")
]
All = Annotated[bool, typer.Option("--all", metavar="", help="Every job; goes on where it was broken off.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, max=256, help="With --all: so many processes; one a processor."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="With --all: only jobs with an event since then: 30m, 12h, 7d, or 2026-01-31."
    ),
]
Again = Annotated[
    bool, typer.Option("--again", metavar="", help="With --all: also those that were proved before, as they still are.")
]
WithKeys = Annotated[
    bool,
    typer.Option("--with-keys", metavar="", help="Open a bundle's sealed payloads with the keys of the data folder."),
]
SealKey = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="A public key for seals that is trusted (PEM or hex); a bundle's seal has to fit it.",
    ),
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Give a job up that takes longer.")
]


def verify(
    invocation: Invocation,
    what: What = None,
    every: All = False,
    workers: Workers = None,
    since: Since = None,
    again: Again = False,
    with_keys: WithKeys = False,
    key: SealKey = None,
    timeout: Timeout = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Run a job again from the log, or from a bundle, and prove that the same events come out, byte for byte.

    Nothing is written, nothing is called, and another process may go on working on the folder.
    """
    if every == (what is not None):
        raise CommandError("name a job or a bundle, or use --all", ExitCode.USAGE)
    if every and (with_keys or key is not None):
        raise CommandError("--with-keys and --key are for a bundle", ExitCode.USAGE)
    if not every and (workers is not None or since is not None or again):
        raise CommandError("--workers, --since and --again are for --all", ExitCode.USAGE)
    if every:
        after = _moment(since, time.time()) if since is not None else None
        passphrases = Passphrases(invocation, passphrase_file)
        _All(invocation, workers or os.cpu_count() or 1, after, timeout, passphrases).verify(again=again)
        return
    outcome = _one(invocation, str(what), with_keys, key, timeout, Passphrases(invocation, passphrase_file))
    if outcome.proof is None:
        raise CommandError(outcome.error, ExitCode(outcome.code))
    if invocation.json:
        invocation.output.json(proof_json(outcome.proof))
    else:
        show_proof(invocation.output, outcome.proof)
    _leave(CODES[outcome.proof.verdict])


def _one(
    invocation: Invocation,
    what: str,
    with_keys: bool,
    key: Path | None,
    timeout: float | None,
    passphrases: Passphrases,
) -> Finding:
    job = _job_id(what)
    master = master_key()
    keychain = Keychain.of_folder(invocation.data, master)
    locks: list[str] = []
    if job is not None:
        if with_keys or key is not None:
            raise CommandError("--with-keys and --key are for bundles; see 'perdure log check' too", ExitCode.USAGE)
        require_job(invocation, job)
        order, what = Order(kind=LOG, folder=str(invocation.data)), str(job)
        with invocation.read() as store:
            locks = locks_met(store, keychain, job)
    elif Path(what).is_file():
        seal_key = read_public_key(key).hex() if key is not None else None
        order = Order(kind=BUNDLE, folder=str(invocation.data), keys=with_keys, seal_key=seal_key)
        what = str(Path(what).absolute())
        locks = known_locks(keychain) if with_keys else []
    else:
        raise CommandError(f"{what} is neither a job's id nor a file", ExitCode.USAGE)
    unlocked = unlock_keys(invocation, keychain, locks, passphrases)
    order = msgspec.structs.replace(order, master_key=master, passphrases=unlocked)
    with _Bar(invocation.output, json=invocation.json, unit="events") as bar:
        return verify_one(order, what, bar.update, timeout)


def _job_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _moment(text: str, now: float) -> int:
    """The time that ``--since`` names, in microseconds since 1970.

    Raises:
        CommandError: it names none.
    """
    if (found := re.fullmatch(r"(\d{1,9})([mhd])", text)) is not None:
        return int((now - int(found[1]) * _UNITS[found[2]]) * 1_000_000)
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo is not None else moment.astimezone()
        return int(local.timestamp() * 1_000_000)
    except (ValueError, OverflowError):  # none, or none that this machine's time zone has
        raise CommandError(f"--since {text}: say 30m, 12h, 7d or a date like 2026-01-31", ExitCode.USAGE) from None


def _leave(code: ExitCode) -> None:
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


class _All:
    """A verification of all jobs."""

    def __init__(
        self, invocation: Invocation, workers: int, since: int | None, timeout: float | None, passphrases: Passphrases
    ) -> None:
        self._passphrases = passphrases
        self._invocation = invocation
        self._workers = workers
        self._since = since
        self._timeout = timeout
        self._verdicts: Counter[str] = Counter()
        self._failed: list[dict[str, Any]] = []
        self._events = self._before = self._folded = 0
        self._original = 0.0
        self._codes: set[ExitCode] = set()
        self._ledger_fails = False

    def verify(self, *, again: bool) -> None:
        invocation, started = self._invocation, time.monotonic()
        ledger = ProofLedger(invocation.data)
        with invocation.read() as store:
            jobs = self._jobs(store, ledger, again=again)
        master = master_key()
        keychain = Keychain.of_folder(invocation.data, master)
        locks = known_locks(keychain) if jobs else []
        unlocked = unlock_keys(invocation, keychain, locks, self._passphrases)
        total = len(jobs)
        with _Bar(invocation.output, json=invocation.json, unit="jobs") as bar:
            bar.update(0, total)
            order = Order(kind=LOG, folder=str(invocation.data), master_key=master, passphrases=unlocked)
            found = verify_many(order, jobs, self._workers, self._timeout)
            try:
                for done, (job, outcome) in enumerate(found, 1):
                    self._note(job, outcome, ledger)
                    bar.update(done, total)
            finally:
                found.close()
        self._show(total, time.monotonic() - started)
        _leave(self._code())

    def _jobs(self, store: EventStore, ledger: ProofLedger, *, again: bool) -> list[UUID]:
        """Those that are to be verified, oldest first."""
        here = Versions(perdure_version(), wasmtime_version())
        jobs: list[UUID] = []
        before: UUID | None = None
        while True:
            page = store.jobs(JobQuery(before=before, limit=_PAGE))
            for state in page.jobs:
                if self._since is not None and state.updated_at < self._since:
                    continue
                if state.folded_at is not None:
                    self._folded += 1
                    continue
                head = store.head(job_stream(state.job_id))
                if not again and head is not None and ledger.is_proved(state.job_id, head.hash, here):
                    self._before += 1
                else:
                    jobs.append(state.job_id)
            before = page.next
            if before is None:
                return jobs[::-1]

    def _note(self, job: UUID, outcome: Finding, ledger: ProofLedger) -> None:
        output, proof = self._invocation.output, outcome.proof
        if proof is None:
            self._verdicts["not verified"] += 1
            self._codes.add(ExitCode(outcome.code))
            self._failed.append({"job_id": str(job), "error": outcome.error})
            output.say(f"job {job}: {outcome.error}")
            return
        self._verdicts[str(proof.verdict)] += 1
        self._events += proof.events
        self._original += proof.original_seconds
        self._codes.add(CODES[proof.verdict])
        if not proof.is_proved:
            self._failed.append(proof_json(proof))
            output.say(f"job {job}: {proof.verdict}: {_reason(proof)}")
        try:
            ledger.add(proof)
        except OSError as error:
            if not self._ledger_fails:
                self._ledger_fails = True
                output.say(f"{ledger.path} cannot be written ({error.strerror}); the next run begins anew")

    def _show(self, total: int, seconds: float) -> None:
        output = self._invocation.output
        if self._invocation.json:
            output.json(
                {
                    "verified": total,
                    "verdicts": dict(sorted(self._verdicts.items())),
                    "proved_before": self._before,
                    "folded": self._folded,
                    "events": self._events,
                    "seconds": seconds,
                    "original_seconds": self._original,
                    "not_proved": self._failed,
                }
            )
            return
        verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(self._verdicts.items())) or "none"
        output.show(
            f"{counted(total, 'job')} verified ({verdicts}), {counted(self._events, 'event')} in {duration(seconds)}; "
            f"they had run for {duration(self._original)}"
        )
        if self._before:
            output.show(
                f"{counted(self._before, 'job')} had been proved before, as they still are; --again repeats that"
            )
        if self._folded:
            output.show(f"{counted(self._folded, 'job')} cannot be verified: their events were folded to a summary")

    def _code(self) -> ExitCode:
        """The worst of all."""
        worst = [CODES[verdict] for verdict in _WORST]
        others = sorted(self._codes - {ExitCode.DONE, *worst})
        return next((code for code in (*worst[:2], *others, worst[2]) if code in self._codes), ExitCode.DONE)


def _reason(proof: Proof) -> str:
    if proof.difference is not None:
        return proof.difference.message
    if proof.damage:
        return proof.damage
    if proof.lost:
        return f"from call {proof.lost[0].call} of run {proof.lost[0].run}: {proof.lost[0].why}"
    return "; ".join(f"{one.what}: {one.why}" for one in proof.not_compared if not one.expected)


class _Bar:
    """A bar on a terminal, a line now and then elsewhere, nothing with ``--json``."""

    def __init__(self, output: Output, *, json: bool, unit: str) -> None:
        self._output = output
        self._unit = unit
        self._quiet = json
        self._said = time.monotonic()
        self._progress: Progress | None = None
        if output.live and not json:
            columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
            self._progress = Progress(
                *columns, TimeRemainingColumn(), console=output.notes, transient=True, auto_refresh=False
            )
            self._task = self._progress.add_task("", total=None)

    def update(self, done: int, total: int) -> None:
        """So many are done."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)
            self._progress.refresh()
        elif not self._quiet and time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            self._output.note(f"{done:,} of {total:,} {self._unit} verified")

    def __enter__(self) -> _Bar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
