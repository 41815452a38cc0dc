"""What can be wrong with a bundle."""

from __future__ import annotations

from pathlib import Path

from perdure.runtime.errors import PerdureError


class BadBundle(PerdureError):
    """The file is no bundle, or is not what was written.

    ``at`` is the byte where that shows.
    """

    def __init__(self, path: Path, reason: str, at: int = 0) -> None:
        self.path, self.reason, self.at = path, reason, at
        super().__init__(f"{path} cannot be used: at byte {at}, {reason}; get it again from whoever made it")


class UnsupportedBundle(BadBundle):
    """The bundle was made by a newer version of perdure."""

    def __init__(self, path: Path, found: str, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(path, f"its format is {found}, this perdure knows {known}")


class BundleNotWritten(PerdureError):
    """A bundle could not be made; there is no file, or the one that was there before."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} cannot be written: {reason}")


class NotInBundle(PerdureError):
    """The bundle has no key for a sealed payload.

    ``key`` is its id.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"it is sealed with key {key}, and keys are not in bundles")
