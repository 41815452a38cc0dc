"""From an error to one line that says what to do, and an exit code.

It knows the errors of all parts, so it is loaded when a command has failed.
"""

from __future__ import annotations

from typing import Final

import typer

from perdure.actors.errors import ActorError, ExtensionBusy
from perdure.api import errors as api
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.terminal_text import printable
from perdure.runtime import errors as runtime
from perdure.runtime.packages import errors as packages
from perdure.runtime.proof.errors import BadBundle, BundleNotWritten
from perdure.runtime.seals.errors import InvalidSeal, NotSealed, SealError, SealFileFailed
from perdure.runtime.secrets.errors import (
    CredentialsLocked,
    ErasureRefused,
    InvalidMasterKey,
    PassphraseThrottled,
    SecretsError,
    UnfitPassphrase,
    WrongPassphrase,
)
from perdure.runtime.wasm.errors import BoundaryUnavailable, ModuleError, UnsafeCacheFolder
from perdure.store import errors as store
from perdure.store.backups.errors import FolderNotEmpty, NotABackup
from perdure.toolchain import errors as toolchain

# click's UsageError, wherever this version of typer keeps it.
UsageError: Final[type[Exception]] = typer.BadParameter.__bases__[0]

# The first row that fits counts, so the special ones come before their base classes.
CODES: Final[tuple[tuple[type[BaseException], ExitCode], ...]] = (
    (store.StoreLocked, ExitCode.FOLDER_IN_USE),
    (store.LogInUse, ExitCode.FOLDER_IN_USE),
    (FolderNotEmpty, ExitCode.USAGE),
    (NotABackup, ExitCode.USAGE),
    (store.UnknownJob, ExitCode.UNKNOWN),
    (store.StoreMissing, ExitCode.UNKNOWN),
    (runtime.UnknownExtension, ExitCode.UNKNOWN),
    (runtime.UnknownJobType, ExitCode.UNKNOWN),
    (runtime.UnknownToken, ExitCode.UNKNOWN),
    (runtime.InvalidToken, ExitCode.USAGE),
    (runtime.NoSuchSequence, ExitCode.UNKNOWN),
    (runtime.NoSuchCall, ExitCode.UNKNOWN),
    (runtime.CannotStep, ExitCode.UNKNOWN),
    (runtime.ForkRefused, ExitCode.NOT_NOW),
    (store.IllegalTransition, ExitCode.NOT_NOW),
    (store.JobIsFolded, ExitCode.NOT_NOW),
    (runtime.KeyReused, ExitCode.NOT_NOW),
    (runtime.ExtensionInUse, ExitCode.NOT_NOW),
    (runtime.BudgetExceeded, ExitCode.NOT_NOW),
    (runtime.ExtensionDisabled, ExitCode.NOT_NOW),
    (runtime.NoUpdateProposed, ExitCode.NOT_NOW),
    (ExtensionBusy, ExitCode.NOT_NOW),
    (runtime.ConsentRequired, ExitCode.CONSENT),
    (runtime.ConsentDeclined, ExitCode.CONSENT),
    (runtime.InvalidState, ExitCode.USAGE),
    (runtime.InvalidPayload, ExitCode.USAGE),
    (runtime.InvalidResolution, ExitCode.USAGE),
    (runtime.StateTooLarge, ExitCode.USAGE),
    (runtime.InvalidLimits, ExitCode.USAGE),
    (runtime.InvalidKey, ExitCode.USAGE),
    (runtime.InvalidRetention, ExitCode.USAGE),
    (runtime.LibraryDenied, ExitCode.USAGE),
    (runtime.InvalidGrant, ExitCode.USAGE),
    (runtime.InvalidUpgradePolicy, ExitCode.USAGE),
    (runtime.RehearsalRefused, ExitCode.UNKNOWN),
    (packages.PublisherError, ExitCode.PUBLISHER),
    (packages.InvalidFingerprint, ExitCode.USAGE),
    (packages.InvalidPublisherName, ExitCode.USAGE),
    (packages.NotPinned, ExitCode.UNKNOWN),
    (packages.PublisherKeyError, ExitCode.USAGE),
    (packages.PackageNotWritten, ExitCode.STORE),
    (packages.PackageError, ExitCode.BAD_EXTENSION),
    (ModuleError, ExitCode.BAD_EXTENSION),
    (runtime.ManifestError, ExitCode.BAD_EXTENSION),
    (runtime.ExtensionFolderError, ExitCode.BAD_EXTENSION),
    (UnsafeCacheFolder, ExitCode.STORE),
    (BoundaryUnavailable, ExitCode.USAGE),
    (BadBundle, ExitCode.STORE),
    (BundleNotWritten, ExitCode.STORE),
    (InvalidMasterKey, ExitCode.USAGE),
    (ErasureRefused, ExitCode.NOT_NOW),
    (CredentialsLocked, ExitCode.NOT_NOW),
    (WrongPassphrase, ExitCode.PERMISSION_DENIED),
    (PassphraseThrottled, ExitCode.NOT_NOW),
    (UnfitPassphrase, ExitCode.USAGE),
    (SecretsError, ExitCode.STORE),
    (InvalidSeal, ExitCode.USAGE),
    (SealFileFailed, ExitCode.USAGE),
    (NotSealed, ExitCode.UNKNOWN),
    (SealError, ExitCode.STORE),
    (toolchain.NoProject, ExitCode.USAGE),
    (toolchain.AmbiguousProject, ExitCode.USAGE),
    (toolchain.InvalidName, ExitCode.USAGE),
    (toolchain.FolderInTheWay, ExitCode.USAGE),
    (toolchain.ToolchainError, ExitCode.BUILD_FAILED),
    (store.StoreError, ExitCode.STORE),
    (api.ServerUnreachable, ExitCode.NO_SERVER),
    (api.EngineUnavailable, ExitCode.NO_SERVER),
    (api.UnexpectedAnswer, ExitCode.NO_SERVER),
    (TimeoutError, ExitCode.NO_SERVER),
    (api.TooMany, ExitCode.NOT_NOW),
    (api.KeyConflict, ExitCode.NOT_NOW),
    (api.NotFound, ExitCode.UNKNOWN),
    (api.BadRequest, ExitCode.USAGE),
    (api.TooLarge, ExitCode.USAGE),
    (UsageError, ExitCode.USAGE),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (runtime.PerdureError, ExitCode.INTERNAL),
    (ActorError, ExitCode.INTERNAL),
    (api.ApiError, ExitCode.INTERNAL),
)


