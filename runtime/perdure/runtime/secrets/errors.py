"""What can go wrong with keys and sealed data, whose fault it is, and what to do. No message holds a secret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from perdure.runtime.errors import PerdureError


class SecretsError(PerdureError):
    """Base of everything that is wrong with keys and sealed data."""


class KeyDestroyed(SecretsError):
    """The key was destroyed on purpose: what it sealed is erased, for everybody and for good."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"key {key} was destroyed; what it sealed is erased for good")


class KeyMissing(SecretsError):
    """The key's file is gone, and nobody destroyed it."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"key {key} is not in the keys folder; restore the folder from the backup that has the log")


class SealBroken(SecretsError):
    """The bytes are not what was sealed with this key: they, or the key's file, were altered."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"what key {key} sealed was altered; restore the data folder from a backup")


class InvalidMasterKey(SecretsError, ValueError):
    """The master key that the embedder brought cannot be one.

    ``size`` is in bytes.
    """

    def __init__(self, size: int, expected: int) -> None:
        self.size, self.expected = size, expected
        super().__init__(f"the master key has {size} bytes, it must have {expected} that are random")


class WrongMasterKey(SecretsError):
    """The master key is not the one that these keys are wrapped with. Nothing was changed.

    ``expected`` is the id of the right one; ``found`` says where the wrong one came from.
    """

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(
            f"the master key from {found} is not {expected}, which the keys of this data folder are wrapped with;"
            " bring that one back"
        )


class MasterKeyUnavailable(SecretsError):
    """The place that keeps the master key does not give it now. Nothing was changed.

    ``source`` is that place.
    """

    def __init__(self, source: str, key: str, reason: str, remedy: str) -> None:
        self.source, self.key, self.reason = source, key, reason
        super().__init__(f"master key {key} is kept in {source}, and {reason}; {remedy}")


class UnsafeKeys(SecretsError):
    """Others can read or replace the keys, so they are not used."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} {reason}; give it to this user alone (chmod go=), and rotate the master key if somebody may have"
            " read it"
        )


class CorruptKeys(SecretsError):
    """A file of the keys folder is not what was written there."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"the key file {name} is damaged: {reason}; restore it from a backup")


class ErasureRefused(SecretsError):
    """Jobs that have not ended may still need what is to be erased. Nothing was erased.

    ``jobs`` are some of them.
    """

    def __init__(self, jobs: Sequence[UUID]) -> None:
        self.jobs = tuple(jobs)
        super().__init__(
            f"jobs that have not ended may need what is to be erased: {', '.join(map(str, jobs))};"
            " let them end, or cancel them"
        )


class NeverSealed(SecretsError):
    """There was no key when this payload was recorded, so it was not kept."""

    def __init__(self) -> None:
        super().__init__("the payload was not kept: the keys could not be used when it was recorded")


class CredentialsLocked(SecretsError):
    """The extension's credentials are locked: a person has to unlock them. Nothing is lost."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(
            f"the credentials of {extension} are locked; unlock them with their passphrase"
            f" (perdure credentials unlock {extension})"
        )


class WrongPassphrase(SecretsError):
    """This is not the passphrase of the extension's credentials. Nothing was changed."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(f"this is not the passphrase of the credentials of {extension}")


class PassphraseThrottled(SecretsError):
    """After wrong passphrases the next one is looked at after a while; this one was not.

    That is in ``seconds``.
    """

    def __init__(self, extension: str, seconds: float) -> None:
        self.extension, self.seconds = extension, seconds
        super().__init__(f"too many wrong passphrases for {extension}; try again in {max(1, round(seconds))} s")


class NoPassphrase(SecretsError):
    """The extension's credentials have no passphrase."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(
            f"the credentials of {extension} have no passphrase; perdure credentials passphrase {extension} sets one"
        )


class PassphraseIsSet(SecretsError):
    """The extension's credentials have a passphrase; a new one is set by who gives the old one, too."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(f"the credentials of {extension} have a passphrase; give that one and the new one")


class UnfitPassphrase(SecretsError, ValueError):
    """A text cannot be a passphrase. The message does not repeat it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this cannot be a passphrase: {reason}")


class PassphrasesUnsupported(SecretsError):
    """The library that does the cryptography was built without Argon2id."""

    def __init__(self) -> None:
        super().__init__(
            "this build of 'cryptography' has no Argon2id (OpenSSL before 3.2); install the wheel that PyPI has"
        )
