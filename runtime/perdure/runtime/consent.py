"""What an extension asks of a person, and how the answer comes back: pure.

A `Consent` is called with a `ConsentRequest` and returns the `Grant`, or None, which declines. It can be a dialog, a
policy of the embedder, or `grant_as_asked`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from perdure.runtime.budgets.budgets import Budgets, asked_budgets
from perdure.runtime.grants import Excess, Grant, as_asked, widened
from perdure.runtime.manifest import Manifest, ManifestPermissions
from perdure.runtime.packages.pinning import Trust
from perdure.runtime.permissions import ANY_LIBRARY, LibraryEntries, MethodEntries, OperationName, operation_name


class Risk(enum.IntEnum):
    """How much harm a permission can do, the most first."""

    HIGH = 0
    MEDIUM = 1
    LOW = 2


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked for.

    Attributes:
        kind: ``method``, ``host``, ``library`` or ``budget``.
        entry: as the manifest has it; a budget's name.
        words: what it means, for a person: "send requests to api.example.com".
        risk: how much harm it can do.
        new: whether it is neither granted nor was asked for by the version that is installed.
    """

    kind: str
    entry: str
    words: str
    risk: Risk
    new: bool


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed the version, and why it is taken (`perdure.runtime.packages.pinning.Trust`).

    ``fingerprint`` is the publisher's key in words that people can compare, empty if nobody signed it; ``name`` is what
    they call themselves. ``pinned`` is the fingerprint of who had to sign it until now, None for anybody.
    """

    name: str
    fingerprint: str
    trust: Trust
    pinned: str | None


class ConsentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of an extension asks for. Texts are its author's and printable, and not to be believed.

    Attributes:
        extension, name, version, description, author: as in its manifest.
        installed: the version that is installed and goes on whatever the answer is; None for a first install.
        granted: what was granted before; None if nothing was.
        asked: the permissions that the manifest asks for.
        asks: the same in words, the greatest risks first.
        excess: what of it is new: neither granted nor asked for by the installed version.
        default: the runtime's own budgets, for what a manifest cannot ask for.
        signer: who signed it; None if it is not signed, and need not be.
    """

    extension: str
    name: str
    version: str
    description: str
    author: str
    installed: str | None
    granted: Grant | None
    asked: ManifestPermissions
    asks: tuple[Ask, ...]
    excess: Excess
    default: Budgets
    signer: Signer | None = None

    def as_asked(self) -> Grant:
        """The grant of what is asked for. What was granted narrower before stays so, beside what is new."""
        if self.granted is None:
            return as_asked(self.asked, self.default)
        return widened(self.granted, self.asked, self.excess)


Consent = Callable[[ConsentRequest], Grant | None]


def grant_as_asked(request: ConsentRequest) -> Grant:
    """The consent of someone who trusts the extension: grants what it asks for."""
    return request.as_asked()


def consent_request(
    manifest: Manifest,
    *,
    installed: str | None,
    granted: Grant | None,
    excess: Excess,
    summaries: Mapping[OperationName, str],
    default: Budgets,
    signer: Signer | None = None,
) -> ConsentRequest:
    """The request that a manifest makes; ``summaries`` says of each registered operation in a line what it does."""
    return ConsentRequest(
        extension=manifest.id,
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        author=manifest.author,
        installed=installed,
        granted=granted,
        asked=manifest.permissions,
        asks=asks_in_words(manifest.permissions, excess, summaries, default),
        excess=excess,
        default=default,
        signer=signer,
    )


def asks_in_words(
    asked: ManifestPermissions, excess: Excess, summaries: Mapping[OperationName, str], default: Budgets
) -> tuple[Ask, ...]:
    """Everything that is asked for, the greatest risks first."""
    asks = [*_methods(asked, excess, summaries), *_hosts(asked, excess)]
    if asks:
        asks += _libraries(asked, excess)
    asks += _budgets(asked, excess, default)
    return tuple(sorted(asks, key=lambda ask: (ask.risk, _ORDER.index(ask.kind), ask.entry not in _WIDEST)))


_ORDER: Final = ("method", "host", "library", "budget")
_WIDEST: Final = frozenset({"*", "action:", "action:*", "query:", "query:*"})


class _Family(msgspec.Struct, frozen=True):
    """What operations with one first name are about, as the end of "It may …"; ``risk`` is that of the actions."""

    query: str
    action: str
    risk: Risk


