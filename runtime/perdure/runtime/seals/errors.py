"""What can go wrong with seals, whose fault it is, and what to do."""

from __future__ import annotations

from pathlib import Path

from perdure.runtime.errors import PerdureError


class SealError(PerdureError):
    """Base of everything that is wrong with seals."""


class InvalidSeal(SealError):
    """A seal, a proof or a key is not what perdure made: unreadable, altered, or signed by somebody else."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason
        super().__init__(f"{what} cannot be relied on: {reason}")


class SealKeyLost(SealError):
    """The private key that signs this log's seals is not in the keys folder. Nothing was sealed."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        super().__init__(
            f"the key {key.hex()[:16]}… that signs this log's seals is not in the keys folder; restore that from a"
            " backup, or begin with a new key: perdure keys rotate --seals"
        )


class SealFileFailed(SealError):
    """A seal's or a key's file could not be read or written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class NotSealed(SealError):
    """The log has no seal yet."""

    def __init__(self) -> None:
        super().__init__("nothing is sealed yet; perdure log seal does it")
