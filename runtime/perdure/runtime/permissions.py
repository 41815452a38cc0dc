"""Which operations and libraries an extension may use: pure, from its manifest.

An operation is known by its kind, its name and its version. On the wire it may carry a suffix: ``query:ai.ocr`` and
``query:ai.ocr.v1`` are one operation, and so are ``action:vdfs.write_sidecar`` and
``action:vdfs.write_sidecar.input.v1``. Names are compared without it, so that no spelling gets around a permission.
"""

from __future__ import annotations

import functools
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
    return _parsed(wire) if len(wire) <= MAX_NAME_LENGTH else None


# A call's name is read in several places, and guests repeat themselves: 0.1 µs instead of 2. Names are the guest's, so
# there is only so much room, and nothing long in it.
@functools.lru_cache(maxsize=4_096)
def _parsed(wire: str) -> OperationName | None:
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


def _split(entries: Iterable[str]) -> tuple[frozenset[OperationName], frozenset[str]]:
    """The operations that entries name, and the beginnings that others stand for.

    Raises:
        ValueError: an entry is malformed.
    """
    names: set[OperationName] = set()
    prefixes: set[str] = set()
    for entry in entries:
        if not is_method_entry(entry):
            raise ValueError(f"{entry!r} is no entry of methods")
        if entry.endswith((":", ".", "*")):
            prefixes.add(entry.removesuffix("*"))
        elif (name := operation_name(entry)) is not None:
            names.add(name)
    return frozenset(names), frozenset(prefixes)


class MethodEntries:
    """Entries of ``methods`` as one set of operations. Immutable; `allows` costs less than a microsecond.

    An entry that ends in ``:``, ``.`` or ``*`` stands for every operation whose kind and name begin with it (without
    the ``*``), in any version. Any other stands for the one operation, in the one version, that it names.

    Raises:
        ValueError: an entry is malformed. Those of a `Manifest` are not.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._set(*_split(entries))

    def _set(self, names: Iterable[OperationName], prefixes: Iterable[str]) -> None:
        """Keep what the others do not say already, so that two spellings of one set are equal."""
        kept: list[str] = []
        for text in sorted(prefixes):
            # Sorted, so that what begins with a text stands right behind it.
            if not kept or not text.startswith(kept[-1]):
                kept.append(text)
        if kept == ["action:", "query:"]:
            kept = [""]  # there is nothing else
        self._prefixes = tuple(kept)
        self._names = frozenset(name for name in names if not self._begins(name))

    def _begins(self, method: OperationName) -> bool:
        return f"{method.kind}:{method.name}".startswith(self._prefixes)

    @property
    def entries(self) -> tuple[str, ...]:
        """The fewest entries that say the same, in order."""
        beginnings = (text if text.endswith((":", ".")) else f"{text}*" for text in self._prefixes)
        return tuple(sorted((*beginnings, *map(str, self._names))))

    def allows(self, method: OperationName) -> bool:
        """Whether the operation is one of them."""
        return method in self._names or self._begins(method)

    def covers(self, entry: str) -> bool:
        """Whether all that ``entry`` stands for is among them."""
        names, prefixes = _split((entry,))
        return all(map(self.allows, names)) and all(text.startswith(self._prefixes) for text in prefixes)

    def meets(self, entry: str) -> bool:
        """Whether anything that ``entry`` stands for is among them."""
        return bool(self.narrowed(MethodEntries((entry,))))

    def narrowed(self, other: MethodEntries) -> MethodEntries:
        """What is in both."""
        both = MethodEntries()
        both._set(
            (*filter(other.allows, self._names), *filter(self.allows, other._names)),
            (
                *(text for text in self._prefixes if text.startswith(other._prefixes)),
                *(text for text in other._prefixes if text.startswith(self._prefixes)),
            ),
        )
        return both

    def __bool__(self) -> bool:
        return bool(self._names or self._prefixes)

    def __eq__(self, other: object) -> bool:
        same = (self._names, self._prefixes)
        return isinstance(other, MethodEntries) and same == (other._names, other._prefixes)

    def __hash__(self) -> int:
        return hash((self._names, self._prefixes))

    def __repr__(self) -> str:
        return f"MethodEntries({list(self.entries)!r})"


class LibraryEntries:
    """Entries of ``libraries``: ``*``, or UUIDs. Immutable.

    Raises:
        ValueError: an entry is malformed. Those of a `Manifest` are not.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        uuids: set[UUID] = set()
        self._any = False
        for entry in entries:
            library = library_entry(entry)
            if entry == ANY_LIBRARY:
                self._any = True
            elif library is None:
                raise ValueError(f"{entry!r} is no entry of libraries")
            else:
                uuids.add(library)
        self._uuids = frozenset(uuids)

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries, in order; only ``*`` where that is one of them."""
        return (ANY_LIBRARY,) if self._any else tuple(sorted(map(str, self._uuids)))

    def allows(self, library_id: UUID) -> bool:
        """Whether the library is one of them."""
        return self._any or library_id in self._uuids

    def covers(self, other: LibraryEntries) -> bool:
        """Whether all of the others are among them."""
        return self._any or (not other._any and other._uuids <= self._uuids)

    def narrowed(self, other: LibraryEntries) -> LibraryEntries:
        """What is in both."""
        if self._any:
            return other
        return self if other._any else LibraryEntries(map(str, self._uuids & other._uuids))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LibraryEntries) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash((self._any, self._uuids))

    def __repr__(self) -> str:
        return f"LibraryEntries({list(self.entries)!r})"


class Permissions:
    """Which operations an extension may call, and in which libraries. Immutable; a check costs about a microsecond.

    Args:
        methods: entries of a manifest; see `MethodEntries`.
        libraries: ``*``, or UUIDs of libraries.
        denied: entries of what may not be called, even if ``methods`` allow it.

    Raises:
        ValueError: an entry is malformed. Those of a `Manifest` are not.
    """

    def __init__(self, methods: Iterable[str], libraries: Iterable[str], denied: Iterable[str] = ()) -> None:
        self.methods = MethodEntries(methods)
        self.libraries = LibraryEntries(libraries)
        self.denied = MethodEntries(denied)
        self._denies = bool(self.denied)

    @classmethod
    def of(cls, permissions: ManifestPermissions) -> Permissions:
        """The permissions that a manifest asks for."""
        return cls(permissions.methods, permissions.libraries)

    def allows(self, method: OperationName) -> bool:
        """Whether the operation may be called."""
        return self.methods.allows(method) and not (self._denies and self.denied.allows(method))

    def allows_library(self, library_id: UUID) -> bool:
        """Whether something may be done in the library."""
        return self.libraries.allows(library_id)
