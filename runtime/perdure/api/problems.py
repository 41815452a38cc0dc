"""Errors on the wire: RFC 9457 problem details, from an error and back to it.

The code is the name of the error's class, ``data`` holds its fields: a client of `perdure.client` gets the error that
the runtime raised, with its data. What nobody foresaw says nothing but where the server's log has the rest.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors import errors as actors
from perdure.api import errors as api
from perdure.runtime import errors as runtime
from perdure.runtime.packages import errors as packages
from perdure.runtime.proof import errors as proof
from perdure.runtime.seals import errors as seals
from perdure.runtime.secrets import errors as secrets
from perdure.runtime.wasm import errors as wasm
from perdure.store import errors as store
from perdure.store.backups import errors as backups

MEDIA_TYPE: Final = "application/problem+json"
REFUSED: Final = 400  # HTTP's statuses from here on are problems
_TYPE: Final = "urn:perdure:problem:"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, for programs (``code``, ``data``) and for people (``title``, ``detail``). RFC 9457.

    Attributes:
        type: a URN that names the kind of problem.
        title: what that kind is, in general.
        status: HTTP's.
        detail: what happened, and what to do.
        instance: names the request; the log has what it did under the same id.
        code: the error's name.
        data: its fields.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    data: dict[str, Any] = {}


# The first row that fits counts, so the special ones come before their base classes.
STATUSES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (api.Unauthenticated, 401),
    (api.Forbidden, 403),
    (api.NotFound, 404),
    (api.MethodNotAllowed, 405),
    (api.WrongOrigin, 403),
    (api.WrongHost, 421),
    (api.TooLarge, 413),
    (api.HeadTooLarge, 431),
    (api.UnsupportedMedia, 415),
    (api.TooSlow, 408),
    (api.TooMany, 429),
    (api.KeyConflict, 409),
    (api.EngineUnavailable, 503),
    (api.Malformed, 400),
    (api.BadRequest, 422),
    (store.UnknownJob, 404),
    (store.StoreMissing, 404),
    (runtime.UnknownExtension, 404),
    (runtime.UnknownJobType, 404),
    (runtime.UnknownToken, 404),
    (runtime.NoSuchSequence, 404),
    (runtime.NoSuchCall, 404),
    (runtime.CannotStep, 404),
    (runtime.NoUpdateProposed, 404),
    (packages.NotPinned, 404),
    (seals.NotSealed, 404),
    (secrets.NeverSealed, 404),
    (store.JobIsFolded, 410),
    (secrets.KeyDestroyed, 410),
    (store.DiskFull, 507),
    (store.LogFull, 507),
    (store.IllegalTransition, 409),
    (store.SequenceConflict, 409),
    (store.WriteConflict, 409),
    (store.StoreLocked, 409),
    (store.LogInUse, 409),
    (backups.FolderNotEmpty, 409),
    (runtime.ForkRefused, 409),
    (runtime.KeyReused, 409),
    (runtime.ExtensionInUse, 409),
    (runtime.ExtensionDisabled, 409),
    (runtime.ConsentRequired, 409),
    (runtime.ConsentDeclined, 409),
    (actors.ExtensionBusy, 409),
    (secrets.CredentialsLocked, 409),
    (secrets.ErasureRefused, 409),
    (secrets.NoPassphrase, 409),
    (secrets.PassphraseIsSet, 409),
    (secrets.PassphrasesUnsupported, 409),
    (seals.SealKeyLost, 409),
    (packages.PublisherError, 409),
    (secrets.WrongPassphrase, 403),
    (runtime.LibraryDenied, 403),
    (runtime.BudgetExceeded, 429),
    (secrets.PassphraseThrottled, 429),
    (runtime.StateTooLarge, 413),
    (secrets.MasterKeyUnavailable, 503),
    (store.TooManyReaders, 503),
    (store.StoreClosed, 503),
    (actors.UnreadableNow, 503),
    (runtime.RuntimeClosedError, 503),
    (actors.SystemStopped, 503),
    (TimeoutError, 504),
    (backups.NotABackup, 422),
    (runtime.RehearsalRefused, 422),
    (packages.PackageError, 422),
    (packages.InvalidFingerprint, 422),
    (packages.InvalidPublisherName, 422),
    (runtime.ManifestError, 422),
    (runtime.ExtensionFolderError, 422),
    (wasm.ModuleError, 422),
    (secrets.InvalidMasterKey, 422),
    (secrets.UnfitPassphrase, 422),
    (proof.BadBundle, 422),
    (seals.InvalidSeal, 422),
    (runtime.InvalidState, 422),
    (runtime.InvalidPayload, 422),
    (runtime.InvalidResolution, 422),
    (runtime.InvalidLimits, 422),
    (runtime.InvalidKey, 422),
    (runtime.InvalidRetention, 422),
    (runtime.InvalidGrant, 422),
    (runtime.InvalidToken, 422),
    (runtime.InvalidUpgradePolicy, 422),
    (runtime.PerdureError, 500),
    (store.StoreError, 500),
    (actors.ActorError, 500),
    (api.ApiError, 500),
)

# By the code of an operation's answer (docs/abi.md).
OPERATION_STATUSES: Final[dict[str, int]] = {
    "permission_denied": 403,
    "library_denied": 403,
    "rate_limited": 429,
    "unknown_method": 404,
    "invalid_payload": 422,
    "not_found": 404,
    "failed": 409,  # what it works on is not as it would have to be
    "unavailable": 503,
}


def status_of(error: BaseException) -> int | None:
    """HTTP's status for an error; None for one that nobody foresaw."""
    if isinstance(error, runtime.OperationError):
        return OPERATION_STATUSES.get(error.code, 409)
    return next((status for kind, status in STATUSES if isinstance(error, kind)), None)


