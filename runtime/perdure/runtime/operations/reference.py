"""``python3 -m perdure.runtime.operations.reference > docs/operations.md``: all operations that ship."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.docstrings import attributes, plain
from perdure.runtime.operations.schemas import SENSITIVE, example

_HEAD: Final = """\
# Operations

Made from their declarations by `python3 -m perdure.runtime.operations.reference > docs/operations.md`; a test fails
when it is stale. `perdure operations list` also has those of your own distributions, `perdure operations show` the JSON
Schema of both sides.

An operation is what an extension may call, if its manifest asks for it and a person agrees. It is the same operation
wherever it is called from, with the same checks and the same record:

```
spacedrive_call("query:test.ping", library, {"message": "hi"})          an extension (abi.md)
runtime.call("query:test.ping", {"message": "hi"}, library_id=…)        Python (guide.md)
perdure call query:test.ping message=hi --library …                     the command line (cli.md)
```

A *query* reads and changes nothing. An *action* has an effect, and its kind says what a crash can do to it:

| effect | |
| --- | --- |
| transactional | it is in perdure's own store and is committed together with the outcome: both or neither |
| idempotent | its intent is on disk before it begins; if the outcome is not, it is run again with the same effect key |
| non-idempotent | the same, but it is not run again: the job waits until a person says what became of it |

What a job has done is not done again when its guest calls for it once more, after a crash or in a new run from its last
checkpoint: the guest gets the outcome that is in the log.

Scope `library`: it works in the library of the call, which has to be granted. Scope `core`: it belongs to no library.

Values marked *secret* are encrypted in the log, and masked wherever it is shown. Bytes are base64, times microseconds
since 1970 unless a field says otherwise. A field without a default must be given.

## When a call is refused

The answer is `{"error": "…", "code": "…"}`, in Python an `OperationError`, on the command line an exit code of its own.

| code | |
| --- | --- |
| `permission_denied` | the operation was not granted to the extension |
| `library_denied` | the library was not granted to it |
| `rate_limited` | a budget is used up; `retry_after_ms` says when there is room |
| `unknown_method` | there is no operation of this name |
| `invalid_payload` | the input is not what it must be; the message says where |
| `not_found` | what it should work on is not there |
| `failed` | it was tried, and failed |
| `unavailable` | it was not tried, or gave up; it may be tried again |
"""


def reference(operations: Iterable[Operation] | None = None) -> str:
    """The page, in Markdown."""
    if operations is None:
        operations = catalogue(discover=False)[0]
    ordered = sorted(operations, key=lambda one: (one.family, one.name.name, one.name.kind, one.name.version))
    parts = [_HEAD, "## All operations\n", _table(("operation", "effect", "does"), map(_row, ordered))]
    for family, members in itertools.groupby(ordered, key=lambda one: one.family):
        parts += [f"## {family}\n", *_family(list(members))]
    return "\n".join(parts).rstrip() + "\n"


def _row(operation: Operation) -> tuple[str, ...]:
    return f"[`{operation.name}`](#{_anchor(str(operation.name))})", operation.effect_text, plain(operation.summary)


def _anchor(title: str) -> str:
    """As GitHub makes them."""
    return "".join(char for char in title.lower() if char.isalnum() or char in "-_")


def _family(operations: list[Operation]) -> Iterator[str]:
    values: dict[str, dict[str, Any]] = {}
    for operation in operations:
        yield from _section(operation, values)
    if values:
        yield f"### Values of {operations[0].family}\n"
        for name in sorted(values):
            yield from _object(f"#### {name}\n\n", values[name])


def _section(operation: Operation, values: dict[str, dict[str, Any]]) -> Iterator[str]:
    declaration = operation.declaration
    yield f"### `{operation.name}`\n"
    yield f"{plain(operation.description)}\n"
    facts = f"{operation.effect_text.capitalize()}; scope `{declaration.scope}`; at most {declaration.timeout:g} s"
    more = "; for the host only" if declaration.callers == "host" else ""
    more += "; all of it is secret" if declaration.sensitive else ""
    yield f"{facts}{more}.\n"
    for title, schema in zip(("Input", "Answer"), operation.schemas(), strict=True):
        values.update(schema.get("$defs", {}))
        yield from _object(f"{title}: ", schema)
    sample = json.dumps(example(operation.schemas()[0]), ensure_ascii=False)
    yield f"```\nperdure call {operation.name} '{sample}'\n```\n"


def _object(title: str, schema: dict[str, Any]) -> Iterator[str]:
    about, meanings = attributes(plain(schema.get("description", "")))
    if schema.get("anyOf") is not None:
        yield f"{title}{kind_text(schema)}.\n"
        return
    properties = schema.get("properties", {})
    yield f"{title}{about or 'An object.'}" + ("\n" if properties else " It has no fields.\n")
    if properties:
        rows = [
            (f"`{name}`", kind_text(part), _default(name, part, schema), meanings.get(name, ""))
            for name, part in properties.items()
        ]
        head = ("field", "type", "default", "")
        width = 4 if meanings else 3
        yield _table(head[:width], (row[:width] for row in rows))


def _default(name: str, part: dict[str, Any], schema: dict[str, Any]) -> str:
    if "default" in part:
        return f"`{json.dumps(part['default'])}`"
    return "" if name in schema.get("required", ()) else "none"


def kind_text(part: dict[str, Any]) -> str:
    """What a value may be, in words."""
    text = _bare_kind(part)
    return f"{text}, secret" if part.get(SENSITIVE) else text


def _bare_kind(part: dict[str, Any]) -> str:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if choices := part.get("anyOf") or part.get("oneOf"):
        return " or ".join(dict.fromkeys(map(kind_text, choices)))
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return " or ".join(f"`{json.dumps(value)}`" for value in part["enum"])
    kind = part.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return _array(part)
    if kind == "object":
        inner = part.get("additionalProperties")
        return f"object of {kind_text(inner)}" if isinstance(inner, dict) and inner else "object"
    return f"{_named(kind, part)}{_limits(part)}"


def _array(part: dict[str, Any]) -> str:
    if first := part.get("prefixItems"):
        return f"array of {', '.join(map(kind_text, first))}"
    items = part.get("items")
    return f"array of {kind_text(items)}" if isinstance(items, dict) and items else "array"


def _named(kind: str, part: dict[str, Any]) -> str:
    if part.get("contentEncoding") == "base64":
        return "base64"
    return {"uuid": "UUID", "date-time": "time"}.get(part.get("format", ""), "text" if kind == "string" else kind)


def _limits(part: dict[str, Any]) -> str:
    least = part.get("minimum", part.get("minLength"))
    most = part.get("maximum", part.get("maxLength"))
    unit = " characters" if "minLength" in part or "maxLength" in part else ""
    if least is not None and most is not None:
        return f", {least:,} to {most:,}{unit}"
    if most is not None:
        return f", at most {most:,}{unit}"
    return f", at least {least:,}{unit}" if least is not None else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, ("---",) * len(head), *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


if __name__ == "__main__":
    sys.stdout.write(reference())
