"""``python3 -m perdure.runtime.operations.client_python > sdk/python/perdure_sdk/clients.py``: typed clients in Python.

A client is a class for each family, with a method for each operation that extensions may call. It is made from the
JSON Schemas, so what it offers is what the host takes. `perdure operations client` makes those of other distributions.
"""

from __future__ import annotations

import base64
import itertools
import keyword
import re
import sys
import textwrap
from collections.abc import Collection, Iterable
from typing import Any, Final

from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.client_text import WIDTH, docstring
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.schemas import SENSITIVE, resolved

_COMMAND: Final = "python3 -m perdure.runtime.operations.client_python > sdk/python/perdure_sdk/clients.py"
_TYPES: Final = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str", "tuple"})
# What a job's context offers without a client: `JobContext.now`, `random` and `uuid4`.
_OF_THE_CONTEXT: Final = {"now": "query:clock.now", "random": "query:random.bytes", "uuid4": "query:random.bytes"}
_NO_CLIENT: Final = frozenset({"clock", "random"})


def standard_clients() -> str:
    """The module `perdure_sdk.clients`."""
    operations = [operation for operation in catalogue(discover=False)[0] if operation.family not in _NO_CLIENT]
    return _Module(
        operations,
        f"""\
Clients of the operations that ship with perdure. Made from their declarations by

    {_COMMAND}

a test fails when it is stale. What they do is in docs/operations.md.
""",
    ).source(standard=True)


def client_module(operations: Iterable[Operation], command: str) -> str:
    """A module with clients of these operations, for extensions to have among their files.

    Args:
        operations: those that only the host may call are left out.
        command: how it was made, for its docstring.
    """
    return _Module(
        operations,
        f"""\
Clients of operations.

Made from their declarations by

    {command}
""",
    ).source(standard=False)


