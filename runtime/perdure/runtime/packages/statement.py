"""The text that a publisher signs: which files make the package, by size and SHA-256, and who signs. Pure.

Lines, each ended by a line feed, in this order; one statement has one text:

    perdure-package 1
    extension ID
    version VERSION
    publisher KEY                      an Ed25519 public key, 64 hexadecimal digits
    name NAME                          the publisher's, for people
    endorsed KEY SIGNATURE             any number: keys before, oldest first, each signed the next
    file SHA256 SIZE PATH              manifest.json, then the module, then what people may want to read

In the file one more line follows, ``signature`` and the 128 hexadecimal digits of the signature of all lines before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

import msgspec

from perdure.runtime.extension_folder import MAX_WASM_BYTES
from perdure.runtime.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES
from perdure.runtime.packages.endorsements import Endorsement, fault_of
from perdure.runtime.seals.signing import is_signed
from perdure.store.seals.statement import KEY_BYTES, SIGNATURE_BYTES

FORMAT: Final = 1
STATEMENT_FILE: Final = "SIGNATURE"
MAX_STATEMENT_BYTES: Final = 64 * 1024
MAX_NAME: Final = 100
MAX_PATH: Final = 255
MAX_EXTRA_BYTES: Final = 1024 * 1024
# What a package may hold beside the manifest and the module, for people; a host uses nothing of it.
EXTRA_FILES: Final = (
    "README.md",
    "README.txt",
    "README",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "CHANGELOG.md",
    "icon.png",
    "icon.svg",
)
_HEAD: Final = "perdure-package "
_FORMAT: Final = re.compile(f"{_HEAD}([1-9][0-9]{{0,8}})")
_SIGNATURE: Final = "signature "
_WHOLE: Final = 2  # files: the manifest and the module


class BadStatement(ValueError):
    """The text is no statement of a package; ``found`` is its format if that is what is wrong."""

    def __init__(self, reason: str, found: str = "") -> None:
        self.reason, self.found = reason, found
        super().__init__(reason)


class PackedFile(msgspec.Struct, frozen=True):
    """One file of a package; ``size`` in bytes, ``sha256`` in hexadecimal digits."""

    sha256: str
    size: int
    path: str


class PackageStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What a publisher says of a package. `check_statement` says whether it may be believed."""

    extension: str
    version: str
    key: bytes
    name: str
    endorsements: tuple[Endorsement, ...]
    files: tuple[PackedFile, ...]

    @property
    def text(self) -> bytes:
        """The bytes that are signed."""
        lines = [
            f"{_HEAD}{FORMAT}",
            f"extension {self.extension}",
            f"version {self.version}",
            f"publisher {self.key.hex()}",
            f"name {self.name}",
            *(f"endorsed {one.key.hex()} {one.signature.hex()}" for one in self.endorsements),
            *(f"file {one.sha256} {one.size} {one.path}" for one in self.files),
        ]
        return "".join(f"{line}\n" for line in lines).encode()

    @property
    def earlier(self) -> tuple[bytes, ...]:
        """The keys that the publisher's follows, oldest first."""
        return tuple(one.key for one in self.endorsements)


def signed_text(statement: PackageStatement, signature: bytes) -> bytes:
    """The content of `STATEMENT_FILE`."""
    return statement.text + f"{_SIGNATURE}{signature.hex()}\n".encode()


def read_statement(data: bytes) -> PackageStatement:
    """The statement that `STATEMENT_FILE` holds, which may be anything; its signatures have been checked.

    Raises:
        BadStatement: it is not what a publisher signed, or says what no package may be.
    """
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise BadStatement("it is no text") from None
    head = _FORMAT.fullmatch(lines[0])
    if head is None:
        raise BadStatement("it does not begin as the statement of a package does")
    if head[1] != str(FORMAT):
        raise BadStatement("its format is not known", head[1])
    try:
        statement, signature = _parsed(lines[1:])
    except ValueError:
        raise BadStatement("its lines are not those of a statement") from None
    # Whatever is written in another way than this, with other blanks or digits, is no statement.
    if signed_text(statement, signature) != data:
        raise BadStatement("it is not written as a statement is")
    _check(statement)
    if not is_signed(statement.key, signature, statement.text):
        raise BadStatement("its signature is not that of its publisher's key")
    if fault := fault_of(statement.endorsements, statement.key):
        raise BadStatement(f"its line of keys cannot be followed: {fault}")
    return statement


