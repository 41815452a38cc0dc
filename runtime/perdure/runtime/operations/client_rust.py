"""``python3 -m perdure.runtime.operations.client_rust``: the typed clients of the Rust SDK, made from the operations.

They are files of the crate ``perdure-sdk`` (`RUST_CLIENTS`), one for each family. A test fails when they are stale.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.docstrings import attributes
from perdure.runtime.operations.reference import kind_text
from perdure.runtime.operations.schemas import is_secret, resolved

RUST_CLIENTS: Final = Path("sdk/rust/perdure-sdk/src/operations")

# Where a query and an action of a family have one name.
_METHODS: Final = {"query:http.request": "fetch", "action:http.request": "send"}
# What only the host may say: an extension always means its own.
_HOST_FIELDS: Final = {("config", "extension"), ("config", "everywhere"), ("credentials", "extension")}
_NOT_MADE: Final = frozenset({"test"})
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_KEYWORDS: Final = frozenset({"box", "type", "match", "move", "ref", "use", "where"})
_MADE: Final = "Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale."


def rust_clients(operations: Iterable[Operation] | None = None) -> dict[str, str]:
    """The files by their names."""
    if operations is None:
        operations = catalogue(discover=False)[0]
    offered = [one for one in operations if one.declaration.callers == "everyone"]
    ordered = sorted(offered, key=lambda one: (one.family, one.name.name, one.name.kind, one.name.version))
    families = {
        family: list(members)
        for family, members in itertools.groupby(ordered, key=lambda one: one.family)
        if family not in _NOT_MADE
    }
    files = {f"{family}.rs": _Family(family, members).text() for family, members in families.items()}
    parts = [f"//! Typed clients of the operations that ship, a module for each family.\n//!\n//! {_MADE}\n"]
    parts += [f"#[rustfmt::skip]\npub mod {family};" for family in families]
    parts += ["", *(f"pub use {family}::{_type_name(family)};" for family in families)]
    return {**files, "mod.rs": "\n".join(parts) + "\n"}


class _Family:
    """One file."""

    def __init__(self, family: str, operations: list[Operation]) -> None:
        self._family = family
        self._operations = operations
        self._types: dict[str, list[str]] = {}
        self._sent: set[str] = set()
        self._received: set[str] = set()

    def text(self) -> str:
        for operation in self._operations:
            for used, (name, schema) in zip((self._sent, self._received), self._sides(operation).values(), strict=True):
                self._note(name, schema, schema, used)
        methods = [line for operation in self._operations for line in ("", *self._method(operation))]
        client = _type_name(self._family)
        head = [
            f"//! The operations of `{self._family}`.\n//!\n//! {_MADE}\n",
            "use crate::client::method;",
            "use crate::{CallError, Client};\n",
            f"/// The operations of `{self._family}`: `ctx.client().{self._family}()`.",
            "#[derive(Debug, Clone, Copy)]",
            f"pub struct {client}<'a> {{\n    client: &'a Client,\n}}\n",
            "impl Client {",
            f"    /// The operations of `{self._family}`.",
            f"    pub fn {self._family}(&self) -> {client}<'_> {{\n        {client} {{ client: self }}\n    }}\n}}\n",
            f"impl {client}<'_> {{",
            *methods[1:],
            "}",
        ]
        for operation in self._operations:
            for name, schema in self._sides(operation).values():
                self._add(name, schema, schema)
        return "\n".join([*head, *(line for name in sorted(self._types) for line in ("", *self._types[name]))]) + "\n"

    def _sides(self, operation: Operation) -> dict[str, tuple[str, dict[str, Any]]]:
        sent, received = operation.schemas()
        return {"sent": (operation.input_type.__name__, sent), "received": (operation.output_type.__name__, received)}

    def _method(self, operation: Operation) -> Iterator[str]:
        (request, sent), (answer, received) = self._sides(operation).values()
        name = _METHODS.get(str(operation.name)) or operation.name.name.partition(".")[2].replace(".", "_")
        yield from _doc(operation.description, "    ")
        yield "    ///"
        yield f"    /// `{operation.name}`; it {_effect(operation)}."
        yield "    ///\n    /// # Errors\n    ///\n    /// As for [`Client::call`]."
        takes, passed = (
            (f", request: &{request}", "request") if self._fields(sent) else ("", "&crate::client::Nothing {}")
        )
        call = f'self.client.call_known(method!("{operation.name}"), {passed})'
        if received.get("properties"):
            yield f"    pub fn {name}(&self{takes}) -> Result<{answer}, CallError> {{\n        {call}\n    }}"
        else:
            yield f"    pub fn {name}(&self{takes}) -> Result<(), CallError> {{"
            yield f"        let _: crate::client::Nothing = {call}?;\n        Ok(())\n    }}"

    def _note(self, name: str, schema: dict[str, Any], root: dict[str, Any], used: set[str]) -> None:
        """Find out which types are sent, and which are received: some are both."""
        if name in used:
            return
        used.add(name)
        for part in schema.get("properties", {}).values():
            for inner, found in _named_types(part, root):
                self._note(inner, found, root, used)

    def _fields(self, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {
            name: part
            for name, part in schema.get("properties", {}).items()
            if (self._family, name) not in _HOST_FIELDS and not _is_tag(name, part)
        }

    def _add(self, name: str, schema: dict[str, Any], root: dict[str, Any]) -> None:
        if name in self._types or not (self._fields(schema) or "enum" in schema):
            return
        self._types[name] = []
        self._types[name] = list(self._enum(name, schema) if "enum" in schema else self._struct(name, schema, root))
        for field, part in self._fields(schema).items():
            for inner, found in _named_types(part, root):
                self._add(inner, found, root)
            if (union := _discriminated(part)) is not None:
                self._types.setdefault(_type_name(field), list(self._union(_type_name(field), union)))

    def _derives(self, name: str, *more: str) -> str:
        sides = [
            *(["serde::Serialize"] if name in self._sent else []),
            *(["serde::Deserialize"] if name in self._received else []),
        ]
        return f"#[derive({', '.join(('Clone', 'PartialEq', *more, *sides))})]"

    def _enum(self, name: str, schema: dict[str, Any]) -> Iterator[str]:
        yield from _doc(schema.get("description") or "One of these.", "")
        yield self._derives(name, "Debug", "Copy", "Eq")
        yield '#[serde(rename_all = "snake_case")]\n#[non_exhaustive]'
        yield f"pub enum {name} {{"
        for value in schema["enum"]:
            yield f"    /// `{value}`.\n    {_type_name(value)},"
        yield "    /// One that this version does not know.\n    #[serde(other)]\n    Unknown,\n}"

    def _union(self, name: str, mapping: dict[str, str]) -> Iterator[str]:
        yield "/// One of these."
        kinds = {target.rpartition("/")[2] for target in mapping.values()}
        sides = [
            *(["serde::Serialize"] if kinds <= self._sent else []),
            *(["serde::Deserialize"] if kinds <= self._received else []),
        ]
        yield f"#[derive({', '.join(('Clone', 'PartialEq', 'Debug', *sides))})]"
        yield '#[serde(tag = "type")]\n#[non_exhaustive]'
        yield f"pub enum {name} {{"
        for tag, target in mapping.items():
            kind = target.rpartition("/")[2]
            yield f'    /// [`{kind}`].\n    #[serde(rename = "{tag}")]\n    {kind}({kind}),'
        yield "}"

    def _struct(self, name: str, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
        about, meanings = attributes(schema.get("description", ""))
        fields = self._fields(schema)
        required = schema.get("required", ())
        secret = {field for field, part in fields.items() if is_secret(part, root)}
        sent = name in self._sent
        yield from _doc(about or "Values.", "")
        yield self._derives(name, *(() if secret else ("Debug",)))
        yield "#[non_exhaustive]"
        yield f"pub struct {name} {{"
        kinds: dict[str, str] = {}
        for field, part in fields.items():
            kind = _rust_type(field, part, root)
            yield from _doc(_sentence(meanings.get(field) or kind_text(part)), "    ")
            if field not in required:
                if sent and not kind.startswith("Option<"):
                    kind = f"Option<{kind}>"
                rules = ['skip_serializing_if = "Option::is_none"'] if sent else []
                rules += ["default"] if name in self._received else []
                yield f"    #[serde({', '.join(rules)})]"
            kinds[field] = kind
            yield f"    pub {_field_name(field)}: {kind},"
        yield "}"
        if secret:
            yield from _masked(name, [field for field in fields if field not in secret])
        if sent:
            yield from _builder(name, kinds, [field for field in fields if field in required])


def _effect(operation: Operation) -> str:
    effect = operation.effect_text
    return "reads" if effect == "reads" else f"has an effect, {effect}"


def _builder(name: str, kinds: dict[str, str], required: list[str]) -> Iterator[str]:
    yield f"\nimpl {name} {{"
    yield "    /// With what has no default."
    if not required:
        yield "    #[allow(clippy::new_without_default)]"
    parameters = ", ".join(f"{_field_name(field)}: {_parameter(kinds[field])}" for field in required)
    yield f"    pub fn new({parameters}) -> Self {{"
    inside = (
        _given(field, kind) if field in required else f"{_field_name(field)}: None" for field, kind in kinds.items()
    )
    yield f"        {name} {{ {', '.join(inside)} }}\n    }}"
    for field, kind in kinds.items():
        if field not in required:
            inner = kind.removeprefix("Option<").removesuffix(">")
            yield f"\n    /// Sets `{field}`.\n    #[must_use]"
            yield f"    pub fn {_field_name(field)}(mut self, {_field_name(field)}: {_parameter(inner)}) -> Self {{"
            yield f"        self.{_field_name(field)} = Some({_into(field, inner)});\n        self\n    }}"
    yield "}"


def _masked(name: str, shown: list[str]) -> Iterator[str]:
    """``Debug`` without secrets: what is printed ends up in logs."""
    yield f"\nimpl std::fmt::Debug for {name} {{"
    yield "    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {"
    calls = "".join(f'.field("{field}", &self.{_field_name(field)})' for field in shown)
    yield f'        formatter.debug_struct("{name}"){calls}.finish_non_exhaustive()\n    }}\n}}'


def _is_into(kind: str) -> bool:
    return kind in ("String", "crate::Bytes")


def _parameter(kind: str) -> str:
    return f"impl Into<{kind}>" if _is_into(kind) else kind


def _into(field: str, kind: str) -> str:
    return f"{_field_name(field)}.into()" if _is_into(kind) else _field_name(field)


def _given(field: str, kind: str) -> str:
    return f"{_field_name(field)}: {_into(field, kind)}" if _is_into(kind) else _field_name(field)


def _is_tag(name: str, part: dict[str, Any]) -> bool:
    """Whether a field only says which of several types its object is: serde writes that."""
    return name == "type" and len(part.get("enum", ())) == 1


def _discriminated(part: dict[str, Any]) -> dict[str, str] | None:
    mapping: dict[str, str] | None = part.get("discriminator", {}).get("mapping")
    return mapping


def _named_types(part: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "$ref" in part:
        yield part["$ref"].rpartition("/")[2], resolved(part, root)
    for inner in (*part.get("anyOf", ()), *([part["items"]] if isinstance(part.get("items"), dict) else ())):
        yield from _named_types(inner, root)


def _rust_type(field: str, part: dict[str, Any], root: dict[str, Any]) -> str:
    if "$ref" in part:
        return str(part["$ref"].rpartition("/")[2])
    if _discriminated(part) is not None:
        return _type_name(field)
    if choices := part.get("anyOf"):
        real = [choice for choice in choices if choice.get("type") != "null"]
        # Of several ways to say one thing the last is the most exact: headers as pairs.
        kind = _rust_type(field, real[-1], root)
        return kind if len(real) == len(choices) else f"Option<{kind}>"
    kind = part.get("type", "string" if "enum" in part else "any")
    if kind == "array":
        if pair := part.get("prefixItems"):
            return f"({', '.join(_rust_type(field, one, root) for one in pair)})"
        return f"Vec<{_rust_type(field, part['items'], root)}>"
    if kind == "object":
        return "serde_json::Map<String, serde_json::Value>"
    if part.get("contentEncoding") == "base64":
        return "crate::Bytes"
    return {"string": "String", "integer": "i64", "number": "f64", "boolean": "bool"}.get(kind, "serde_json::Value")


def _type_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _field_name(name: str) -> str:
    return f"r#{name}" if name in _KEYWORDS else name


def _sentence(text: str) -> str:
    plain = _LINK.sub(r"`\1`", text)
    return f"{plain[:1].upper()}{plain[1:].rstrip('.')}."


def _doc(text: str, indent: str) -> Iterator[str]:
    for line in text.replace("``", "`").splitlines():
        yield f"{indent}/// {line}".rstrip()


if __name__ == "__main__":
    RUST_CLIENTS.mkdir(exist_ok=True)
    for name, text in rust_clients().items():
        (RUST_CLIENTS / name).write_text(text, encoding="utf-8")
