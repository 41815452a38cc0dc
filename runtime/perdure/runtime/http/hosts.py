"""Which hosts an extension may reach: pure, from the entries of ``network_access``.

An entry is a host, exactly as it is compared: a name in lowercase ASCII (punycode, so that what a person grants cannot
look like something else), an IPv4 address, or an IPv6 address. ``*.example.com`` stands for every name that ends in
``.example.com``, not for ``example.com`` itself. Without more it allows ``https`` on port 443; ``:8443`` behind it is
another port, ``http://`` before it is plain HTTP (port 80 if it names none) and then only that. An IPv6 address with a
port stands in brackets.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

import msgspec

DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# What other readers take for a number in a last label: 1, 0x7f, 0x. Such a name might be an address somewhere.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_AUTHORITY: Final = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([^:]*))?")


class HostRule(msgspec.Struct, frozen=True, order=True):
    """One entry. ``host`` is without brackets; with ``subdomains`` it stands for the names below it only."""

    scheme: str
    host: str
    port: int
    subdomains: bool = False

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Whether the entry lets a request to this place through; ``host`` as `host_name` or `host_address` give it."""
        if scheme != self.scheme or port != self.port:
            return False
        return host.endswith("." + self.host) if self.subdomains else host == self.host

    def covers(self, other: HostRule) -> bool:
        """Whether everything that ``other`` allows is allowed by this entry too."""
        if not other.subdomains or (self.scheme, self.port) != (other.scheme, other.port):
            return self.allows(other.scheme, other.host, other.port)
        return self.subdomains and f".{other.host}".endswith("." + self.host)

    def __str__(self) -> str:
        return entry_for(self.scheme, ("*." if self.subdomains else "") + self.host, self.port)


class HostRules:
    """The hosts that an extension may reach. Immutable; nothing is allowed that no entry allows."""

    ANY: HostRules
    """Every host: for calls of the embedder itself, never for an extension's."""

    def __init__(self, rules: Iterable[HostRule] = (), *, every: bool = False) -> None:
        self._every = every
        # By what a request is looked up with, so that a thousand entries cost no more than one.
        self._rules = frozenset(rules)

    @classmethod
    def of(cls, entries: Iterable[str]) -> HostRules:
        """The rules that entries of ``network_access`` make.

        Raises:
            ValueError: an entry is malformed. Those of a `perdure.runtime.manifest.Manifest` are not.
        """
        return cls(host_rule(entry) for entry in entries)

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries, in order, in their shortest spelling; ``*`` for every host."""
        return ("*",) if self._every else tuple(str(rule) for rule in sorted(self._rules))

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Whether a request may go there; ``host`` as `host_name` or `host_address` give it."""
        if self._every or HostRule(scheme, host, port) in self._rules:
            return True
        if is_address(host):
            return False
        labels = host.split(".")
        parents = (".".join(labels[at:]) for at in range(1, len(labels)))
        return any(HostRule(scheme, parent, port, subdomains=True) in self._rules for parent in parents)

    def narrowed(self, other: HostRules) -> HostRules:
        """What both allow: the manifest asks, the grant may take away, and never adds."""
        if self._every or other._every:
            return other if self._every else self
        mine = (rule for rule in self._rules if any(also.covers(rule) for also in other._rules))
        its = (rule for rule in other._rules if any(also.covers(rule) for also in self._rules))
        return HostRules((*mine, *its))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HostRules) and (self._every, self._rules) == (other._every, other._rules)

    def __hash__(self) -> int:
        return hash((self._every, self._rules))

    def __repr__(self) -> str:
        return f"HostRules.of({list(self.entries)!r})"


HostRules.ANY = HostRules(every=True)


def host_rule(entry: str) -> HostRule:
    """The rule that an entry of ``network_access`` makes.

    Raises:
        ValueError: the entry is malformed; the text says what to write.
    """
    scheme, rest = ("http", entry.removeprefix("http://")) if entry.startswith("http://") else ("https", entry)
    if rest.startswith("https://"):
        raise ValueError("leave https:// out, it is what an entry without a scheme means")
    if "://" in rest:
        raise ValueError("only http:// may stand before a host; https is meant without it")
    if len(rest) > 300:
        raise ValueError("it is longer than a host name can be")
    if any(character in rest for character in "/?#@"):
        raise ValueError("it must be a host only, without a path or a user")
    try:  # an IPv6 address without brackets has colons and no port
        return HostRule(scheme, str(_ipv6(rest)), DEFAULT_PORTS[scheme])
    except ValueError:
        host, port = split_port(rest, scheme)
    if host.startswith("["):
        return HostRule(scheme, str(_ipv6(host[1:-1])), port)
    if host.startswith("*."):
        return HostRule(scheme, _parent_name(host[2:]), port, subdomains=True)
    return HostRule(scheme, host_address(host) or _entry_name(host), port)


