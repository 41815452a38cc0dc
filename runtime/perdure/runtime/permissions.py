"""Which operations and libraries an extension may use: pure, from its manifest.

An operation is known by its kind, its name and its version. On the wire it may carry a suffix: ``query:ai.ocr`` and
``query:ai.ocr.v1`` are one operation, and so are ``action:vdfs.write_sidecar`` and
``action:vdfs.write_sidecar.input.v1``. Names are compared without it, so that no spelling gets around a permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from perdure.runtime.manifest import ManifestPermissions

MAX_NAME_LENGTH: Final = 200
ANY_LIBRARY: Final = "*"

# [0-9] and fullmatch, not \d and $: those let in other scripts' digits and a newline.
_WIRE: Final = re.compile(r"(query|action):([a-z0-9_]+(?:\.[a-z0-9_]+)*?)(?:\.input)?(?:\.v([1-9][0-9]{0,3}))?")
# What only a suffix may look like. Otherwise two spellings of one operation could mean different ones.
_RESERVED_END: Final = re.compile(r"(?:.*\.)?(?:input|v[0-9]+)")
_PREFIX: Final = re.compile(r"\*|(?:query|action):(?:[a-z0-9_]+\.)*(?:[a-z0-9_]*\*)?")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class OperationName(msgspec.Struct, frozen=True):
    """An operation: ``kind`` is ``query`` or ``action``, ``name`` is like ``vdfs.read_sidecar``.

    As text it has its kind, and its version if that is not 1: ``query:ai.ocr``, ``query:ai.ocr.v2``.
    """

    kind: str
    name: str
    version: int = 1

    def __str__(self) -> str:
        suffix = "" if self.version == 1 else f".v{self.version}"
        return f"{self.kind}:{self.name}{suffix}"


def operation_name(wire: str) -> OperationName | None:
    """The operation that ``wire`` names, with or without ``.v1`` or ``.input.v1``; None if it can name none.

    A name is segments of ``[a-z0-9_]`` with dots in between, at most `MAX_NAME_LENGTH` characters with all around it.
    Versions go from 1 to 9999. A last segment ``input`` is always the wire's, never a part of the name.
    """
    if len(wire) > MAX_NAME_LENGTH:
        return None
    match = _WIRE.fullmatch(wire)
    if match is None:
        return None
    kind, name, version = match.groups()
    if _RESERVED_END.fullmatch(name):
        return None
    return OperationName(kind, name, int(version or 1))


def is_method_entry(entry: str) -> bool:
    """Whether ``entry`` may stand in a manifest's ``methods``: an operation's name, or the beginning of names.

    Beginnings are ``*``, ``query:``, ``query:ai.`` and ``query:ai.o*``.
    """
    return len(entry) <= MAX_NAME_LENGTH and (_PREFIX.fullmatch(entry) or operation_name(entry)) is not None


def library_entry(entry: str) -> UUID | None:
    """The library that an entry of a manifest names, written with hyphens; None if it names none."""
    return UUID(entry) if _UUID.fullmatch(entry) else None


class Permissions:
    """What an extension may do. Immutable; a check costs about a microsecond.

    Args:
        methods: entries of a manifest. One that ends in ``:``, ``.`` or ``*`` allows every operation whose kind and
            name begin with it (without the ``*``), in any version. Any other allows the one operation, in the one
            version, that it names.
        libraries: ``*``, or UUIDs of libraries.

    Raises:
        ValueError: an entry is malformed. Those of a `Manifest` are not.
    """

    def __init__(self, methods: Iterable[str], libraries: Iterable[str]) -> None:
        names: set[OperationName] = set()
        prefixes: set[str] = set()
        for entry in methods:
            if not is_method_entry(entry):
                raise ValueError(f"{entry!r} is no entry of methods")
            if entry.endswith((":", ".", "*")):
                prefixes.add(entry.removesuffix("*"))
            elif (name := operation_name(entry)) is not None:
                names.add(name)
        uuids: set[UUID] = set()
        self._any_library = False
        for entry in libraries:
            library = library_entry(entry)
            if entry == ANY_LIBRARY:
                self._any_library = True
            elif library is None:
                raise ValueError(f"{entry!r} is no entry of libraries")
            else:
                uuids.add(library)
        self._names = frozenset(names)
        self._prefixes = tuple(sorted(prefixes))
        self._libraries = frozenset(uuids)

    @classmethod
    def of(cls, permissions: ManifestPermissions) -> Permissions:
        """The permissions that a manifest asks for."""
        return cls(permissions.methods, permissions.libraries)

    def allows(self, method: OperationName) -> bool:
        """Whether the operation may be called."""
        return method in self._names or f"{method.kind}:{method.name}".startswith(self._prefixes)

    def allows_library(self, library_id: UUID) -> bool:
        """Whether something may be done in the library."""
        return self._any_library or library_id in self._libraries
