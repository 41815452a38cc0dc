"""What can go wrong in the runtime, whose fault it is, and what to do about it.

Every error carries its data as fields, so that a program can act on it, and says in its text what a person can do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from perdure.runtime.consent import ConsentRequest


class PerdureError(Exception):
    """Base of every error ``perdure.runtime`` raises on purpose."""


_SHOWN = 100  # characters of a value that an error's text quotes


# --- the runtime -----------------------------------------------------------------------------------------------------


class RuntimeClosedError(PerdureError):
    """The runtime was closed; open it again."""

    def __init__(self) -> None:
        super().__init__("the runtime is closed; open it again")


class UnknownExtension(PerdureError, LookupError):
    """No extension with this id is installed.

    ``known`` are those that are.
    """

    def __init__(self, extension: str, known: tuple[str, ...]) -> None:
        self.extension, self.known = extension, known
        have = f"installed: {', '.join(known)}" if known else "none is installed"
        super().__init__(f"extension {extension!r} is not installed ({have}); install it from its folder")


class ExtensionDisabled(PerdureError):
    """The extension was unloaded on purpose."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(f"extension {extension} is switched off; load it to use it")


class ExtensionInUse(PerdureError):
    """The extension has unfinished jobs."""

    def __init__(self, extension: str, jobs: tuple[UUID, ...]) -> None:
        self.extension, self.jobs = extension, jobs
        super().__init__(f"extension {extension} has {len(jobs)} unfinished jobs; finish or cancel them first")


class UnknownJobType(PerdureError, LookupError):
    """The extension offers no such job."""

    def __init__(self, job_type: str, known: tuple[str, ...]) -> None:
        self.job_type, self.known = job_type, known
        offers = f"it offers: {', '.join(known)}" if known else "it offers none"
        super().__init__(f"there is no job type {job_type!r} (name it EXTENSION:JOB; {offers})")


class InvalidState(PerdureError, ValueError):
    """The job's first state is not JSON."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the state is not valid JSON: {reason}")


class StateTooLarge(PerdureError, ValueError):
    """The job's first state is larger than a checkpoint may be; both in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(f"the state has {size} bytes, the limit is {limit}; raise checkpoint_bytes or send less")


class InvalidLimits(PerdureError, ValueError):
    """A limit or a retry policy that makes no sense."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(f"{field} is {value!r}, it must be {expected}")


class InvalidRetention(PerdureError, ValueError):
    """How long something is kept was said in a way that makes no sense. The caller is to blame."""

    def __init__(self, what: str, expected: str) -> None:
        self.what, self.expected = what, expected
        super().__init__(f"retention: {what!r} must be {expected}")


class InvalidKey(PerdureError, ValueError):
    """An idempotency key that cannot be one. The caller is to blame."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"idempotency key: {reason}")


class KeyReused(PerdureError):
    """A job was dispatched with this idempotency key before, and with another input. Nothing was dispatched.

    ``differs`` names what is not the same: ``job type``, ``state``, ``library``, ``limits``, ``retry policy``.
    """

    def __init__(self, key: str, job_id: UUID, differs: tuple[str, ...]) -> None:
        self.key, self.job_id, self.differs = key, job_id, differs
        verb = "is" if len(differs) == 1 else "are"
        super().__init__(
            f"the idempotency key {key!r} is that of job {job_id}, and the {' and the '.join(differs)} {verb} not the "
            "same as then; use another key for another job"
        )


class BudgetExceeded(PerdureError):
    """A budget has no room for what was asked for; nothing was done. It may be tried again when jobs have ended."""

    def __init__(self, extension: str, budget: str, limit: int) -> None:
        self.extension, self.budget, self.limit = extension, budget, limit
        super().__init__(
            f"extension {extension} has used up {budget}, which is {limit}; try again when jobs have ended"
        )


class LibraryDenied(PerdureError):
    """The extension did not ask for this library, or was not granted it."""

    def __init__(self, extension: str, library_id: UUID) -> None:
        self.extension, self.library_id = extension, library_id
        super().__init__(
            f"extension {extension} may not run in library {library_id}; "
            "its manifest has to ask for it, and a person to agree"
        )