def _entry_name(name: str) -> str:
    if "*" in name:
        raise ValueError("a star may only stand for the first part of a name, as in *.example.com")
    if (lower := name.lower()) != name:  # only a name is proposed, and shown: the entry may have anything in it
        raise ValueError(f"it must be in lowercase: {host_name(lower)}")
    if (compared := host_name(name)) != name:
        raise ValueError(f"a name with other letters than a to z is written as {compared}")
    return name


def _parent_name(name: str) -> str:
    if host_address(name) is not None:
        raise ValueError("a star may only stand before a name, not before an address")
    if "." not in _entry_name(name):
        raise ValueError(f"*.{name} would be a whole top-level domain; name a domain below it")
    return name


def split_port(authority: str, scheme: str) -> tuple[str, int]:
    """The host, still in its brackets if it has some, and the port, the scheme's own if none is given.

    Raises:
        ValueError: the port is none.
    """
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("an IPv6 address stands in brackets, as in [2001:db8::1]:8443")
    host, port = match.groups()
    if port is None:
        return host, DEFAULT_PORTS[scheme]
    if not _PORT.fullmatch(port) or int(port) > 65_535:
        raise ValueError("the port must be a number from 1 to 65535")
    return host, int(port)


def host_address(host: str) -> str | None:
    """The address, as it is compared, if ``host`` is one in plain notation (IPv6 without brackets); else None."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        pass
    try:
        return str(_ipv6(host))
    except ValueError:
        return None


def is_address(host: str) -> bool:
    """Whether a host as `host_name` or `host_address` give it is an address: no name ends in a number."""
    return ":" in host or host.rpartition(".")[2].isdecimal()


def _ipv6(text: str) -> ipaddress.IPv6Address:
    if "%" in text:
        raise ValueError("an address must not have a zone")
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("it is no IPv6 address") from None


def host_name(host: str) -> str:
    """A name as it is compared: lowercase ASCII, other scripts in punycode.

    Nothing is mapped but the case of ASCII letters: a name in wide letters or with an invisible character in it is
    refused instead of being read as another one.

    Raises:
        ValueError: it is no name; the text says why.
    """
    if not host:
        raise ValueError("the host is missing")
    name = "".join(character.lower() if character.isascii() else character for character in host)
    if not name.isascii() or "xn--" in name:
        name = _punycode(name)
    if len(name) > 253:
        raise ValueError("the name has more than 253 characters")
    if name.endswith("."):
        raise ValueError("a name is written without a dot at its end")
    if not _NAME.fullmatch(name):
        raise ValueError("it is no host name: parts of letters, digits and hyphens with dots in between")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise ValueError("it is neither a name nor an address: an IPv4 address is four decimal numbers, 192.0.2.1")
    return name


def _punycode(name: str) -> str:
    if any(dot in name for dot in "\u3002\uff0e\uff61"):
        raise ValueError("parts of a name are divided by the ordinary dot")
    import idna  # noqa: PLC0415 - 12 ms that a start without such names need not spend

    try:
        # Strict, IDNA 2008: an ``xn--`` part must be what its own text is written as, or two spellings were one name.
        return idna.encode(name, strict=True).decode("ascii")
    except UnicodeError as error:  # idna's errors are some
        raise ValueError(f"it is no international host name: {error}") from None


def entry_for(scheme: str, host: str, port: int) -> str:
    """The entry of ``network_access`` that names this place."""
    shown = f"[{host}]" if ":" in host else host
    if port == DEFAULT_PORTS[scheme]:
        shown = host if scheme == "https" and ":" in host else shown
    else:
        shown = f"{shown}:{port}"
    return shown if scheme == "https" else f"http://{shown}"
