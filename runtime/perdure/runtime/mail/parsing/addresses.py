"""Names and addresses in headers. Pure; never fails."""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import Final

from perdure.runtime.mail.parsing.header_text import decoded_words, one_line
from perdure.runtime.mail.parsing.messages import Address

MAX_ADDRESSES: Final = 200  # of one header; more than that are mailing lists gone wrong
_MAX_LENGTH: Final = 16 * 1024
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"'()]+@[^\s<>,;:\"'()]+")


def addresses(values: list[str]) -> list[Address]:
    """The addresses in all headers of one name, in order."""
    found: list[Address] = []
    for value in values:
        found += _parsed(" ".join(value[:_MAX_LENGTH].split()))
    return found[:MAX_ADDRESSES]


def _parsed(value: str) -> list[Address]:
    # Before encoded words are decoded: a comma in a name would divide it.
    try:
        pairs = getaddresses([value])
    except (ValueError, IndexError, TypeError, RecursionError, AttributeError):
        pairs = []
    found = [_address(name, address) for name, address in pairs if name or address]
    if any(one.address for one in found) or not value.strip():
        return found
    loose = _ADDRESS.findall(value)
    if loose:
        rest = decoded_words(value.partition(loose[0])[0]).strip(" <\"'")
        return [Address(rest if index == 0 else "", address) for index, address in enumerate(loose)]
    text = decoded_words(value)
    return [Address(text, "")] if text else []


def _address(name: str, address: str) -> Address:
    shown = decoded_words(address)
    if "@" not in shown:  # a name without an address is taken for one
        return Address(decoded_words(f"{name} {address}" if name else address).strip("\"'"), "")
    return Address(decoded_words(name).strip().strip("\"'"), one_line(shown).strip("<>"))