def codes_of(status: int) -> list[str]:
    """The codes of the problems that have this status, as far as the table names them."""
    found = [kind.__name__ for kind, number in STATUSES if number == status]
    if status in OPERATION_STATUSES.values():
        found.append(runtime.OperationError.__name__)
    return sorted(found)


def problem_of(error: BaseException, request: UUID | None = None) -> Problem:
    """What a client is told about an error; ``request`` is the id that the server's log has it under."""
    status = status_of(error)
    if status is None:
        error, status = api.ServerFault(request), 500
    return Problem(
        type=_TYPE + _words(type(error).__name__),
        title=(inspect.getdoc(type(error)) or type(error).__name__).split("\n")[0].replace("``", ""),
        status=status,
        detail=str(error),
        code=type(error).__name__,
        instance=request.urn if request is not None else None,
        data={name: _plain(value) for name, value in vars(error).items() if not name.startswith("_")},
    )


def retry_after_of(error: BaseException) -> float | None:
    """Seconds after which it may be tried again, where the error knows."""
    if isinstance(error, runtime.OperationError) and error.retry_after_ms is not None:
        return error.retry_after_ms / 1000
    return error.retry_after if isinstance(error, api.TooMany) else None


def error_of(problem: Problem) -> Exception:
    """The error that a problem was made of, with the same text and data.

    Returns:
        The error; `perdure.api.errors.UnexpectedAnswer` for one that this version does not know.
    """
    kind = _kind_of(problem.code)
    if kind is None:
        return api.UnexpectedAnswer("the server", f"{problem.status} {problem.code}: {problem.detail}")
    error = kind.__new__(kind)
    error.args = (problem.detail,)
    types = _types(kind.__name__)
    for name, value in problem.data.items():
        setattr(error, name, _typed(value, types.get(name, Any)))
    return error


def _kind_of(code: str) -> type[Exception] | None:
    """The error of this name; looked for anew where its module may have been loaded since."""
    if code not in _kinds():
        _kinds.cache_clear()
    return _kinds().get(code)


@cache
def _kinds() -> dict[str, type[Exception]]:
    """All errors that may come, by their names."""
    found: dict[str, type[Exception]] = {}
    waiting: list[type[Exception]] = [runtime.PerdureError, store.StoreError, actors.ActorError, api.ApiError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting.extend(kind.__subclasses__())
    return found | {TimeoutError.__name__: TimeoutError}


@cache
def _types(name: str) -> dict[str, Any]:
    """The types of an error's fields, as far as its constructor names them."""
    from perdure.runtime.consent import ConsentRequest  # noqa: PLC0415  # what it is made of takes a moment to load

    try:
        return typing.get_type_hints(_kinds()[name].__init__, localns={"ConsentRequest": ConsentRequest})
    except (NameError, TypeError):  # types that are only imported for checking
        return {}


def _typed(value: Any, wanted: Any) -> Any:
    if typing.get_origin(wanted) is Sequence:
        wanted = GenericAlias(tuple, (typing.get_args(wanted)[0], ...))  # as errors keep them
    try:
        return msgspec.convert(value, wanted, strict=False, dec_hook=_path)
    except (msgspec.MsgspecError, NotImplementedError, TypeError):
        return value


def _path(wanted: type, value: Any) -> Any:
    if issubclass(wanted, Path):
        return Path(str(value))
    raise NotImplementedError


def _plain(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value, enc_hook=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _words(name: str) -> str:
    """``UnknownJob`` as ``unknown-job``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