_FAMILIES: Final = {
    "vdfs": _Family("read the files of its libraries", "create, change and delete files of its libraries", Risk.HIGH),
    "credentials": _Family(
        "use the credentials that it has stored", "store, use and delete credentials of its own", Risk.MEDIUM
    ),
    "http": _Family("ask hosts on the network", "send requests to hosts on the network", Risk.HIGH),
    "jobs": _Family("see its own jobs", "start and cancel jobs", Risk.MEDIUM),
    "config": _Family("read its own settings", "change its own settings", Risk.LOW),
    "events": _Family("see what happens in its libraries", "publish and follow events of its libraries", Risk.MEDIUM),
    "test": _Family("call test operations", "call test operations", Risk.LOW),
}


def _methods(asked: ManifestPermissions, excess: Excess, summaries: Mapping[OperationName, str]) -> Iterable[Ask]:
    for entry in asked.methods:
        words, risk = method_in_words(entry, summaries)
        yield Ask(kind="method", entry=entry, words=words, risk=risk, new=entry in excess.methods)


def method_in_words(entry: str, summaries: Mapping[OperationName, str]) -> tuple[str, Risk]:
    """What an entry of ``methods`` lets an extension do, and how much harm that can do."""
    if entry == "*":
        return "do everything that operations can do, also those that come later", Risk.HIGH
    kind, _, name = entry.partition(":")
    action = kind == "action"
    if name in ("", "*"):
        what = "change everything that operations can change" if action else "read everything that operations can read"
        return f"{what}, also those that come later", Risk.HIGH
    operation = operation_name(entry)
    if operation is not None and operation in summaries:
        return _lowered(summaries[operation]), _risk(operation.name, action)
    family = _FAMILIES.get(name.partition(".")[0]) if "." in name else None
    if operation is not None:
        verb = "change something with" if action else "read something with"
        return f"{verb} the operation {operation.name}, which this host does not have", _risk(name, action)
    begins = MethodEntries((entry,))
    known = sorted({known.name for known in summaries if begins.allows(known)})
    if family is not None and name.rstrip("*").endswith(".") and name.count(".") == 1:
        return family.action if action else family.query, _risk(name, action)
    verb = "change something with" if action else "read something with"
    offered = f" (now {', '.join(known)})" if known else ", of which this host has none"
    return f"{verb} every operation that begins with {name.removesuffix('*')}{offered}", _risk(name, action)


def _risk(name: str, action: bool) -> Risk:
    family = _FAMILIES.get(name.partition(".")[0])
    if not action:
        return Risk.LOW if family is not None and family.risk is Risk.LOW else Risk.MEDIUM
    return family.risk if family is not None else Risk.HIGH


def _lowered(summary: str) -> str:
    """A docstring's first line as the end of "It may …"."""
    text = summary.strip().rstrip(".")
    first = text.partition(" ")[0]
    return text if first.isupper() and len(first) > 1 else text[:1].lower() + text[1:]


def _hosts(asked: ManifestPermissions, excess: Excess) -> Iterable[Ask]:
    for entry in asked.network_access:
        plain = entry.startswith("http://")
        host = entry.removeprefix("http://")
        words = f"reach {'every name below ' + host[2:] if host.startswith('*.') else host} over the network"
        if plain:
            words += ", without encryption"
        wide = plain or host.startswith("*.")
        risk = Risk.HIGH if wide else Risk.MEDIUM
        yield Ask(kind="host", entry=entry, words=words, risk=risk, new=entry in excess.hosts)


def _libraries(asked: ManifestPermissions, excess: Excess) -> Iterable[Ask]:
    libraries = LibraryEntries(asked.libraries).entries
    for entry in libraries:
        every = entry == ANY_LIBRARY
        yield Ask(
            kind="library",
            entry=entry,
            words="do this in every library, also in those that come later" if every else f"do this in library {entry}",
            risk=Risk.MEDIUM if every else Risk.LOW,
            new=LibraryEntries(excess.libraries).covers(LibraryEntries((entry,))),
        )


_BUDGET_WORDS: Final = {
    "requests_per_minute": ("call operations {:,} times a minute", 1),
    "concurrent_jobs": ("run {:,} jobs at once", 1),
    "memory_bytes": ("use {:,} MiB of memory in each job", 1024 * 1024),
}


def _budgets(asked: ManifestPermissions, excess: Excess, default: Budgets) -> Iterable[Ask]:
    wanted = asked_budgets(asked, default)
    for name, (words, unit) in _BUDGET_WORDS.items():
        limit = wanted.of(name).limit
        if limit is not None:
            shown = words.format(limit // unit)
            yield Ask(kind="budget", entry=name, words=shown, risk=Risk.LOW, new=name in excess.budgets)
