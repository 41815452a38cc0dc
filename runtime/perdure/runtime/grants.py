"""What a person granted an extension: pure.

The manifest asks, a grant allows, and an extension may do what both say: a grant can be narrower than what is asked,
and what it has beyond that waits for a version that asks for it. Without a grant an extension may call no operation
and reach no host; its jobs run, in the libraries and within the limits that its manifest asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from perdure.runtime.budgets.budgets import Budgets, asked_budgets, exceeding
from perdure.runtime.errors import InvalidGrant
from perdure.runtime.http.hosts import HostRules, host_rule
from perdure.runtime.manifest import MAX_ENTRIES, ManifestPermissions
from perdure.runtime.permissions import (
    ANY_LIBRARY,
    LibraryEntries,
    MethodEntries,
    Permissions,
    is_method_entry,
    library_entry,
)
from perdure.store.errors import CorruptLog


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension may do, as far as its manifest asks for it.

    Attributes:
        methods: operations, written as in a manifest.
        denied: operations that it may not call, whatever ``methods`` say.
        libraries: UUIDs of libraries, or ``*`` for all that the manifest asks for.
        hosts: hosts, written as in a manifest's ``network_access``.
        budgets: how much it may use; None is what the manifest asks for, and the runtime's defaults beyond that.
    """

    methods: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    libraries: tuple[str, ...] = (ANY_LIBRARY,)
    hosts: tuple[str, ...] = ()
    budgets: Budgets | None = None


NOTHING: Final = Grant()
"""No operation and no host."""


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension may do at this moment: what its manifest asks for and its grant allows."""

    permissions: Permissions
    hosts: HostRules
    budgets: Budgets


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest asks for beyond something else. ``budgets`` are names of budgets of which it wants more."""

    methods: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.methods or self.libraries or self.hosts or self.budgets)


def asks_for_anything(asked: ManifestPermissions) -> bool:
    """Whether a person has to agree before the extension is installed: it wants operations, or the network."""
    return bool(asked.methods or asked.network_access)


def effective(asked: ManifestPermissions, grant: Grant | None, default: Budgets) -> Effective:
    """What an extension may do. ``default`` has the limits that neither of the two speaks of."""
    granted = grant if grant is not None else NOTHING
    methods = MethodEntries(asked.methods).narrowed(MethodEntries(granted.methods))
    libraries = LibraryEntries(asked.libraries).narrowed(LibraryEntries(granted.libraries))
    return Effective(
        permissions=Permissions(methods.entries, libraries.entries, granted.denied),
        hosts=HostRules.of(asked.network_access).narrowed(HostRules.of(granted.hosts)),
        budgets=_budgets(asked, granted.budgets, default),
    )


def _budgets(asked: ManifestPermissions, granted: Budgets | None, default: Budgets) -> Budgets:
    if granted is None:
        return asked_budgets(asked, default)
    wanted = asked_budgets(asked, granted)
    # What happens at an edge, and the limits that a manifest cannot ask for, are the grant's.
    less = {name: granted.of(name) for name in exceeding(wanted, granted)}
    return msgspec.structs.replace(wanted, **less)


def as_asked(asked: ManifestPermissions, default: Budgets) -> Grant:
    """The grant of everything that a manifest asks for."""
    return Grant(
        methods=asked.methods,
        libraries=asked.libraries,
        hosts=asked.network_access,
        budgets=asked_budgets(asked, default),
    )


def beyond(asked: ManifestPermissions, grant: Grant | None, before: ManifestPermissions | None) -> Excess:
    """What ``asked`` has that is neither granted nor was asked for ``before``, by the version that is installed.

    What the installed version asked for and did not get, or what is denied, was refused once; to ask for it again needs
    no new answer, since nothing is allowed that the grant does not have. What counts is the meaning, not the spelling:
    ``query:ai.`` has ``query:ai.ocr``.
    """
    granted = grant if grant is not None else Grant(libraries=())
    asked_before = before if before is not None else ManifestPermissions(libraries=())
    methods = MethodEntries((*granted.methods, *granted.denied, *asked_before.methods))
    # Without any operation a library is no more than where a job runs.
    anything = asks_for_anything(asked)
    libraries = LibraryEntries((*granted.libraries, *asked_before.libraries))
    return Excess(
        methods=tuple(entry for entry in asked.methods if not methods.covers(entry)),
        libraries=tuple(
            entry for entry in asked.libraries if anything and not libraries.covers(LibraryEntries((entry,)))
        ),
        hosts=_new_hosts(asked.network_access, (*granted.hosts, *asked_before.network_access)),
        budgets=_new_budgets(asked, granted.budgets, before),
    )


