"""The reference page of ABI 2, from the comments of its WIT package.

python3 -m perdure.toolchain.wit_reference > docs/abi-2.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from perdure.toolchain.sdk import sdk_folder

COMMAND: Final = "python3 -m perdure.toolchain.wit_reference > docs/abi-2.md"
_BLOCK: Final = re.compile(r"(package|interface|world|enum|record|variant) ([\w:@.-]+)")
_FUNCTION: Final = re.compile(r"(?:export )?([a-z0-9-]+): (func\(.*);")
_PART: Final = re.compile(r"([a-z0-9-]+)(?:: ([^,]+)|\(([^)]*)\))?,")


class Item(msgspec.Struct):
    """One thing of the package: its kind, its name, its type (of a field or a function), its comment and its parts."""

    kind: str
    name: str
    type: str = ""
    comment: str = ""
    parts: list[Item] = []


def parse(text: str) -> Item:
    """The package in a WIT file of the plain form that ours has: a comment, then one thing on a line.

    Raises:
        ValueError: a line that is none of these.
    """
    package = Item("package", "")
    open_items = [package]
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if words.startswith("///"):
            comment.append(words.removeprefix("///").strip())
            continue
        told, comment = " ".join(filter(None, comment)), []
        if not words or words.startswith(("use ", "import ")):
            continue
        if words == "}":
            open_items.pop()
        elif (block := _BLOCK.match(words)) is not None:
            item = Item(block[1], block[2], comment=told)
            if item.kind == "package":
                package.name, package.comment = item.name.rstrip(";"), told
            else:
                open_items[-1].parts.append(item)
                open_items.append(item)
        elif (function := _FUNCTION.fullmatch(words)) is not None:
            open_items[-1].parts.append(Item("function", function[1], function[2], told))
        elif (part := _PART.fullmatch(words)) is not None:
            open_items[-1].parts.append(Item("part", part[1], part[2] or part[3] or "", told))
        else:
            raise ValueError(f"line {number} of the WIT file is nothing that is known here: {words!r}")
    return package


def reference() -> str:
    """The page."""
    package = parse((sdk_folder("wit") / "extension.wit").read_text())
    return "\n".join(_page(package)).rstrip() + "\n"


def _page(package: Item) -> Iterator[str]:
    yield "# ABI 2: components"
    yield ""
    yield f"Made from `sdk/wit/extension.wit` by `{COMMAND}`. [docs/abi.md](abi.md) says what both ABIs have in common."
    yield ""
    yield f"`{package.name}`. {package.comment}"
    yield ""
    yield "No WASI is offered: a component that imports more than the two interfaces below is refused with the list."
    yield ""
    for item in package.parts:
        yield f"## {item.kind.capitalize()} `{item.name}`"
        yield ""
        yield item.comment
        yield ""
        functions = [part for part in item.parts if part.kind == "function"]
        for part in item.parts:
            if part.kind != "function":
                yield from _type(part)
        for function in functions:
            yield from _function(function)


def _type(item: Item) -> Iterator[str]:
    yield f"### {item.kind} `{item.name}`"
    yield ""
    yield item.comment
    yield ""
    typed = any(part.type for part in item.parts)
    yield "| name | type | |" if typed else "| name | |"
    yield "| --- | --- | --- |" if typed else "| --- | --- |"
    for part in item.parts:
        shown = f"`{part.type}` | " if part.type else " | "
        yield f"| `{part.name}` | {shown if typed else ''}{part.comment} |"
    yield ""


def _function(item: Item) -> Iterator[str]:
    yield f"### `{item.name}`"
    yield ""
    yield "```wit"
    yield f"{item.name}: {item.type};"
    yield "```"
    yield ""
    yield item.comment
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