class InvalidToken(PerdureError, ValueError):
    """A token was asked for that makes no sense. The caller is to blame.

    ``field`` names what.
    """

    def __init__(self, field: str, value: str, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(f"a token's {field} must be {expected}, not {value[:_SHOWN]!r}")


class UnknownToken(PerdureError, LookupError):
    """No token has this id, or it was revoked."""

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__(f"there is no token {token[:_SHOWN]!r}; perdure tokens list")


class InvalidGrant(PerdureError, ValueError):
    """A grant has something that no manifest could ask for.

    ``field`` names it, as ``methods[2]``.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(f"{field} of the grant is {value!r}, it must be {expected}")


class RehearsalRefused(PerdureError, ValueError):
    """There is no such version to rehearse.

    ``known`` are the installed extensions.
    """

    def __init__(self, reason: str, known: tuple[str, ...]) -> None:
        self.reason, self.known = reason, known
        super().__init__(f"{reason}; installed are {', '.join(known) or 'none'}")


class InvalidUpgradePolicy(PerdureError, ValueError):
    """A job type, or what is to become of its unfinished jobs, that there is not.

    ``known`` are the policies; the job types of the version, where it is the type that is ``unknown``.
    """

    def __init__(self, job_type: str, policy: str, known: tuple[str, ...], *, unknown: bool = False) -> None:
        self.job_type, self.policy, self.known = job_type, policy, known
        if unknown:
            text = f"there is no job type {job_type!r} in this version; it has {', '.join(known) or 'none'}"
        else:
            text = f"{policy!r} is no policy for the jobs of {job_type!r}; there are {', '.join(known)}"
        super().__init__(text)


class ConsentRequired(PerdureError):
    """The extension asks for operations or the network, and nobody was there to agree.

    ``request`` has what it asks.
    """

    def __init__(self, request: ConsentRequest) -> None:
        self.request = request
        super().__init__(
            f"extension {request.extension} {request.version} asks for permissions; "
            "install it with a consent, for example consent=grant_as_asked"
        )


class ConsentDeclined(PerdureError):
    """A person did not agree to what this version of the extension asks for; it is not installed.

    With ``waits`` it goes on waiting for a consent.
    """

    def __init__(self, extension: str, version: str, *, waits: bool = False) -> None:
        self.extension, self.version, self.waits = extension, version, waits
        then = "it goes on waiting" if waits else "it is not installed"
        super().__init__(f"what extension {extension} {version} asks for was declined; {then}")


class NoUpdateProposed(PerdureError, LookupError):
    """No new version of the extension waits for consent."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(f"no new version of extension {extension} waits for consent; install it from its folder")


class NoSuchSequence(PerdureError, LookupError):
    """The job has no event with this sequence.

    ``latest`` is its last.
    """

    def __init__(self, job_id: str, sequence: int, latest: int) -> None:
        self.job_id, self.sequence, self.latest = job_id, sequence, latest
        super().__init__(f"job {job_id} has events 1 to {latest}, not {sequence}")


class ForkRefused(PerdureError, ValueError):
    """A job cannot be forked in this way. Nothing was made.

    ``reason`` says why.
    """

    def __init__(self, job_id: UUID, reason: str) -> None:
        self.job_id, self.reason = job_id, reason
        super().__init__(f"job {job_id} cannot be forked so: {reason}")


class CannotStep(PerdureError, LookupError):
    """A job's run cannot be walked through.

    ``reason`` says why.
    """

    def __init__(self, job_id: str, reason: str) -> None:
        self.job_id, self.reason = job_id, reason
        super().__init__(f"job {job_id} cannot be stepped through: {reason}")


class NoSuchCall(PerdureError, LookupError):
    """The run that is open has no such answered call.

    It is open at event ``sequence`` of the job; there is no ``call``, its last one is ``last``.
    """

    def __init__(self, job_id: str, call: int, sequence: int, last: int) -> None:
        self.job_id, self.call, self.sequence, self.last = job_id, call, sequence, last
        have = f"it has calls 1 to {last}, of which this one got no answer" if last else "it has no calls"
        super().__init__(f"no answer to call {call} is in the run of job {job_id} that is open at {sequence} ({have})")


# --- operations ------------------------------------------------------------------------------------------------------


class BadOperation(PerdureError, TypeError):
    """A handler is declared in a way that makes no operation. The embedder is to blame.

    ``operation`` is its name.
    """

    def __init__(self, operation: str, reason: str) -> None:
        self.operation, self.reason = operation, reason
        super().__init__(f"{operation} cannot be an operation: {reason}")


class BadAnswer(PerdureError, TypeError):
    """A handler's answer is not what its operation says. The embedder is to blame.

    ``operation`` is its name.

    Whoever called learns only that the operation failed; this is for the host's log.
    """

    def __init__(self, operation: str, reason: str) -> None:
        self.operation, self.reason = operation, reason
        super().__init__(f"{operation} gave a wrong answer: {reason}")


class DuplicateOperation(PerdureError, ValueError):
    """There is an operation of this name and version already. Give the new one another version."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__(f"operation {operation} is registered already; give the new one another version")


class InvalidPayload(PerdureError, ValueError):
    """The request of an operation cannot be said in JSON."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the request cannot be said in JSON: {reason}")


