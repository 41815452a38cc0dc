"""What a value must be, read from a type, and how it goes to JSON and back.

A type is made of: ``bool``, ``int``, ``float``, ``str``, ``None``, ``bytes`` (base64), `datetime.datetime` (ISO 8601),
`uuid.UUID`, ``list[…]``, ``tuple[…]``, ``dict[str, …]``, ``X | None`` and other unions, `typing.Literal`, `enum.Enum`
by value, dataclasses, `typing.TypedDict`, and `typing.Any` for whatever JSON can say. A field that is missing takes the
default of its dataclass; a field that the type does not have is passed over.
"""

from __future__ import annotations

import base64
import binascii
import collections.abc
import dataclasses
import datetime as dt
import enum
import math
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from perdure_sdk.errors import ExtensionError, StateError

# In a dataclass: ``from_: str = field(metadata={JSON_NAME: "from"})``, for names that Python keeps for itself.
JSON_NAME: Final = "json"

T = TypeVar("T")
Convert = Callable[[Any, str], Any]


@dataclasses.dataclass(frozen=True)
class Shape:
    """How values of one type are read from JSON values and written to them; both name a path when they refuse.

    ``kinds`` are the JSON kinds that it reads, such as ``object``: by them a union chooses. ``inner`` are the shapes
    that it is made of.
    """

    title: str
    kinds: frozenset[str]
    read: Convert
    write: Convert
    inner: Callable[[], Iterable[Shape]] = tuple


def from_json(kind: type[T] | Any, value: Any, path: str) -> T:
    """Make a value of a type from a JSON value.

    Raises:
        StateError: it does not fit.
        ExtensionError: the type is none of those that can be said in JSON.
    """
    return typing.cast("T", shape_of(kind).read(value, path))


def to_json(value: Any, path: str, kind: Any = Any) -> Any:
    """Make a JSON value from one of a type; with `Any`, by what it is.

    Raises:
        StateError: it does not fit, or JSON cannot say it.
        ExtensionError: the type is none of those that can be said in JSON.
    """
    return shape_of(kind).write(value, path)


def check_shape(shape: Shape) -> None:
    """Look at all that a shape is made of.

    Raises:
        ExtensionError: a type in it is none of those that can be said in JSON, or cannot be understood.
    """
    seen: set[int] = set()
    waiting = [shape]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            waiting.extend(one.inner())


def shape_of(kind: Any, names: Mapping[str, Any] | None = None) -> Shape:
    """The shape of a type. ``names`` are the local ones of the place where the type was written.

    Raises:
        ExtensionError: the type is none of those that can be said in JSON.
    """
    try:
        known = _known.get(kind)
    except TypeError:  # not hashable
        return _shape(kind, names)
    if known is None:
        known = _known[kind] = _shape(kind, names)
    return known


# --- one kind each ---------------------------------------------------------------------------------------------------


def _shape(kind: Any, names: Mapping[str, Any] | None) -> Shape:
    if kind is None or kind is type(None):
        return _scalar("null", "null", lambda value: value is None)
    origin = typing.get_origin(kind)
    if origin is not None:
        return _generic(kind, origin, names)
    if kind is Any or kind is object:
        return Shape("anything", _ALL, _read_any, _write_any)
    if typing.is_typeddict(kind):
        return _typed_dict(kind, names)
    if isinstance(kind, type):
        return _class(kind, names)
    raise _unsaid(kind)


def _class(kind: type, names: Mapping[str, Any] | None) -> Shape:
    if issubclass(kind, enum.Enum):
        return _enum(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, names)
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return simple
    if issubclass(kind, dt.datetime):
        return _parsed("a time", kind, kind.fromisoformat, lambda value: value.isoformat())
    if issubclass(kind, uuid.UUID):
        return _parsed("a UUID", uuid.UUID, uuid.UUID, str)
    if kind is list or kind is tuple:
        return _sequence(kind, _ANY, names)
    if kind is dict:
        return _dict(_ANY)
    raise _unsaid(kind)


