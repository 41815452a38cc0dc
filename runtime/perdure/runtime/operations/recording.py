"""What is recorded of a call: as it is, or sealed if there may be a secret in it.

Which side of an operation holds secrets is known when it is registered (`SecretSides`), and for all others nothing is
done here. Sealed as a whole is what nobody can tell the secrets of: the payload of a call that names no operation (a
typo must not write a secret into the log), and one that does not fit its operation's type.

Failures of handlers that were given secrets are kept out of the host's log, but for the kind of error and where it was.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import traceback
from pathlib import Path
from typing import Any, Final

import msgspec

from perdure.actors.messages import OperationCall
from perdure.actors.operations import OperationFailed
from perdure.runtime.secrets.errors import CredentialsLocked, SecretsError
from perdure.runtime.secrets.keychain import HOST, Keychain
from perdure.runtime.secrets.masking import MASK, NOTHING_SHOWN, Mask
from perdure.runtime.secrets.sealing import not_sealed, seal
from perdure.store.blobs import BlobStore
from perdure.store.errors import StoreError
from perdure.store.events import Sealed

logger = logging.getLogger(__name__)

_OF_CREDENTIALS: Final = ("action:credentials.", "query:credentials.")
NO_KEYS: Final = "the host cannot use its keys now, and this operation handles secrets"


class SecretSides(msgspec.Struct, frozen=True):
    """How the payloads and the answers of an operation with secrets are shown; None for a side without secrets.

    ``forgotten``: of the host's calls that is all that is kept.
    """

    payload: Mask | None
    answer: Mask | None
    forgotten: bool = False


@functools.lru_cache(maxsize=1_024)  # it is asked for at each call
def secret_sides(input_type: Any, output_type: Any, *, whole: bool, forgotten: bool = False) -> SecretSides | None:
    """What is secret of an operation, or None; ``whole``: all of it is; ``forgotten``: see `SecretSides`."""
    payload, answer = Mask(input_type, whole=whole), Mask(output_type, whole=whole)
    if not payload.hides and not answer.hides:
        return None
    return SecretSides(payload if payload.hides else None, answer if answer.hides else None, forgotten)


class SecretFailure(OperationFailed):
    """A handler that was given secrets failed; ``message`` may hold some. ``key`` is what its call is sealed with."""

    def __init__(self, failure: OperationFailed, key: str | None) -> None:
        super().__init__(failure.code, failure.message, retry_after_ms=failure.retry_after_ms, budget=failure.budget)
        self.key = key


class LockedFailure(OperationFailed):
    """The credentials of ``extension`` are locked. What the caller is told holds no secret, what it sent may."""

    def __init__(self, error: CredentialsLocked) -> None:
        super().__init__("unavailable", str(error))
        self.extension = error.extension


class Recording:
    """Seals what is recorded of calls with secrets. Thread-safe."""

    def __init__(self, keychain: Keychain, blobs: BlobStore) -> None:
        self._keychain = keychain
        self._blobs = blobs
        self._warned = False

    def prepare(self, call: OperationCall) -> None:
        """Make sure that a call with secrets can be recorded, before it runs.

        Raises:
            OperationFailed: the keys cannot be used.
        """
        try:
            self._keychain.payload_key(call.extension or HOST, call.library_id)
        except (SecretsError, StoreError) as error:
            self._warn(error)
            raise OperationFailed("unavailable", NO_KEYS) from None

    def payload(self, call: OperationCall, sides: SecretSides | None, key: str | None = None) -> Sealed | None:
        """How the payload is recorded; None for as it is. ``sides`` is None if there is no such operation."""
        if sides is None:
            return self._sealed(call, key, NOTHING_SHOWN, call.payload)
        if sides.payload is None:
            return None
        shown = sides.payload.shown(call.payload)
        if sides.forgotten and call.job_id is None:
            return not_sealed(shown)
        return self._sealed(call, key, shown, call.payload)

    def locked_payload(self, call: OperationCall, sides: SecretSides, extension: str) -> Sealed | None:
        """How the payload of a call is recorded that a lock refused: behind that lock, as if it had been open."""
        if sides.payload is None:
            return None
        return self._behind(call, extension, sides.payload.shown(call.payload), call.payload)

    def sealed_payload(self, call: OperationCall, sides: SecretSides) -> Sealed | None:
        """The same for an action that has not run yet: as it is to be found again, or not at all.

        Raises:
            SecretsError, StoreError: the keys cannot be used, or there is no room for it.
        """
        if sides.payload is None:
            return None
        key = self._keychain.payload_key(call.extension or HOST, call.library_id)
        return seal(self._keychain, self._blobs, key, sides.payload.shown(call.payload), call.payload)

    def refused_payload(self, call: OperationCall, sides: SecretSides | None) -> Sealed | None:
        """How the payload of a call is recorded that nobody ran. No key is made for it: its library may be anything.

        But for calls that may carry credentials of an extension whose credentials have a passphrase: they go behind it,
        also if the name of the operation is misspelt.
        """
        if sides is None and call.extension is None and call.method.startswith(_OF_CREDENTIALS):
            return not_sealed(NOTHING_SHOWN)  # a misspelt `unlock` has a passphrase; the host's calls nobody runs again
        if call.extension is not None and call.method.startswith(_OF_CREDENTIALS):
            try:
                key = self._keychain.locks.key_while_locked(call.extension, call.library_id)
            except (SecretsError, StoreError):
                key = None
            if key is not None:
                return self.payload(call, sides, key)
        try:
            key = self._keychain.payload_key(call.extension or HOST, call.library_id, make=False)
        except (SecretsError, StoreError):
            key = None  # said where it is used
        return self.payload(call, sides, key)

    def answer(self, call: OperationCall, sides: SecretSides, answer: bytes, key: str | None = None) -> Sealed | None:
        """How an answer is recorded; None for as it is."""
        return None if sides.answer is None else self._sealed(call, key, sides.answer.shown(answer), answer)

    def stated(self, key: str, sides: SecretSides | None, answer: bytes, code: str) -> Sealed | None:
        """How an answer is recorded that a person states for an action; None for as it is.

        ``key`` is what it is sealed with; ``sides`` is None if there is no such operation any more; ``code`` is empty
        for a success.

        Raises:
            SecretsError, StoreError: the keys cannot be used, or there is no room for it.
        """
        if sides is None:
            shown = NOTHING_SHOWN
        elif code:
            shown = _failed(code)
        elif sides.answer is None:
            return None
        else:
            shown = sides.answer.shown(answer)
        return seal(self._keychain, self._blobs, key, shown, answer)

    def failure(self, call: OperationCall, failure: SecretFailure, answer: bytes) -> Sealed:
        """How the answer of a handler that failed is recorded: its code is shown, its words are not."""
        return self._sealed(call, failure.key, _failed(failure.code), answer)

    def handler_failed(self, name: str, call: OperationCall, error: BaseException, key: str | None) -> BaseException:
        """What to raise for an error of a handler that was given secrets; one that nobody foresaw goes to the log."""
        if isinstance(error, LockedFailure):
            return error
        if isinstance(error, OperationFailed):
            return SecretFailure(error, key)
        if isinstance(error, asyncio.CancelledError):
            return error
        logger.error("operation %s failed for %s: %s", name, call.extension or "the host", places(error))
        return SecretFailure(OperationFailed("failed", "the operation failed on the host"), key)

    def _sealed(self, call: OperationCall, key: str | None, shown: bytes, data: bytes) -> Sealed:
        try:
            key = key or self._keychain.payload_key(call.extension or HOST, call.library_id)
            return seal(self._keychain, self._blobs, key, shown, data)
        except CredentialsLocked as error:
            return self._behind(call, error.extension, shown, data)  # its time ended between the handler and this
        except (SecretsError, StoreError) as error:
            # What was done or refused is recorded in any case; better without its secrets than with them in clear.
            self._warn(error)
            return not_sealed(shown)

    def _behind(self, call: OperationCall, extension: str, shown: bytes, data: bytes) -> Sealed:
        try:
            key = self._keychain.locks.key_while_locked(extension, call.library_id)
        except (SecretsError, StoreError) as error:
            self._warn(error)
            return not_sealed(shown)
        return self._sealed(call, key, shown, data)

    def _warn(self, error: Exception) -> None:
        if not self._warned:  # a guest could call in a loop
            self._warned = True
            logger.error("calls with secrets are refused, and recorded without them: %s", error)


def _failed(code: str) -> bytes:
    """What is shown of a failure whose words may hold secrets."""
    return msgspec.json.encode({"error": MASK, "code": code})


def places(error: BaseException) -> str:
    """The kinds of an error and its causes and where they were raised, without their messages."""
    said: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(said) < 5:
        frames = traceback.extract_tb(seen.__traceback__)
        where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
        said.append(f"{type(seen).__name__} ({where})")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return ", from ".join(said)
