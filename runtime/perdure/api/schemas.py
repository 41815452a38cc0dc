"""JSON Schema (2020-12) of the types of endpoints. Pure; from msgspec's, with what that leaves out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect as kinds

from perdure.api.endpoint import Endpoint
from perdure.runtime.operations.docstrings import attributes, plain

Schema = dict[str, Any]
_TEMPLATE: Final = "#/components/schemas/{name}"
POINTER: Final = _TEMPLATE.format(name="")


class Schemas:
    """The schemas of some types.

    Args:
        types: all that msgspec can decode.

    Attributes:
        components: a schema for each struct and enumeration, by its name.
    """

    def __init__(self, types: Iterable[Any]) -> None:
        wanted = list(dict.fromkeys(types))
        made = msgspec.json.schema_components(wanted, ref_template=_TEMPLATE)
        found, self.components = msgspec.json.decode(msgspec.json.encode(made))  # defaults have tuples in them
        self._tops = dict(zip(wanted, found, strict=True))
        for kind in kinds.multi_type_info(wanted):
            self._date(kind, set())
        for schema in _parts([*self.components.values(), *self._tops.values()]):
            _describe(schema)

    def of(self, kind: Any) -> Schema:
        """The schema of one of the types: most are a reference to their component."""
        schema: Schema = self._tops[kind]
        return schema

    def object_of(self, kind: Any) -> Schema:
        """The schema of one of the types that is a struct, itself."""
        return self.resolved(self.of(kind))

    def resolved(self, schema: Schema) -> Schema:
        """A schema, or the component that it refers to."""
        reference = schema.get("$ref", "")
        found: Schema = self.components[reference.removeprefix(POINTER)] if reference else schema
        return found

    def _date(self, kind: kinds.Type, seen: set[type]) -> None:
        """Say which texts are times; msgspec does only where a time must have a zone."""
        if isinstance(kind, kinds.StructType) and kind.cls not in seen:
            seen.add(kind.cls)
            properties = self.components[_name_of(kind, self.components)].get("properties", {})
            for field in kind.fields:
                if field.encode_name in properties:
                    _date_text(field.type, properties[field.encode_name])
                self._date(field.type, seen)
        elif isinstance(kind, kinds.Metadata):
            self._date(kind.type, seen)
        elif isinstance(kind, kinds.UnionType):
            for one in kind.types:
                self._date(one, seen)
        elif isinstance(kind, kinds.ListType | kinds.VarTupleType):
            self._date(kind.item_type, seen)
        elif isinstance(kind, kinds.DictType):
            self._date(kind.value_type, seen)


def endpoint_schemas(endpoints: Iterable[Endpoint[Any, Any]], *others: Any) -> Schemas:
    """The schemas of all that endpoints take and answer, and of ``others``."""
    found = list(endpoints)
    return Schemas([*(one.request for one in found), *(one.answer for one in found), *others])


def given(schema: Schema) -> Schema:
    """The schema of a value that is left out rather than null: as in a path or a query."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if not choices:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    if "default" in rest and rest["default"] is None:
        del rest["default"]
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}


def used(value: Any, components: dict[str, Schema]) -> set[str]:
    """The names of components that anything in ``value`` refers to, and those that they refer to."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        for part in _parts(waiting.pop()):
            name = str(part.get("$ref", "")).removeprefix(POINTER)
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
    return found


def _name_of(kind: kinds.StructType, components: dict[str, Schema]) -> str:
    name: str = kind.cls.__name__
    if name in components:
        return name
    return f"{kind.cls.__module__}.{kind.cls.__qualname__}".replace(".", "_")  # two have the same name


def _date_text(kind: kinds.Type, schema: Schema) -> None:
    if isinstance(kind, kinds.Metadata):
        _date_text(kind.type, schema)
    elif isinstance(kind, kinds.DateTimeType):
        schema["format"] = "date-time"
    elif isinstance(kind, kinds.UnionType) and any(isinstance(one, kinds.DateTimeType) for one in kind.types):
        for choice in schema.get("anyOf", ()):
            if choice.get("type") == "string":
                choice["format"] = "date-time"
    elif isinstance(kind, kinds.ListType | kinds.VarTupleType) and "items" in schema:
        _date_text(kind.item_type, schema["items"])


def _describe(schema: Schema) -> None:
    """Write descriptions without the marks of docstrings; what they say of a field goes to the field."""
    text = schema.get("description")
    if not isinstance(text, str):
        return
    about, meanings = attributes(plain(inspect.cleandoc(text)))
    schema["description"] = about
    properties = schema.get("properties", {})
    for name, meaning in meanings.items():
        if name in properties and "description" not in properties[name]:
            properties[name]["description"] = meaning[:1].upper() + meaning[1:]


def _parts(value: Any) -> Iterator[Schema]:
    if isinstance(value, dict):
        yield value
        for part in list(value.values()):
            yield from _parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _parts(part)