def _generic(kind: Any, origin: Any, names: Mapping[str, Any] | None) -> Shape:
    arguments = typing.get_args(kind)
    if origin is typing.Annotated or origin in (typing.Required, typing.NotRequired):
        return shape_of(arguments[0], names)
    if origin in (typing.Union, types.UnionType):
        return _union([shape_of(one, names) for one in arguments])
    if origin is typing.Literal:
        return _literal(arguments)
    if origin in (list, collections.abc.Sequence):
        return _sequence(list, shape_of(arguments[0], names), names)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _sequence(tuple, shape_of(arguments[0], names), names)
        return _pair([shape_of(one, names) for one in arguments])
    if origin in (dict, collections.abc.Mapping):
        if arguments[0] is not str:
            raise ExtensionError(f"{kind}: the keys of an object in JSON are texts; use dict[str, …]")
        return _dict(shape_of(arguments[1], names))
    raise _unsaid(kind)


def _unsaid(kind: Any) -> ExtensionError:
    return ExtensionError(
        f"{getattr(kind, '__qualname__', kind)} has no meaning in JSON; use bool, int, float, str, bytes, datetime,"
        " UUID, list, tuple, dict, Literal, an Enum, a dataclass, a TypedDict, Any, or a union of them"
    )


def _scalar(title: str, kind: str, fits: Callable[[Any], bool]) -> Shape:
    def check(value: Any, path: str) -> Any:
        if not fits(value):
            raise _misfit(path, title, value)
        return value

    return Shape(title, frozenset({kind}), check, check)


