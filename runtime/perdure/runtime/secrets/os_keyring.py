"""The operating system's keyring, if there is one that works without asking anybody.

Only keyrings that the system guards are used: the Secret Service of a Linux desktop while it is unlocked, the Keychain
of macOS, the Windows Credential Manager. ``PYTHON_KEYRING_BACKEND`` and keyring's own configuration are honoured, so
``keyring.backends.null.Keyring`` there switches it off. Every call is bounded: a bus that does not answer, or a prompt
that nobody sees, must not hold up a headless process.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol, TypeVar

SERVICE: Final = "perdure"
PATIENCE: Final = 5.0  # seconds
_TRUSTED: Final = ("keyring.backends.SecretService", "keyring.backends.macOS", "keyring.backends.Windows")
_DEFAULT_COLLECTION: Final = "/org/freedesktop/secrets/aliases/default"

T = TypeVar("T")


class KeyringFailed(Exception):
    """The keyring cannot be used; the text says why, and holds no secret."""


class Backend(Protocol):
    """What is used of `keyring.backend.KeyringBackend`."""

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Make or replace the entry."""

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry."""


class OsKeyring:
    """Keys in the keyring, each under an id. Every call may take ``patience`` seconds."""

    def __init__(self, backend: Backend, patience: float = PATIENCE) -> None:
        self._backend = backend
        self._patience = patience

    def read(self, key_id: str) -> bytes | None:
        """The key, or None if the keyring has none with this id.

        Raises:
            KeyringFailed: the keyring does not answer, or with something that is no key.
        """
        found = _bounded(lambda: self._backend.get_password(SERVICE, key_id), self._patience)
        try:
            return None if found is None else bytes.fromhex(found)
        except ValueError:
            raise KeyringFailed("its entry is not what was stored") from None

    def write(self, key_id: str, key: bytes) -> None:
        """Store a key and see that it is there.

        Raises:
            KeyringFailed: it could not be stored.
        """
        _bounded(lambda: self._backend.set_password(SERVICE, key_id, key.hex()), self._patience)
        if self.read(key_id) != key:
            raise KeyringFailed("it did not keep what was stored")

    def delete(self, key_id: str) -> None:
        """Remove a key, if it is there and the keyring lets go of it."""
        with contextlib.suppress(KeyringFailed):
            _bounded(lambda: self._backend.delete_password(SERVICE, key_id), self._patience)


def find_keyring(patience: float = PATIENCE) -> OsKeyring:
    """The keyring of this user.

    Raises:
        KeyringFailed: there is none that works and asks nobody.
    """
    return OsKeyring(_bounded(_find_backend, patience), patience)


def no_keyring() -> OsKeyring:
    """For keys that are not to outlive the process.

    Raises:
        KeyringFailed: always.
    """
    raise KeyringFailed("these keys are kept in memory")


def _find_backend() -> Backend:
    import keyring  # noqa: PLC0415 - it looks around in the system, and few processes need a master key
    from keyring.backends.chainer import ChainerBackend  # noqa: PLC0415

    chosen = keyring.get_keyring()
    backends = chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]
    for backend in backends:
        if type(backend).__module__ in _TRUSTED:
            if type(backend).__module__ == _TRUSTED[0]:
                _check_unlocked()
            return backend
    raise KeyringFailed("the system has no keyring for this process")


def _check_unlocked() -> None:
    # keyring itself would ask the desktop to unlock, or to make, a collection: a prompt.
    import secretstorage  # noqa: PLC0415

    with contextlib.closing(secretstorage.dbus_init()) as bus:
        try:
            locked = secretstorage.Collection(bus, _DEFAULT_COLLECTION).is_locked()
        except secretstorage.ItemNotFoundException:
            raise KeyringFailed("the keyring has no default collection") from None
        if locked:
            raise KeyringFailed("the keyring is locked")


def _bounded(call: Callable[[], T], patience: float) -> T:
    """What ``call`` returns, on a thread that is left behind if it takes too long."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - a bus, a plugin, anything; it is told to who waits
            future.set_exception(error)

    threading.Thread(target=run, name="perdure-keyring", daemon=True).start()
    try:
        return future.result(patience)
    except KeyringFailed:
        raise
    except TimeoutError:
        raise KeyringFailed(f"the keyring did not answer within {patience:g} s") from None
    except Exception as error:  # noqa: BLE001 - whatever a keyring raises means that it cannot be used
        # Only the kind of error: its text may hold what was to be stored.
        raise KeyringFailed(f"the keyring refused ({type(error).__name__})") from None