class _Module:
    """A module while it is written."""

    def __init__(self, operations: Iterable[Operation], about: str) -> None:
        callable_ones = (one for one in operations if one.declaration.callers == "everyone")
        self._operations = sorted(
            callable_ones, key=lambda one: (one.family, one.name.name, one.name.kind, one.name.version)
        )
        self._about = about
        self._classes: dict[str, str] = {}
        self._called: dict[str, str] = {}  # what is called how in `CALLS`
        self._named: dict[tuple[str, str], str] = {}  # the class of a definition, by family and name

    def source(self, *, standard: bool) -> str:
        """The module's text."""
        families = {
            family: self._family(family, list(members))
            for family, members in itertools.groupby(self._operations, key=lambda one: one.family)
        }
        body = [*self._classes.values(), *families.values()]
        names = {**self._called, **(_OF_THE_CONTEXT if standard else {})}
        body.append(_table(names))
        if standard:
            body.append(_standard(families))
        text = "\n\n".join(body)
        return f'"""{self._about}"""\n\n{_imports(text, standard=standard)}\n\n{text}'

    # --- classes -----------------------------------------------------------------------------------------------------

    def _define(self, family: str, name: str, schema: dict[str, Any], root: dict[str, Any]) -> str:
        """The name of the class or alias for a definition; it is written when it is first met."""
        written = self._definition(family, name, schema, root, name)
        if self._classes.get(name, written) != written:
            name = f"{_camel(family)}{name}"
            written = self._definition(family, name, schema, root, name)
        self._classes[name] = written
        return name

    def _definition(self, family: str, name: str, schema: dict[str, Any], root: dict[str, Any], called: str) -> str:
        if "properties" not in schema and schema.get("type") != "object":
            return _alias(called, self._kind(family, schema, root, frozenset()))
        properties = schema.get("properties", {})
        shadowed = _TYPES & set(properties)
        about = docstring(schema.get("description") or f"{name}.", 4)
        lines = ["@dataclass(frozen=True, kw_only=True)", f"class {called}:", *about]
        required = schema.get("required", ())
        fields = [
            self._field(family, one, part, root, shadowed, required=one in required) for one, part in properties.items()
        ]
        return "\n".join([*lines, *(["", *fields] if fields else [])]) + "\n"

    def _field(
        self,
        family: str,
        name: str,
        part: dict[str, Any],
        root: dict[str, Any],
        shadowed: frozenset[str],
        *,
        required: bool,
    ) -> str:
        known = _python_name(name)
        options = [] if known == name else [f'metadata={{"json": {_text(name)}}}']
        if _secret(part):
            options.append("repr=False")
        tag: list[Any] = part.get("enum", []) if required else []
        kind = self._kind(family, part, root, shadowed)
        default = None
        if len(tag) == 1:
            default = _literal(tag[0])
        elif not required:
            value = part.get("default")
            if isinstance(value, list | tuple | dict):
                options.insert(0, f"default_factory={_factory(kind, value, resolved(part, root))}")
            else:
                default = _default(part, value)
        if default is not None and options:
            options.insert(0, f"default={default}")
        given = f" = field({', '.join(options)})" if options else f" = {default}" if default is not None else ""
        line = f"    {known}: {kind}{given}"
        if len(line) <= WIDTH or not options:
            return line
        return f"    {known}: {kind} = field(\n        {', '.join(options)}\n    )"

    # --- types -------------------------------------------------------------------------------------------------------

    def _kind(
        self, family: str, part: dict[str, Any], root: dict[str, Any], shadowed: frozenset[str], *, taken: bool = False
    ) -> str:
        """A schema as an annotation. ``taken``: of a parameter, where a UUID may be a text too."""
        if reference := part.get("$ref"):
            name = reference.rpartition("/")[2]
            if (family, name) not in self._named:
                self._named[family, name] = name  # one that holds itself finds itself
                self._named[family, name] = self._define(family, name, root["$defs"][name], root)
            return self._named[family, name]
        if choices := part.get("anyOf") or part.get("oneOf"):
            kinds = [self._kind(family, choice, root, shadowed, taken=taken) for choice in choices]
            return " | ".join(dict.fromkeys(sorted(kinds, key=lambda kind: kind == "None")))
        if "const" in part:
            return f"Literal[{_literal(part['const'])}]"
        if "enum" in part:
            return f"Literal[{', '.join(map(_literal, part['enum']))}]"
        kind = part.get("type")
        if isinstance(kind, list):
            return " | ".join(
                self._kind(family, {**part, "type": one}, root, shadowed, taken=taken)
                for one in sorted(kind, key=lambda one: one == "null")
            )

        def inner(schema: object) -> str:
            return (
                self._kind(family, schema, root, shadowed, taken=taken)
                if isinstance(schema, dict) and schema
                else "Any"
            )

        if kind == "array":
            if first := part.get("prefixItems"):
                return f"{_plain('tuple', shadowed)}[{', '.join(map(inner, first))}]"
            return f"{_plain('list', shadowed)}[{inner(part.get('items'))}]"
        if kind == "object":
            text = _plain("str", shadowed)
            return f"{_plain('dict', shadowed)}[{text}, {inner(part.get('additionalProperties'))}]"
        if kind == "string":
            return _string(part, shadowed, taken=taken)
        names = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
        return _plain(names[kind], shadowed) if kind in names else "Any"

    # --- clients -----------------------------------------------------------------------------------------------------

    def _family(self, family: str, members: list[Operation]) -> str:
        methods = [(_method_name(operation, members), operation) for operation in members]
        shadowed = _TYPES & {name for name, _ in methods}
        parts = [
            f'class {_camel(family)}Client(Client):\n    """Operations of the family ``{family}``."""\n',
            *(self._method(family, operation, name, shadowed) for name, operation in methods),
        ]
        return "\n".join(parts)

    def _method(self, family: str, operation: Operation, name: str, shadowed: frozenset[str]) -> str:
        self._called[f"{family}.{name}"] = str(operation.name)
        taken, given = operation.schemas()
        answer = self._answer(family, operation, given)
        parameters, payload = self._parameters(family, taken, shadowed)
        about = taken.get("description", "") if taken.get("properties") else ""
        effect = f"An action, {operation.effect_text}" if operation.is_action else "A query"
        text = "\n\n".join(filter(None, [operation.description, about, f"{effect}: ``{operation.name}``."]))
        arguments = [_text(str(operation.name)), answer, *payload]
        return "\n".join(
            [
                *_exploded(f"    def {name}(", ["self", *parameters], f") -> {answer}:", 4),
                *docstring(text, 8),
                *_exploded("        return self._call(", arguments, ")", 8),
                "",
            ]
        )

    def _answer(self, family: str, operation: Operation, schema: dict[str, Any]) -> str:
        if "properties" not in schema:
            return self._kind(family, schema, schema, frozenset())
        name = str(schema.get("title") or f"{_camel(operation.name.name.partition('.')[2])}Answer")
        if (family, name) not in self._named:
            self._named[family, name] = name
            self._named[family, name] = self._define(family, name, schema, schema)
        return self._named[family, name]

    def _parameters(self, family: str, schema: dict[str, Any], shadowed: frozenset[str]) -> tuple[list[str], list[str]]:
        """The parameters, and the dicts that the payload is made of: what is always in it, what is if it differs."""
        if "properties" not in schema:
            return [f"request: {self._kind(family, schema, schema, shadowed)}"], ["request"]
        needed, other, always, optional = [], [], [], []
        for name, part in schema["properties"].items():
            known = _python_name(name)
            kind = self._kind(family, part, schema, shadowed, taken=True)
            if name in schema.get("required", ()):
                needed.append(f"{known}: {kind}")
                always.append(f"{_text(name)}: {known}")
                continue
            default = part.get("default")
            if isinstance(default, list | tuple | dict) or default is None:
                kind = kind if kind == "Any" or kind.endswith("None") else f"{kind} | None"
                default = None
            other.append(f"{known}: {kind} = {_default(part, default)}")
            optional.append(f"{_text(name)}: ({known}, {_default(part, default)})")
        parameters = [*needed, *(["*", *other] if other else [])]
        return parameters, [_dict(always), *([_dict(optional)] if optional else [])]