class InvalidResolution(PerdureError, ValueError):
    """What was said of an action in doubt is none of what can be said, or its answer is none of the operation's."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"nothing was recorded: {reason}")


class OperationError(PerdureError):
    """An operation was refused or failed.

    ``code`` is one of the ABI's; ``retry_after_ms`` is None if nobody knows.
    """

    def __init__(self, method: str, code: str, message: str, retry_after_ms: int | None = None) -> None:
        self.method, self.code, self.message, self.retry_after_ms = method, code, message, retry_after_ms
        super().__init__(f"{method} failed ({code}): {message}")


# --- extension folders -----------------------------------------------------------------------------------------------


class ManifestError(PerdureError, ValueError):
    """The manifest is not what it must be. The extension's author is to blame.

    ``field`` is the path of the field (``permissions.methods[2]``), empty when the whole document is meant; ``value``
    is what stands there, `msgspec.UNSET` for nothing; ``reason`` says what is wrong and what may stand there.
    """

    def __init__(self, field: str, value: object, reason: str) -> None:
        self.field, self.value, self.reason = field, value, reason
        if not field:
            super().__init__(f"manifest.json: {reason}")
        elif value is msgspec.UNSET:
            super().__init__(f"manifest.json: {field} is missing: {reason}")
        else:
            # As JSON in ASCII: what the author wrote, and nothing that a terminal would act on.
            shown = json.dumps(value, default=repr)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
            super().__init__(f"manifest.json: {field} is {shown}: {reason}")


class ExtensionFolderError(PerdureError):
    """Base of what is wrong with an extension's folder or its files.

    ``path`` is the one that is meant.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        super().__init__(text)


class NotAnExtensionFolder(ExtensionFolderError):
    """There is no folder at this path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, f"{path} is not a folder; name the folder that holds the extension's manifest.json")


class ManifestMissing(ExtensionFolderError):
    """The folder has no manifest."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, f"{path} does not exist; an extension is a folder with a manifest.json and a .wasm file")


class WasmMissing(ExtensionFolderError):
    """The WebAssembly file that the manifest names is not there."""

    def __init__(self, path: Path, wasm_file: str) -> None:
        self.wasm_file = wasm_file
        super().__init__(path, f"{path} does not exist, and wasm_file in manifest.json names it; is the module built?")


class FileOutsideFolder(ExtensionFolderError):
    """A file of the extension is, after all links, not in its folder.

    ``target`` is where it is.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self.target = target
        super().__init__(path, f"{path} leads to {target}, outside of the extension's folder; copy the file into it")


class FileTooLarge(ExtensionFolderError):
    """A file of the extension is too large.

    It has more than ``limit`` bytes; ``size`` is what was found.
    """

    def __init__(self, path: Path, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(path, f"{path} has {size} bytes, the limit is {limit}")


class FileUnreadable(ExtensionFolderError):
    """A file of the extension cannot be read, or is no ordinary file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(path, f"{path} cannot be read: {reason}")
