"""What can go wrong with packages and their publishers, whose fault it is, and what to do."""

from __future__ import annotations

from pathlib import Path

from perdure.runtime.errors import PerdureError

_SHOWN = 100  # characters of a value that an error's text quotes


# --- the file --------------------------------------------------------------------------------------------------------


class PackageError(PerdureError):
    """Base of what is wrong with a package.

    ``path`` is the file.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        super().__init__(text)


class NotAPackage(PackageError):
    """The file is no package."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, f"{path} is no package; name a .perdure-ext file, or the folder that holds manifest.json"
        )


class BadPackage(PackageError):
    """The package is not what its publisher signed.

    ``at`` is the byte where that shows.

    Whoever handed it on is to blame, or the way it took. Nothing of it was stored or run.
    """

    def __init__(self, path: Path, reason: str, at: int = 0) -> None:
        self.reason, self.at = reason, at
        super().__init__(path, f"{path} cannot be used: at byte {at}, {reason}; get it again from its publisher")


class UnsupportedPackage(PackageError):
    """The package was made by a newer perdure.

    ``known`` is the format that this one reads.
    """

    def __init__(self, path: Path, found: str, known: int) -> None:
        self.found, self.known = found[:_SHOWN], known
        super().__init__(
            path, f"{path} has format {self.found!r}, this perdure knows {known}; install it with a newer perdure"
        )


class PackageUnreadable(PackageError):
    """The file is not there, is no ordinary file, or the operating system refused to read it."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(path, f"{path} cannot be read: {reason}")


class PackageNotWritten(PackageError):
    """A package could not be made; there is no file, or the one that was there before."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(path, f"{path} cannot be written: {reason}")


class NotPackable(PackageError):
    """The extension cannot be a package as it is. Its author is to blame.

    ``path`` is the folder.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(path, f"{path} cannot be packed: {reason}")


# --- who may publish -------------------------------------------------------------------------------------------------


class PublisherError(PerdureError):
    """Base of the refusals of versions that come from somebody else. Nothing was recorded or run.

    ``pinned`` and ``found`` are fingerprints (`perdure.runtime.packages.fingerprint`): of the publisher that the
    extension is pinned to, and of who signed this version; None for none.
    """

    def __init__(self, extension: str, pinned: str | None, found: str | None, text: str) -> None:
        self.extension, self.pinned, self.found = extension, pinned, found
        super().__init__(text)


class PublisherChanged(PublisherError):
    """The version is signed, but by another publisher than those before, who did not sign the new key."""

    def __init__(self, extension: str, pinned: str, found: str) -> None:
        super().__init__(
            extension,
            pinned,
            found,
            f"extension {extension} is pinned to the publisher {pinned}, and this version is signed by {found}, whom "
            "that publisher did not endorse; ask the publisher through another channel. If it is right: "
            f"--accept-publisher {found} (accept_publisher=)",
        )


class SignatureMissing(PublisherError):
    """The version is not signed, and those before were."""

    def __init__(self, extension: str, pinned: str) -> None:
        super().__init__(
            extension,
            pinned,
            None,
            f"extension {extension} is pinned to the publisher {pinned}, and this version is not signed; install the "
            "publisher's package. To take it all the same: --unsigned (unsigned=True)",
        )


class PublisherNotAccepted(PublisherError):
    """It is signed by another publisher than whoever installs it wants, or by nobody.

    ``wanted`` is the one who has to have signed it.
    """

    def __init__(self, extension: str, wanted: str, pinned: str | None, found: str | None) -> None:
        self.wanted = wanted
        who = f"is signed by {found}" if found is not None else "is not signed"
        super().__init__(
            extension,
            pinned,
            found,
            f"this version of extension {extension} {who}, and you accept {wanted}; get it from that publisher",
        )


class InvalidFingerprint(PerdureError, ValueError):
    """A text that is no publisher's fingerprint. The caller is to blame."""

    def __init__(self, value: str) -> None:
        self.value = value
        shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
        super().__init__(
            f"{shown!r} is no publisher's fingerprint: eight words of five letters, as perdure extensions inspect "
            "shows them, or the 64 hexadecimal digits of the key"
        )


class NotPinned(PerdureError, LookupError):
    """The extension is pinned to no publisher, so there is none to forget."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        super().__init__(f"extension {extension} is pinned to no publisher; there is nothing to forget")


# --- the publisher's own key -----------------------------------------------------------------------------------------


class PublisherKeyError(PerdureError):
    """Base of what is wrong with the file of a publisher's key.

    ``path`` is the file. Its text never has the key.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        super().__init__(text)


class PublisherKeyMissing(PublisherKeyError):
    """There is no file with the publisher's key."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            f"{path} is not there: there is no publisher's key; restore it from a backup, or make one: "
            "perdure keys publisher new",
        )


class PublisherKeyExists(PublisherKeyError):
    """There is a key already, and another one would take its place."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            f"{path} holds a publisher's key already; perdure keys publisher rotate makes a new one that hosts accept "
            "in its place",
        )


class BadPublisherKey(PublisherKeyError):
    """The file holds no publisher's key."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(path, f"{path} holds no publisher's key: {reason}; restore it from a backup")


class UnsafePublisherKey(PublisherKeyError):
    """Others can read the publisher's key."""

    def __init__(self, path: Path, mode: int) -> None:
        self.mode = mode
        super().__init__(path, f"{path} is open to others (mode {mode:04o}), who could sign with it; chmod 600 it")


class PublisherKeyFailed(PublisherKeyError):
    """The operating system refused to read or write the file of the publisher's key."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(path, f"{path}: {reason}")


class InvalidPublisherName(PerdureError, ValueError):
    """A name that no publisher can have. The caller is to blame."""

    def __init__(self, name: str, longest: int) -> None:
        self.name = name
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
        super().__init__(f"{shown!r} is no publisher's name: 1 to {longest} printable characters, no blanks around")
