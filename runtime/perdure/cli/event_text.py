"""An event as a few words for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from perdure.cli.terminal_text import counted, duration, local_time, percent, printable, size
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    BlobRef,
    BudgetReached,
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    DoubtResolved,
    Event,
    ExtensionInstalled,
    ExtensionLoaded,
    ExtensionUninstalled,
    ExtensionUnloaded,
    ForkAbandoned,
    ForkBegun,
    HeadsSealed,
    HostActionAnswered,
    HostQueryAnswered,
    Inline,
    InterruptAnswered,
    ItemsCounted,
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobDispatched,
    JobError,
    JobFailed,
    JobFolded,
    JobForked,
    JobInDoubt,
    JobKeyed,
    JobLinked,
    JobMoved,
    JobPaused,
    JobPauseRequested,
    JobRecovered,
    JobResumed,
    JobRunEnded,
    JobStarted,
    JobSuspended,
    KeysErased,
    LibraryEventPublished,
    LogRestored,
    LogWritten,
    ModuleCompiled,
    OperationAnswered,
    PermissionsGranted,
    ProgressReported,
    ProvenanceRecorded,
    PublisherForgotten,
    PublisherPinned,
    Recorded,
    RequestAccepted,
    RequestAnswered,
    RequestKeysForgotten,
    RetryScheduled,
    RuntimeClosed,
    RuntimeOpened,
    Sealed,
    SealKeyIntroduced,
    TokenIssued,
    TokenRevoked,
    UpdateDeclined,
    UpdateProposed,
    UpgradePolicySet,
    WarningAdded,
)

_SHOWN: Final = 200  # characters of a sealed payload
_KEY_SHOWN: Final = 12  # characters of an effect key; enough to find it again in the same history
_HASH_SHOWN: Final = 16
_RESPONSES: Final = {"refuse": "refused", "wait": "it waits", "suspend": "the job is suspended"}
_LEVELS: Final = ("debug", "info", "warn", "error")
_REFUSALS: Final = {"budget": "a budget is used up", "store": "it could not be stored"}
_RESOLUTIONS: Final = {"succeeded": "it succeeded", "failed": "it failed", "again": "run it again"}
_RUN_ENDS: Final = {"format": "an older perdure wrote the run; the next one begins from the last checkpoint"}
_PINS: Final = {"first": "the first one", "endorsed": "signed by the key before", "accepted": "accepted on purpose"}
_ANSWERS: Final = {1: "told to pause", 2: "told to end"}


def summary(event: Event) -> str:
    """What the event says beyond its name, on one line; empty when the name says it all."""
    return printable(SUMMARIES[type(event)](event))


def error_text(error: JobError) -> str:
    """``out_of_fuel: the job used …``."""
    return printable(f"{error.kind}: {error.message}")


def _payload(payload: Inline | BlobRef) -> str:
    count = len(payload.data) if isinstance(payload, Inline) else payload.size
    if not count:
        return "no state"
    if isinstance(payload, Inline) and count <= 120:
        return payload.data.decode(errors="replace")
    return size(count)


def _forced(event: JobPaused | JobCancelled) -> str:
    return "its guest did not stop by itself and was stopped" if event.forced else ""


def _resumed(event: JobResumed) -> str:
    where = f"from the checkpoint at {event.checkpoint}" if event.checkpoint else "from the start"
    return f"{where} ({event.cause})"


def _recovered(event: JobRecovered) -> str:
    where = f"from the checkpoint at {event.origin}" if event.origin else "from the start"
    return f"led {where} through {event.through} by the log ({event.cause})"


def _forked(event: JobForked) -> str:
    changes = [f"the answer to call {event.answer}"] if event.answer else []
    changes += ["the state"] if event.state else []
    changes += ["the module"] if event.module else []
    return f"from job {event.parent} at {event.sequence}" + (f", with {' and '.join(changes)} changed" * bool(changes))


def _intent(event: ActionIntended) -> str:
    return f"{event.method}, {event.effect.replace('_', '-')}{_sealed(event.payload, event.payload)}"


def _operation(event: OperationAnswered) -> str:
    return f"{event.method}: {event.code or 'ok'}{_sealed(event.payload, event.answer)}"


def _action(event: ActionAnswered) -> str:
    return f"{event.method}: {event.code or 'ok'}{_effect(event)}{_sealed(event.payload, event.answer)}"


def _effect(event: ActionAnswered | HostActionAnswered) -> str:
    """What an action did to the rows, and the name of its effect: the same one stands wherever it was repeated."""
    rows = f", {counted(len(event.writes), 'row')} written" if event.writes else ""
    name = event.effect_key if len(event.effect_key) <= _KEY_SHOWN else event.effect_key[:_KEY_SHOWN] + "…"
    return f"{rows}, effect {name}" if name else rows


def _budget(event: BudgetReached) -> str:
    done = _RESPONSES.get(event.response, event.response)
    room = f", room in {duration(event.retry_after_ms / 1000)}" if event.retry_after_ms else ""
    return f"{event.budget} of {event.limit:,} used up: {done}{room}"


def _published(event: LibraryEventPublished) -> str:
    who = f"{event.extension}, job {event.job_id}" if event.job_id is not None else event.extension or "the host"
    return f"{event.topic}, by {who}: {_payload(event.data)}"


def _sealed(payload: Recorded, answer: Recorded) -> str:
    """What is shown of a call with secrets: of its payload, or else of its answer."""
    shown = [side.shown.decode(errors="replace") for side in (payload, answer) if isinstance(side, Sealed)]
    if not shown:
        return ""
    return f", sealed {shown[0] if len(shown[0]) <= _SHOWN else shown[0][:_SHOWN] + '…'}"


def _host_call(event: HostQueryAnswered | HostActionAnswered) -> str:
    who = f"{event.caller} for {event.extension}" if event.extension is not None else event.caller
    effect = _effect(event) if isinstance(event, HostActionAnswered) else ""
    return f"{event.method}: {event.code or 'ok'}, called by {who}{effect}{_sealed(event.payload, event.answer)}"


def _issued(event: TokenIssued) -> str:
    return f"{event.token} for {event.name}: {', '.join(event.scopes)}, by {event.by}"


def _key(event: SealKeyIntroduced) -> str:
    before = f", in the place of {event.previous.hex()[:_HASH_SHOWN]}…" if event.previous else ""
    return f"{event.key.hex()[:_HASH_SHOWN]}…{before}"


def _heads(event: HeadsSealed) -> str:
    return f"{counted(event.streams, 'stream')} at position {event.position}, root {event.root.hex()[:_HASH_SHOWN]}…"


def _erased(event: KeysErased) -> str:
    whose = [f"of {event.extension}"] if event.extension is not None else []
    whose += [f"in library {event.library_id}"] if event.library_id is not None else []
    return f"{counted(len(event.keys), 'key')} {' '.join(whose)}, by {event.by}"


def _upgrade_policy(event: UpgradePolicySet) -> str:
    policies = ", ".join(f"{name}: {policy}" for name, policy in sorted(event.policies.items()))
    return f"version {event.version}, by {event.by}: {policies or 'as the manifest says'}"


def _provenance(event: ProvenanceRecorded) -> str:
    waits = ", which waits," * event.proposed
    if not event.key:
        return f"version {event.version}{waits} is not signed; {event.by} took it all the same"
    return f"version {event.version}{waits} is signed by {event.name}, package {event.package[:_HASH_SHOWN]}…"


def _pinned(event: PublisherPinned) -> str:
    return f"{event.name}, {fingerprint(event.key)} ({_PINS.get(event.reason, event.reason)}), by {event.by}"


def _granted(event: PermissionsGranted) -> str:
    return f"version {event.version}, by {event.by}: {event.grant.decode(errors='replace')}"


def _loaded(event: ExtensionLoaded) -> str:
    return f"version {event.version}, {', '.join(kind.name for kind in event.job_types) or 'no jobs'}"


SUMMARIES: Final[dict[type[Event], Callable[[Any], str]]] = {
    JobDispatched: lambda event: f"{event.job_type} {event.version}, {_payload(event.state)}",
    ForkBegun: lambda event: f"of job {event.parent}: {event.job_type} {event.version}, {_payload(event.state)}",
    JobStarted: lambda event: f"attempt {event.attempt}, process {event.pid}",
    JobResumed: _resumed,
    JobRecovered: _recovered,
    JobInDoubt: lambda event: f"call {event.call}, whose intent is at {event.sequence}, may or may not have been done",
    DoubtResolved: lambda event: f"call {event.call}: {_RESOLUTIONS.get(event.resolution, '?')}, says {event.by}",
    JobForked: _forked,
    JobRunEnded: lambda event: _RUN_ENDS.get(event.reason, event.reason),
    ForkAbandoned: lambda event: str(event.reason),
    JobMoved: lambda event: f"to version {event.version}, module {event.module[:12]}…",
    JobLinked: lambda event: f"dispatched by job {event.parent}",
    JobKeyed: lambda event: f"dispatched under the key {event.key}",
    JobPauseRequested: lambda event: "",
    JobCancelRequested: lambda event: "",
    JobPaused: _forced,
    JobSuspended: lambda event: str(event.reason),
    RetryScheduled: lambda event: f"{error_text(event.error)}; again in {duration(event.delay_ms / 1000)}",
    JobCompleted: lambda event: f"fuel {event.fuel:,}",
    JobFailed: lambda event: error_text(event.error),
    JobCancelled: _forced,
    JobFolded: lambda event: (
        f"{counted(event.through, 'event')}, {size(event.size)}, up to hash {event.hash.hex()[:12]}…"
    ),
    ProgressReported: lambda event: f"{percent(event.progress)} {event.message}",
    CheckpointSaved: lambda event: _payload(event.state),
    CheckpointRefused: lambda event: _REFUSALS.get(event.reason, event.reason),
    WarningAdded: lambda event: str(event.message),
    ItemsCounted: lambda event: f"{event.count:+,}",
    BytesCounted: lambda event: f"{event.count:+,}",
    LogWritten: lambda event: f"{_LEVELS[min(max(event.level, 0), 3)]}: {event.message}",
    InterruptAnswered: lambda event: _ANSWERS.get(event.answer, str(event.answer)),
    OperationAnswered: _operation,
    ActionIntended: _intent,
    ActionAnswered: _action,
    ActionReused: lambda event: f"done before: its outcome is at {event.sequence}",
    BudgetReached: _budget,
    ExtensionInstalled: lambda event: f"version {event.version}, module of {size(event.module_bytes)}",
    ExtensionLoaded: _loaded,
    ExtensionUnloaded: lambda event: "",
    ExtensionUninstalled: lambda event: "",
    PermissionsGranted: _granted,
    UpdateProposed: lambda event: f"version {event.version} waits for consent, module of {size(event.module_bytes)}",
    UpgradePolicySet: _upgrade_policy,
    UpdateDeclined: lambda event: f"version {event.version}, by {event.by}",
    ProvenanceRecorded: _provenance,
    PublisherPinned: _pinned,
    PublisherForgotten: lambda event: f"{fingerprint(event.key)}, by {event.by}",
    LibraryEventPublished: _published,
    HostQueryAnswered: _host_call,
    HostActionAnswered: _host_call,
    TokenIssued: _issued,
    TokenRevoked: lambda event: f"{event.token}, by {event.by}",
    RequestAccepted: lambda event: f"{event.action} {event.target}".rstrip() + f", by {event.name} ({event.client})",
    RequestAnswered: lambda event: f"{event.status} {event.problem}".rstrip(),
    RequestKeysForgotten: lambda event: counted(event.count, "key"),
    RuntimeOpened: lambda event: f"process {event.pid}, perdure {event.perdure}, wasmtime {event.wasmtime}",
    RuntimeClosed: lambda event: f"process {event.pid}",
    LogRestored: lambda event: f"from a backup made at {local_time(event.saved_at)}, up to position {event.position}",
    ModuleCompiled: lambda event: f"module {event.module[:12]}…, {counted(event.size, 'byte')} of machine code",
    SealKeyIntroduced: _key,
    HeadsSealed: _heads,
    KeysErased: _erased,
}