def _number(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misfit(path, "a number", value)
    if not math.isfinite(value):
        raise StateError(path, f"{value} is not a number of JSON")
    return value


def _read_float(value: Any, path: str) -> Any:
    try:
        return float(_number(value, path))
    except OverflowError:
        raise StateError(path, "the number is too large") from None


def _parsed(title: str, kind: type, read: Callable[[str], Any], write: Callable[[Any], str]) -> Shape:
    def from_text(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise _misfit(path, title, value)
        try:
            return read(value)
        except ValueError:
            raise StateError(path, f"expected {title}, got {_shown(value)}") from None

    def to_text(value: Any, path: str) -> str:
        if not isinstance(value, kind):
            raise _misfit(path, title, value)
        return write(value)

    return Shape(title, frozenset({"string"}), from_text, to_text)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _sequence(kind: type, item: Shape, names: Mapping[str, Any] | None) -> Shape:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _misfit(path, "a list", value)
        return kind(item.read(part, f"{path}[{number}]") for number, part in enumerate(value))

    def write(value: Any, path: str) -> Any:
        if not isinstance(value, list | tuple):
            raise _misfit(path, "a list", value)
        return [item.write(part, f"{path}[{number}]") for number, part in enumerate(value)]

    return Shape(f"a list of {item.title}", frozenset({"array"}), read, write, lambda: [item])


def _pair(items: list[Shape]) -> Shape:
    def convert(value: Any, path: str, *, writes: bool) -> list[Any]:
        if not isinstance(value, list | tuple) or len(value) != len(items):
            raise _misfit(path, f"a list of {len(items)}", value)
        return [
            (item.write if writes else item.read)(part, f"{path}[{number}]")
            for number, (item, part) in enumerate(zip(items, value, strict=True))
        ]

    return Shape(
        f"a list of {len(items)}",
        frozenset({"array"}),
        lambda value, path: tuple(convert(value, path, writes=False)),
        lambda value, path: convert(value, path, writes=True),
        lambda: items,
    )


def _dict(item: Shape) -> Shape:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _misfit(path, "an object", value)
        return {name: item.read(part, _at(path, name)) for name, part in value.items()}

    def write(value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            raise _misfit(path, "an object", value)
        return {_name(name, path): item.write(part, _at(path, name)) for name, part in value.items()}

    return Shape(f"an object of {item.title}", frozenset({"object"}), read, write, lambda: [item])


def _literal(values: tuple[Any, ...]) -> Shape:
    title = " or ".join(map(_shown, values))

    def check(value: Any, path: str) -> Any:
        for one in values:
            if type(one) is type(value) and one == value:
                return value
        raise _misfit(path, title, value)

    return Shape(title, frozenset(map(_kind_of, values)), check, check)


def _enum(kind: type[enum.Enum]) -> Shape:
    values = [member.value for member in kind]
    title = " or ".join(map(_shown, values))

    def read(value: Any, path: str) -> Any:
        for member in kind:
            if type(member.value) is type(value) and member.value == value:
                return member
        raise _misfit(path, title, value)

    def write(value: Any, path: str) -> Any:
        if not isinstance(value, kind):
            raise _misfit(path, f"a {kind.__name__}", value)
        return _write_any(value.value, path)

    return Shape(title, frozenset(map(_kind_of, values)), read, write)


def _union(choices: list[Shape]) -> Shape:
    title = " or ".join(dict.fromkeys(choice.title for choice in choices))

    def convert(value: Any, path: str, *, writes: bool) -> Any:
        refusals = []
        for choice in choices:
            if _is_meant(choice, value, writes=writes):
                try:
                    return (choice.write if writes else choice.read)(value, path)
                except StateError as error:
                    refusals.append(error)
        if value is not None and len(refusals) == 1:
            raise refusals[0]  # this one was meant: what it says is nearer to the problem than that none fits
        raise _misfit(path, title, value)

    return Shape(
        title,
        frozenset().union(*(choice.kinds for choice in choices)),
        lambda value, path: convert(value, path, writes=False),
        lambda value, path: convert(value, path, writes=True),
        lambda: choices,
    )


def _is_meant(choice: Shape, value: Any, *, writes: bool) -> bool:
    """Whether a choice of a union can be the one for a value."""
    if writes and value is not None:
        return choice.kinds != {"null"}  # what is written says by its class what it is
    return _kind_of(value) in choice.kinds


class _Fields:
    """The fields of a dataclass or a `TypedDict` with their shapes; found out when they are first needed.

    Then all classes are there, also one that has itself in it.
    """

    def __init__(self, kind: type, names: Mapping[str, Any] | None) -> None:
        self._kind = kind
        self._names = names
        self._shapes: dict[str, Shape] | None = None
        self.left_out: set[str] = set()  # those that are marked as not required

    def shapes(self) -> dict[str, Shape]:
        """By name, in order."""
        if self._shapes is None:
            kind, names = self._kind, self._names
            try:
                hints = typing.get_type_hints(kind, localns=dict(names) if names else None, include_extras=True)
            except NameError as error:
                raise ExtensionError(f"{kind.__qualname__}: an annotation cannot be understood: {error}") from None
            self._shapes = {}
            for name, hint in hints.items():
                if typing.get_origin(hint) is typing.NotRequired:
                    self.left_out.add(name)
                if typing.get_origin(hint) is not typing.ClassVar:
                    try:
                        self._shapes[name] = shape_of(hint, names)
                    except ExtensionError as error:
                        raise ExtensionError(f"{kind.__qualname__}.{name}: {error}") from None
        return self._shapes


def _dataclass(kind: type, names: Mapping[str, Any] | None) -> Shape:
    fields = _Fields(kind, names)
    declared: Any = kind
    # A class that says nothing of ``__init__`` fields: those that it fills in itself are saved, and not read.
    given = {field.name: field for field in dataclasses.fields(declared)}
    called = {name: str(field.metadata.get(JSON_NAME, name)) for name, field in given.items()}

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _misfit(path, "an object", value)
        found: dict[str, Any] = {}
        for name, shape in fields.shapes().items():
            field = given.get(name)
            if field is None or not field.init:
                continue
            if called[name] in value:
                found[name] = shape.read(value[called[name]], _at(path, called[name]))
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise StateError(_at(path, called[name]), "it is missing, and has no default")
        try:
            return kind(**found)
        except (TypeError, ValueError) as error:  # what its __post_init__ says
            raise StateError(path, str(error)) from error

    def write(value: Any, path: str) -> Any:
        if not isinstance(value, kind):
            raise _misfit(path, f"a {kind.__name__}", value)
        if type(value) is not kind:
            return shape_of(type(value)).write(value, path)
        shapes = fields.shapes()
        return {called[name]: shapes[name].write(getattr(value, name), _at(path, called[name])) for name in given}

    return Shape(f"a {kind.__name__}", frozenset({"object"}), read, write, lambda: fields.shapes().values())


def _typed_dict(kind: Any, names: Mapping[str, Any] | None) -> Shape:
    fields = _Fields(kind, names)
    required: frozenset[str] = kind.__required_keys__

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _misfit(path, "an object", value)
        for name in fields.shapes():
            # Where annotations are texts, some versions of Python say that all are required.
            if name in required and name not in fields.left_out and name not in value:
                raise StateError(_at(path, name), "it is missing; mark it as NotRequired if it may be")
        return {
            name: shape.read(value[name], _at(path, name)) for name, shape in fields.shapes().items() if name in value
        }

    def write(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _misfit(path, "an object", value)
        shapes = fields.shapes()
        for name in value:
            if name not in shapes:
                raise StateError(_at(path, _name(name, path)), f"{kind.__name__} has no such field")
        return {name: shape.write(value[name], _at(path, name)) for name, shape in shapes.items() if name in value}

    return Shape(f"a {kind.__name__}", frozenset({"object"}), read, write, lambda: fields.shapes().values())


# --- anything --------------------------------------------------------------------------------------------------------


def _read_any(value: Any, path: str) -> Any:
    return value


def _write_any(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool) or type(value) is str or type(value) is int:
        return value
    if isinstance(value, enum.Enum):
        return _write_any(value.value, path)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return _number(value, path)
    if isinstance(value, list | tuple):
        return [_write_any(part, f"{path}[{number}]") for number, part in enumerate(value)]
    if isinstance(value, Mapping):
        return {_name(name, path): _write_any(part, _at(path, name)) for name, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return shape_of(type(value)).write(value, path)
    for kind in (bytes, dt.datetime, uuid.UUID):
        if isinstance(value, kind):
            return shape_of(kind).write(value, path)
    raise StateError(path, f"a {type(value).__qualname__} cannot be said in JSON")


def _name(name: Any, path: str) -> str:
    if not isinstance(name, str):
        raise StateError(path, f"the keys of an object in JSON are texts, not {type(name).__name__}")
    return str(name)


# --- messages --------------------------------------------------------------------------------------------------------


def _at(path: str, name: Any) -> str:
    return f"{path}.{name}" if isinstance(name, str) and name.isidentifier() else f"{path}[{name!r}]"


def _misfit(path: str, wanted: str, value: Any) -> StateError:
    return StateError(path, f"expected {wanted}, got {_shown(value)}")


def _shown(value: Any) -> str:
    """A value in a message: small ones as they are; a text may be a secret, and long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, int | float):
        return str(value) if abs(value) < 1e20 else "a large number"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else f"a {type(value).__qualname__}"


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list | tuple) else "object"


_ALL: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_ANY: Final = Shape("anything", _ALL, _read_any, _write_any)
_SIMPLE: Final[dict[type, Shape]] = {
    bool: _scalar("true or false", "boolean", lambda value: isinstance(value, bool)),
    int: _scalar("an integer", "integer", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    str: _scalar("a text", "string", lambda value: isinstance(value, str)),
    float: Shape("a number", frozenset({"integer", "number"}), _read_float, _number),
    bytes: _parsed("base64", bytes, _from_base64, _to_base64),
}
_known: Final[dict[Any, Shape]] = {}
