"""What other password managers export, as logins: CSV by its headings, KeePass 2 as XML. Pure.

The file is a stranger's. What cannot be read is a problem with its place, and the rest is read all the same.
"""

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from perdure_sdk.clients import Login

Format = Literal["auto", "csv", "keepass-xml"]

# Headings of Chrome, Edge, Firefox, Safari, Bitwarden, LastPass, 1Password, KeePass and KeePassXC, in small letters.
HEADINGS = {
    "title": "title|name|account|item name",
    "username": "username|login name|login_username|user name|user|email",
    "password": "password|login_password",
    "url": "url|web site|website|login_uri|uri",
    "notes": "notes|note|comments|extra",
    "totp": "totp|otpauth|otp|login_totp|totp seed|timeotp-secret-base32",
    "": "group|grouping|folder|favorite|fav|type|reprompt|icon|guid|last modified|created",  # of no use here
}
MEANING = {heading: meaning for meaning, headings in HEADINGS.items() for heading in headings.split("|")}
MAX_PROBLEMS = 100


class Unreadable(Exception):
    """Something cannot be read; the message says where, and never what stands there."""


@dataclass
class Row:
    """A login, the name to store it by, and where it stood."""

    place: str
    title: str
    login: Login = field(repr=False)


@contextmanager
def discreet(where: str) -> Iterator[None]:
    """A message of Python's may quote what it is about: what goes wrong with secrets is said without it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # that of a parser may be any
        raise Unreadable(f"{where}: {type(error).__name__}") from None


def read_export(data: bytes, kind: Format) -> Iterator[Row | Unreadable]:
    """The logins of an export, and the problems in between; `Unreadable` is raised if it is none of these formats."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    xml = kind == "keepass-xml" or (kind == "auto" and text.lstrip().startswith("<"))
    return keepass_rows(text) if xml else csv_rows(text)


def csv_rows(text: str) -> Iterator[Row | Unreadable]:
    """The rows of a table with headings."""
    first = text.split("\n", 1)[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    with discreet("row 1"):
        headings = next(lines, [])
    if "password" not in {MEANING.get(heading.strip().lower()) for heading in headings}:
        raise Unreadable("row 1 has no headings of an export that is known: none of them means a password")
    number, problems = 1, 0
    while problems < MAX_PROBLEMS:
        number += 1
        try:
            with discreet(f"row {number}"):
                cells = next(lines, None)
            if cells is None:
                return
            if len(cells) > len(headings):
                raise Unreadable(f"row {number}: it has more columns than headings")
            if any(cells):
                yield row_of(f"row {number}", dict(zip(headings, cells, strict=False)))
        except Unreadable as problem:
            problems += 1
            yield problem
    yield Unreadable("too many rows cannot be read; the rest was not looked at")


def keepass_rows(text: str) -> Iterator[Row | Unreadable]:
    """The entries of KeePass 2, without their histories and what is in the recycle bin."""
    with discreet("the XML"):
        root = ET.fromstring(text)  # noqa: S314  # expat bounds what entities grow to, and this is a sandbox
    bin_id, groups, number = root.findtext("Meta/RecycleBinUUID"), root.findall("Root/Group"), 0
    if not groups:
        raise Unreadable("the XML is no export of KeePass 2: there is no Root with a Group")
    while groups:
        group = groups.pop(0)
        if bin_id and group.findtext("UUID") == bin_id:
            continue
        groups += group.findall("Group")
        for entry in group.findall("Entry"):
            number += 1
            pairs = {part.findtext("Key", ""): part.findtext("Value", "") for part in entry.findall("String")}
            yield row_of(f"entry {number}", pairs)


def row_of(place: str, cells: Mapping[str, str]) -> Row:
    """A login of cells by their headings; those that mean nothing that is known become fields."""
    known: dict[str, Any] = {}
    others: dict[str, str] = {}
    for heading, value in cells.items():
        meaning = MEANING.get(heading.strip().lower())
        if meaning and value and meaning not in known:
            known[meaning] = value
        elif meaning is None and value:
            others[heading] = value
    urls = [url.strip() for url in known.pop("url", "").split(",") if url.strip()]
    host = urls[0].partition("://")[2].partition("/")[0].rpartition("@")[2] if urls else ""
    title = known.pop("title", "") or host
    name = " ".join("".join(char if char.isprintable() else " " for char in title).split())[:80] or "login"
    return Row(place, name, Login(**known, urls=urls, fields=others))
