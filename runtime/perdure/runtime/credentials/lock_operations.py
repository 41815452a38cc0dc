"""``credentials.set_passphrase``, ``remove_passphrase``, ``unlock``, ``lock`` and ``lock_state``: for the host only.

A passphrase never comes near a guest, whose states and calls are in the log; and what these are called with is not kept
there, not even sealed (``forgets``): with the master key it could be read. That somebody tried, when, and whether the
passphrase was right is in the stream `calls`, like all that the host calls. Why it is done this way: docs/adr/0020.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from perdure.actors.hooks import ActorHooks
from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.records import prefix_of
from perdure.runtime.extension_info import is_installed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, Sensitive, action, query
from perdure.runtime.secrets.errors import (
    NoPassphrase,
    PassphraseIsSet,
    PassphrasesUnsupported,
    PassphraseThrottled,
    SecretsError,
    UnfitPassphrase,
    WrongPassphrase,
)
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore

UNLOCK: Final = "action:credentials.unlock"
SET: Final = "action:credentials.set_passphrase"
REMOVE: Final = "action:credentials.remove_passphrase"
LOCK_STATE: Final = "query:credentials.lock_state"
UNLOCK_SECONDS: Final = 900
MOST_SECONDS: Final = 30 * 86_400

_KEYS: Final = "the host cannot use its keys now"
_PATIENCE: Final = 300.0  # seconds; each of up to 1,000 credentials is a file that waits for the disk some times

ExtensionName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Passphrase = Annotated[str, Sensitive, msgspec.Meta(min_length=1, max_length=1024)]


class _Silent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what must not show itself in a log or a traceback."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class SetPassphrase(_Silent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose credentials, and their passphrase. To change it, that is the old one, and ``new_passphrase`` follows it."""

    extension: ExtensionName
    passphrase: Passphrase
    new_passphrase: Passphrase | None = None


class PassphraseSet(msgspec.Struct, frozen=True):
    """``changed``: there was one before."""

    changed: bool