# By the code of an operation's answer (docs/abi.md).
OPERATION_CODES: Final[dict[str, ExitCode]] = {
    "permission_denied": ExitCode.PERMISSION_DENIED,
    "library_denied": ExitCode.LIBRARY_DENIED,
    "rate_limited": ExitCode.RATE_LIMITED,
    "unknown_method": ExitCode.UNKNOWN_METHOD,
    "invalid_payload": ExitCode.INVALID_PAYLOAD,
    "not_found": ExitCode.NOT_FOUND,
    "failed": ExitCode.OPERATION_FAILED,
    "unavailable": ExitCode.UNAVAILABLE,
}


def exit_code(error: BaseException) -> ExitCode:
    """The exit code for an error that ends the command."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, runtime.OperationError):
        return OPERATION_CODES.get(error.code, ExitCode.OPERATION_FAILED)
    return next((code for kind, code in CODES if isinstance(error, kind)), ExitCode.INTERNAL)


def error_line(error: BaseException) -> str:
    """One line for a person; empty when nothing needs to be said."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, UsageError):
        return _usage_line(error)
    text = " ".join(printable(str(error)).split())
    if isinstance(error, runtime.OperationError) and error.retry_after_ms is not None:
        return f"{text} (retry after {error.retry_after_ms} ms)"
    if exit_code(error) is ExitCode.INTERNAL:
        return f"unexpected {type(error).__name__}: {text or 'no details'}; please report it, with what --debug prints"
    return text


def _usage_line(error: Exception) -> str:
    describe = getattr(error, "format_message", None)
    message = " ".join(printable(str(describe()) if callable(describe) else str(error)).split()).rstrip(".")
    context = getattr(error, "ctx", None)
    if not message:
        return ""  # the help was asked for by giving nothing, and is printed already
    return f"{message}; see '{context.command_path} --help'" if context is not None else message