# --- text ------------------------------------------------------------------------------------------------------------


def _imports(text: str, *, standard: bool) -> str:
    lines = ["from __future__ import annotations", ""]
    used = [module for module in ("builtins", "datetime") if re.search(rf"\b{module}\.", text)]
    lines += [f"import {module}" for module in used]
    if "@dataclass" in text:
        lines.append(f"from dataclasses import dataclass{', field' if '= field(' in text else ''}")
    typing = [name for name in ("Any", "Final", "Literal") if re.search(rf"\b{name}\b", text)]
    lines.append(f"from typing import {', '.join(typing)}")
    if re.search(r"\bUUID\b", text):
        lines.append("from uuid import UUID")
    names = "Caller, Client" if standard else "Client"
    return "\n".join([*lines, "", f"from perdure_sdk.client import {names}", ""])


def _table(names: dict[str, str]) -> str:
    rows = "\n".join(f"    {_text(name)}: {_text(method)}," for name, method in names.items())
    return (
        "# What a method of a client or of a job's context calls: for tools that compare code with a manifest.\n"
        f"CALLS: Final[dict[str, str]] = {{\n{rows}\n}}\n"
    )


def _alias(name: str, kind: str) -> str:
    whole = f"{name} = {kind}"
    if len(whole) <= WIDTH or not kind.startswith("Literal["):
        return f"{whole}\n"
    return "\n".join([*_exploded(f"{name} = Literal[", kind[8:-1].split(", "), "]", 0), ""])