def _new_hosts(asked: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    rules = tuple(map(host_rule, known))
    return tuple(entry for entry in asked if not any(rule.covers(host_rule(entry)) for rule in rules))


def _new_budgets(
    asked: ManifestPermissions, granted: Budgets | None, before: ManifestPermissions | None
) -> tuple[str, ...]:
    if granted is None:
        return ()
    wanted = asked_budgets(asked, granted)
    over = exceeding(wanted, granted)
    if before is None:
        return over
    more = exceeding(wanted, asked_budgets(before, granted))
    return tuple(name for name in over if name in more)


def widened(grant: Grant, asked: ManifestPermissions, excess: Excess) -> Grant:
    """``grant`` with ``excess`` of what is asked on top: what was refused before stays refused."""
    budgets = grant.budgets
    if budgets is not None and excess.budgets:
        wanted = asked_budgets(asked, budgets)
        budgets = msgspec.structs.replace(budgets, **{name: wanted.of(name) for name in excess.budgets})
    return msgspec.structs.replace(
        grant,
        methods=MethodEntries((*grant.methods, *excess.methods)).entries,
        libraries=LibraryEntries((*grant.libraries, *excess.libraries)).entries,
        hosts=HostRules.of((*grant.hosts, *excess.hosts)).entries,
        budgets=budgets,
    )


# --- as it is recorded -----------------------------------------------------------------------------------------------

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Grant).decode


def encode_grant(grant: Grant) -> bytes:
    """The JSON that is recorded."""
    return _encode(grant)


def decode_grant(data: bytes) -> Grant:
    """The grant that was recorded.

    Raises:
        CorruptLog: the log holds something else.
    """
    try:
        return checked_grant(_decode(data))
    except (msgspec.MsgspecError, InvalidGrant) as error:
        raise CorruptLog("a grant", str(error)) from None


def checked_grant(grant: Grant) -> Grant:
    """The grant, if each of its entries can stand in a manifest.

    Raises:
        InvalidGrant: one cannot; it names the field.
    """
    _check("methods", grant.methods, is_method_entry, "an operation like query:ai.ocr, or a beginning like query:ai.")
    _check("denied", grant.denied, is_method_entry, "an operation like query:ai.ocr, or a beginning like query:ai.")
    _check(
        "libraries",
        grant.libraries,
        lambda entry: entry == ANY_LIBRARY or library_entry(entry) is not None,
        "the UUID of a library, or * for all",
    )
    _check("hosts", grant.hosts, _is_host, "a host like api.example.com, as in network_access of a manifest")
    if grant.budgets is not None and not isinstance(grant.budgets, Budgets):
        raise InvalidGrant("budgets", grant.budgets, "Budgets, or None")
    return grant


def _check(field: str, entries: object, valid: Callable[[str], bool], expected: str) -> None:
    if isinstance(entries, str) or not isinstance(entries, tuple | list):
        raise InvalidGrant(field, entries, f"a tuple, each entry {expected}")
    # Grants grow by one entry at a time, so they may have more than one manifest.
    if len(entries) > 10 * MAX_ENTRIES:
        raise InvalidGrant(field, len(entries), f"at most {10 * MAX_ENTRIES} entries")
    for index, entry in enumerate(entries):
        if not isinstance(entry, str) or not valid(entry):
            raise InvalidGrant(f"{field}[{index}]", entry, expected)


def _is_host(entry: str) -> bool:
    try:
        host_rule(entry)
    except ValueError:
        return False
    return True