def is_publisher_name(name: str) -> bool:
    """Whether a publisher may be called so: it is shown in terminals and tables."""
    return 1 <= len(name) <= MAX_NAME and name.isprintable() and name == name.strip()


def is_packed_path(path: str) -> bool:
    """Whether a file of a package may have this path: what others unpack must stay in their folder."""
    parts = PurePosixPath(path).parts
    return (
        1 <= len(path) <= MAX_PATH
        and path.isprintable()
        and not path.startswith("/")
        and "\\" not in path
        and ":" not in path
        and ".." not in parts
        and str(PurePosixPath(path)) == path != "."
        and _is_text(path)
    )


def most_bytes(index: int) -> int:
    """How large the file with this number may be."""
    return (MAX_MANIFEST_BYTES, MAX_WASM_BYTES)[index] if index < _WHOLE else MAX_EXTRA_BYTES


def fault_of_files(files: Sequence[PackedFile]) -> str:
    """What is wrong with a package of these files; empty if nothing is."""
    if len(files) < _WHOLE or files[0].path != MANIFEST_FILE:
        return f"it has to begin with {MANIFEST_FILE} and the module"
    if not is_packed_path(files[1].path):
        return "the path of its module is none that can be unpacked safely"
    names = [file.path.casefold() for file in files]
    if len({*names, STATEMENT_FILE.casefold()}) != len(names) + 1:
        return "two of its files have one name"
    extras = [file.path for file in files[_WHOLE:]]
    if extras != [name for name in EXTRA_FILES if name in extras]:
        return f"beside manifest and module it may only have {', '.join(EXTRA_FILES)}, in this order"
    for index, file in enumerate(files):
        if not 0 <= file.size <= most_bytes(index):
            return f"{file.path} has {file.size} bytes, the limit is {most_bytes(index)}"
    return ""


def _parsed(lines: list[str]) -> tuple[PackageStatement, bytes]:
    """Raises `ValueError` for whatever is in the way; what is read wrongly is written otherwise than it was."""
    rest = iter(lines)
    extension, version = (_value(next(rest, ""), name) for name in ("extension", "version"))
    key = bytes.fromhex(_value(next(rest, ""), "publisher"))
    name = _value(next(rest, ""), "name")
    endorsements, files, signature = [], [], b""
    for line in rest:
        word, _, value = line.partition(" ")
        if word == "endorsed":
            old, _, by_old = value.partition(" ")
            endorsements.append(Endorsement(bytes.fromhex(old), bytes.fromhex(by_old)))
        elif word == "file":
            sha256, size, path = value.split(" ", 2)
            files.append(PackedFile(sha256, _size(size), path))
        elif word == "signature":
            signature = bytes.fromhex(value)
        elif line:
            raise ValueError(line)
    statement = PackageStatement(
        extension=extension,
        version=version,
        key=key,
        name=name,
        endorsements=tuple(endorsements),
        files=tuple(files),
    )
    return statement, signature


def _value(line: str, name: str) -> str:
    found, _, value = line.partition(" ")
    if found != name:
        raise ValueError(line)
    return value


def _size(text: str) -> int:
    # The length first: converting a million digits takes long.
    if len(text) > 12 or not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)


def _check(statement: PackageStatement) -> None:
    if len(statement.key) != KEY_BYTES or any(len(one.signature) != SIGNATURE_BYTES for one in statement.endorsements):
        raise BadStatement("a key or a signature has not the size of one")
    if not is_publisher_name(statement.name):
        raise BadStatement(f"the publisher's name is not 1 to {MAX_NAME} printable characters")
    if any(len(file.sha256) != 2 * KEY_BYTES for file in statement.files):
        raise BadStatement("a digest has not the size of one")
    if fault := fault_of_files(statement.files):
        raise BadStatement(fault)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