def _standard(families: Collection[str]) -> str:
    lines = [
        "class StandardClients(Caller):",
        '    """The clients as attributes, for whoever can call operations."""',
        "",
    ]
    for family in families:
        lines += [
            "    @property",
            f"    def {family}(self) -> {_camel(family)}Client:",
            f'        """Operations of the family ``{family}``, in the job\'s library."""',
            f"        return {_camel(family)}Client(self)",
            "",
        ]
    return "\n".join(lines)


def _method_name(operation: Operation, family: list[Operation]) -> str:
    """The name in its family; where a query and an action, or two versions, have the same, with what parts them."""
    name = operation.name.name.partition(".")[2].replace(".", "_") or operation.name.name
    others = [one.name for one in family if one.name.name == operation.name.name]
    if len({one.kind for one in others}) > 1:
        name = f"{operation.name.kind}_{name}"
    if operation.name.version > 1:
        name = f"{name}_v{operation.name.version}"
    return _python_name(name)


def _python_name(name: str) -> str:
    known = re.sub(r"\W", "_", name, flags=re.ASCII)
    known = known if known[:1].isalpha() or known[:1] == "_" else f"_{known}"
    return f"{known}_" if keyword.iskeyword(known) or known == "self" else known


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[_.\W]+", name))


def _plain(name: str, shadowed: frozenset[str]) -> str:
    return f"builtins.{name}" if name in shadowed else name


def _string(part: dict[str, Any], shadowed: frozenset[str], *, taken: bool) -> str:
    if part.get("contentEncoding") == "base64":
        return _plain("bytes", shadowed)
    if part.get("format") == "uuid":
        return f"UUID | {_plain('str', shadowed)}" if taken else "UUID"
    return "datetime.datetime" if part.get("format") == "date-time" else _plain("str", shadowed)


def _secret(part: dict[str, Any]) -> bool:
    return part.get(SENSITIVE) is True or any(
        _secret(choice) for choice in [*part.get("anyOf", ()), *part.get("oneOf", ())]
    )


def _text(value: str) -> str:
    """A text as a literal, in double quotes as far as that can be."""
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def _factory(kind: str, value: list[Any] | tuple[Any, ...] | dict[str, Any], schema: dict[str, Any]) -> str:
    """What makes a default that can be changed, or is an object of a class of its own."""
    fields = schema.get("properties")
    if isinstance(value, dict) and fields is not None:
        other = {name: given for name, given in value.items() if fields[name].get("default") != given}
        if not other:
            return kind
        return f"lambda: {kind}({', '.join(f'{_python_name(name)}={_literal(part)}' for name, part in other.items())})"
    if not value:
        return "dict" if isinstance(value, dict) else "list"
    return f"lambda: {_literal(value)}"


def _default(part: dict[str, Any], value: Any) -> str:
    """A default as what the annotation says; in a schema bytes, ids and times are texts."""
    if isinstance(value, str):
        if part.get("contentEncoding") == "base64":
            shown = repr(base64.b64decode(value))
            return f'b"{shown[2:-1]}"' if shown[1] == "'" and '"' not in shown else shown
        if part.get("format") == "uuid":
            return f"UUID({_text(value)})"
        if part.get("format") == "date-time":
            return f"datetime.datetime.fromisoformat({_text(value)})"
    return _literal(value)


def _literal(value: Any) -> str:
    """A value of JSON as a literal of Python."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(name)}: {_literal(part)}" for name, part in value.items()) + "}"
    return repr(value)


def _exploded(head: str, items: list[str], tail: str, indent: int) -> list[str]:
    """Something in brackets: in one line if it is one thing, else a line each, which formatters leave alone."""
    if len(items) == 1:
        return [f"{head}{items[0]}{tail}"]
    pad = " " * indent
    return [head, *(textwrap.indent(f"{item},", f"{pad}    ") for item in items), f"{pad}{tail}"]


def _dict(items: list[str]) -> str:
    return "\n".join(["{", *(f"    {item}," for item in items), "}"]) if items else "{}"


if __name__ == "__main__":
    sys.stdout.write(standard_clients())