class RemovePassphrase(_Silent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose credentials, and their passphrase."""

    extension: ExtensionName
    passphrase: Passphrase


class PassphraseRemoved(msgspec.Struct, frozen=True):
    """It is gone."""


class UnlockCredentials(_Silent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose credentials, their passphrase, and how long they stay unlocked; that time does not grow with their use."""

    extension: ExtensionName
    passphrase: Passphrase
    seconds: Annotated[int, msgspec.Meta(ge=1, le=MOST_SECONDS)] = UNLOCK_SECONDS


class CredentialsUnlocked(msgspec.Struct, frozen=True):
    """``seconds``: how long they stay unlocked from now on."""

    seconds: int


class LockCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose credentials."""

    extension: ExtensionName


class CredentialsAreLocked(msgspec.Struct, frozen=True):
    """``was_unlocked``: they were not locked before."""

    was_unlocked: bool


class AskLockState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose credentials."""

    extension: ExtensionName


class LockStateAnswer(msgspec.Struct, frozen=True):
    """``has_passphrase``: else they are not locked. ``seconds``: how long they stay unlocked; 0 while they are locked.

    ``retry_after_ms``: after wrong passphrases, when the next one is looked at; 0 if it is now.
    """

    has_passphrase: bool
    unlocked: bool
    seconds: float
    retry_after_ms: int


class LockOperations:
    """The handlers.

    Args:
        store: where extensions and credentials are.
        keychain: has the locks.
        hooks: told of each passphrase that was tried.
        unlocked: told which extension's credentials were unlocked: jobs may wait for that.
    """

    def __init__(
        self,
        store: EventStore,
        keychain: Keychain,
        hooks: ActorHooks,
        unlocked: Callable[[str], object],
    ) -> None:
        self._store = store
        self._locks = keychain.locks
        self._hooks = hooks
        self._unlocked = unlocked

    @action(
        "credentials.set_passphrase",
        effect=Effect.IDEMPOTENT,
        scope="core",
        callers="host",
        forgets=True,
        timeout=_PATIENCE,
    )
    def set_passphrase(self, context: CallContext, request: SetPassphrase) -> PassphraseSet:
        """Give an extension's credentials a passphrase, or another one; without it they stay locked."""
        extension = request.extension
        # A misspelt name would lock nothing, and nobody would know. Read past the call's own data: what others store
        # meanwhile is no reason to do this again.
        if not is_installed(self._store, extension) and not self._store.rows(prefix_of(extension), limit=1):
            raise OperationFailed("not_found", f"there is no extension {extension!r}, nor has it credentials")
        with self._answered(context, extension):
            if request.new_passphrase is None:
                self._locks.set(extension, request.passphrase)
                return PassphraseSet(False)
            self._locks.change(extension, request.passphrase, request.new_passphrase)
            self._hooks.passphrase_tried(extension, "right")
            return PassphraseSet(True)

    @action(
        "credentials.remove_passphrase",
        effect=Effect.IDEMPOTENT,
        scope="core",
        callers="host",
        forgets=True,
        timeout=_PATIENCE,
    )
    def remove_passphrase(self, context: CallContext, request: RemovePassphrase) -> PassphraseRemoved:
        """Take the passphrase of an extension's credentials away: whoever has the master key can open them then."""
        with self._answered(context, request.extension):
            self._locks.remove(request.extension, request.passphrase)
            self._hooks.passphrase_tried(request.extension, "right")
        self._unlocked(request.extension)
        return PassphraseRemoved()

    @action("credentials.unlock", effect=Effect.IDEMPOTENT, scope="core", callers="host", forgets=True, timeout=60.0)
    def unlock(self, context: CallContext, request: UnlockCredentials) -> CredentialsUnlocked:
        """Unlock an extension's credentials for some time, in this process; jobs that wait for that go on."""
        with self._answered(context, request.extension):
            self._locks.unlock(request.extension, request.passphrase, request.seconds)
            self._hooks.passphrase_tried(request.extension, "right")
            self._locks.finish_change(request.extension)
        self._unlocked(request.extension)
        return CredentialsUnlocked(request.seconds)

    @action("credentials.lock", effect=Effect.IDEMPOTENT, scope="core", callers="host")
    def lock(self, context: CallContext, request: LockCredentials) -> CredentialsAreLocked:
        """Lock an extension's credentials again before their time."""
        with self._answered(context, request.extension):
            was_unlocked = self._locks.close(request.extension)
            if not self._locks.is_locked(request.extension):
                raise NoPassphrase(request.extension)
            return CredentialsAreLocked(was_unlocked)

    @query("credentials.lock_state", scope="core", callers="host")
    def lock_state(self, context: CallContext, request: AskLockState) -> LockStateAnswer:
        """Say whether an extension's credentials have a passphrase, and whether they are unlocked."""
        with self._answered(context, request.extension):
            state = self._locks.state(request.extension)
            return LockStateAnswer(state.has_passphrase, state.unlocked, state.seconds, round(state.wait * 1000))

    @contextlib.contextmanager
    def _answered(self, context: CallContext, extension: str) -> Iterator[None]:
        try:
            yield
        except WrongPassphrase as error:
            self._hooks.passphrase_tried(extension, "wrong")
            raise OperationFailed("permission_denied", str(error)) from None
        except PassphraseThrottled as error:
            self._hooks.passphrase_tried(extension, "throttled")
            after = max(1, round(error.seconds * 1000))
            raise OperationFailed("rate_limited", str(error), retry_after_ms=after) from None
        except UnfitPassphrase as error:
            raise OperationFailed("invalid_payload", str(error)) from None
        except NoPassphrase as error:
            raise OperationFailed("not_found", str(error)) from None
        except (PassphraseIsSet, PassphrasesUnsupported) as error:
            raise OperationFailed("failed", str(error)) from None
        except (SecretsError, StoreError) as error:
            context.log.error("%s", error)
            raise OperationFailed("unavailable", _KEYS) from None


def lock_operations(
    store: EventStore, keychain: Keychain, hooks: ActorHooks, unlocked: Callable[[str], object]
) -> Sequence[Callable[..., Any]]:
    """The handlers to register; see `LockOperations`."""
    operations = LockOperations(store, keychain, hooks, unlocked)
    return (
        operations.set_passphrase,
        operations.remove_passphrase,
        operations.unlock,
        operations.lock,
        operations.lock_state,
    )
