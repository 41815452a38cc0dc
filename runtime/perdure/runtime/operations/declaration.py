"""What an operation is, said once beside its handler.

    @query("notes.search")
    def search(context: CallContext, request: SearchNotes) -> FoundNotes:
        \"\"\"Search notes by words.\"\"\"

A handler is a function, a method, or a class whose instances are called; it may be asynchronous. The types of its
request and answer are its annotations.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import typing
import weakref
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import msgspec

from perdure.runtime.errors import BadAnswer, BadOperation
from perdure.runtime.operations.recording import SecretSides, secret_sides
from perdure.runtime.operations.schemas import SENSITIVE, schema_of
from perdure.runtime.permissions import OperationName, operation_name
from perdure.runtime.type_info import json_decoder, type_info

Handler = TypeVar("Handler", bound=Callable[..., Any])
Scope = Literal["library", "core"]
Callers = Literal["everyone", "host"]

# Marks a field whose values are secrets: ``token: Annotated[str, Sensitive]``.
Sensitive: Final = msgspec.Meta(extra={"sensitive": True}, extra_json_schema={SENSITIVE: True})

_encode: Final = msgspec.json.Encoder().encode
_ATTRIBUTE: Final = "__perdure_operation__"
# What handlers take and answer; nothing of a handler that is gone.
_known_types: Final[weakref.WeakKeyDictionary[Callable[..., Any], tuple[Any, Any]]] = weakref.WeakKeyDictionary()


class Effect(enum.Enum):
    """What may happen to an action's effect when a process dies in the middle of it."""

    TRANSACTIONAL = "transactional"  # it is in perdure's own store, and is committed together with the outcome
    IDEMPOTENT = "idempotent"  # it may be repeated with the same effect key
    NON_IDEMPOTENT = "non_idempotent"  # neither: nobody may repeat it unasked


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What `query` or `action` said of a handler.

    ``effect`` is None for a query. ``scope``: whether it works inside a library or on the host as a whole. ``timeout``
    is in seconds. ``sensitive``: its whole payload and answer are secrets. ``callers``: whether extensions may call it,
    if they are granted it, or the host alone. ``forgets``: what is secret of the host's calls is not kept, not even
    sealed.
    """

    name: OperationName
    effect: Effect | None
    scope: Scope
    timeout: float
    sensitive: bool
    callers: Callers
    forgets: bool = False


def query(
    name: str,
    *,
    version: int = 1,
    scope: Scope = "library",
    timeout: float = 30.0,
    sensitive: bool = False,
    callers: Callers = "everyone",
    forgets: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare a query: it reads and changes nothing.

    Args:
        name: like ``notes.search``, without ``query:`` and without a version.
        version: from 1; several versions of one operation can stand side by side.
        scope: ``library``, or ``core`` for one that does not belong to a library.
        timeout: seconds until its caller is told that it failed.
        sensitive: whether its whole payload and answer are secrets; for single fields see `Sensitive`.
        callers: ``host`` for one that no extension may call, whatever it was granted.
        forgets: the log has only what is shown of the host's calls, for secrets that must not even be there sealed: a
            passphrase that the keys themselves need. Only for ``callers="host"``, whose calls nobody runs again.

    Raises:
        BadOperation: the name or an option makes no sense.
    """
    return _declare("query", name, version, None, scope, timeout, sensitive, callers, forgets)


def action(
    name: str,
    *,
    effect: Effect,
    version: int = 1,
    scope: Scope = "library",
    timeout: float = 30.0,
    sensitive: bool = False,
    callers: Callers = "everyone",
    forgets: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare an action: it changes something, and ``effect`` says how. The rest is as for `query`."""
    return _declare("action", name, version, effect, scope, timeout, sensitive, callers, forgets)


def _declare(
    kind: str,
    name: str,
    version: int,
    effect: Effect | None,
    scope: Scope,
    timeout: float,
    sensitive: bool,
    callers: Callers,
    forgets: bool,
) -> Callable[[Handler], Handler]:
    wire = f"{kind}:{name}.v{version}"
    parsed = operation_name(wire)
    if parsed is None or parsed.name != name:
        raise BadOperation(wire, "a name is segments of [a-z0-9_] with dots in between, a version is 1 to 9999")
    if scope not in ("library", "core"):
        raise BadOperation(wire, f"its scope is {scope!r}, it must be library or core")
    if callers not in ("everyone", "host"):
        raise BadOperation(wire, f"its callers are {callers!r}, they must be everyone or host")
    if forgets and callers != "host":
        raise BadOperation(wire, "it forgets what it was called with; a job could not be led through that again")
    if not 0 < timeout <= 86_400:
        raise BadOperation(wire, f"its timeout is {timeout!r}, it must be more than 0 and at most 86,400 seconds")
    declaration = Declaration(
        name=parsed,
        effect=effect,
        scope=scope,
        timeout=timeout,
        sensitive=sensitive,
        callers=callers,
        forgets=forgets,
    )

    def declare(handler: Handler) -> Handler:
        setattr(handler, _ATTRIBUTE, declaration)
        return handler

    return declare


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation with its handler, ready to be called.

    ``input_type`` and ``output_type`` are structs, or unions of tagged ones. ``description`` is its docstring.
    ``secret_sides`` says which of its values are secrets, see `secrets`.
    """

    declaration: Declaration
    handler: Callable[..., Any]
    input_type: Any
    output_type: Any
    description: str
    asynchronous: bool
    decode: Callable[[bytes], Any]
    secret_sides: Callable[[], SecretSides | None]
    answer_types: frozenset[type]
    decode_answer: Callable[[bytes], Any]

    @property
    def name(self) -> OperationName:
        """Its name and version."""
        return self.declaration.name

    @property
    def secrets(self) -> SecretSides | None:
        """Which of its values are secrets, None if none are. Its types are read for that at the first call."""
        return self.secret_sides()

    @property
    def is_action(self) -> bool:
        """Whether it changes something."""
        return self.declaration.effect is not None

    @property
    def effect_text(self) -> str:
        """``reads`` for a query, else the effect in a word, for people."""
        effect = self.declaration.effect
        return "reads" if effect is None else effect.value.replace("_", "-")

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return self.description.partition("\n")[0]

    def encode_answer(self, answer: object) -> bytes:
        """The answer as JSON. It is what the output type says, whatever the handler's annotations were worth.

        Raises:
            BadAnswer: it is not, or JSON cannot say it.
        """
        # Exactly these: fields that a subclass adds would be recorded in clear, whatever is in them.
        if type(answer) not in self.answer_types:
            raise BadAnswer(str(self.name), f"it is {type(answer).__qualname__}, not {self.output_type!r}")
        try:
            encoded = _encode(answer)
            self.decode_answer(encoded)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BadAnswer(str(self.name), str(error)) from error
        return encoded

    def schemas(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """JSON Schema (2020-12) of its input and its output; secrets are marked, see `schemas.SENSITIVE`.

        Raises:
            BadOperation: its types have none, for example because of a default that JSON cannot say.
        """
        secret = self.declaration.sensitive
        try:
            return (
                schema_of(self.input_type, written=True, secret=secret),
                schema_of(self.output_type, written=False, secret=secret),
            )
        except TypeError as error:
            raise BadOperation(str(self.name), f"its types have no JSON Schema: {error}") from None

    @property
    def family(self) -> str:
        """The first word of its name."""
        return self.name.name.partition(".")[0]

    @property
    def origin(self) -> str:
        """The module that it is written in."""
        handler = self.handler
        return str(handler.__module__ if inspect.isroutine(handler) else type(handler).__module__)


def is_declared(handler: object) -> bool:
    """Whether ``handler`` was decorated with `query` or `action`."""
    return isinstance(getattr(handler, _ATTRIBUTE, None), Declaration)


def operation_of(handler: Callable[..., Any]) -> Operation:
    """The operation that a decorated handler is.

    Raises:
        BadOperation: it is not decorated, is a class and no instance, or its annotations are not what they must be.
    """
    declaration = getattr(handler, _ATTRIBUTE, None)
    shown = getattr(handler, "__qualname__", type(handler).__qualname__)
    if not isinstance(declaration, Declaration):
        raise BadOperation(shown, "it is not declared; put @query or @action above it")
    if inspect.isclass(handler):
        raise BadOperation(shown, "it is a class; register an instance of it")
    function = handler if inspect.isroutine(handler) else type(handler).__call__
    input_type, output_type = _types(str(declaration.name), function)
    documented = inspect.getdoc(handler if inspect.isroutine(handler) else type(handler))
    if not documented:
        raise BadOperation(str(declaration.name), "it has no docstring; its first line is what people read of it")
    return Operation(
        declaration=declaration,
        handler=handler,
        input_type=input_type,
        output_type=output_type,
        description=documented,
        asynchronous=inspect.iscoroutinefunction(function),
        decode=json_decoder(input_type),
        secret_sides=functools.partial(
            secret_sides, input_type, output_type, whole=declaration.sensitive, forgotten=declaration.forgets
        ),
        answer_types=_struct_types(output_type),
        decode_answer=json_decoder(output_type),
    )


def _types(name: str, function: Callable[..., Any]) -> tuple[Any, Any]:
    # Of a method the function: each runtime has objects of its own, whose methods are the same.
    stable = getattr(function, "__func__", function)
    with contextlib.suppress(KeyError, TypeError):  # there are callables that cannot be remembered
        return _known_types[stable]
    found = _read_types(name, function)
    with contextlib.suppress(TypeError):
        _known_types[stable] = found
    return found


def _read_types(name: str, function: Callable[..., Any]) -> tuple[Any, Any]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BadOperation(name, f"its annotations cannot be resolved: {error}") from None
    parameters = [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]
    if len(parameters) != 2 or parameters[1] not in hints or "return" not in hints:
        raise BadOperation(name, "its handler must be (context, request: Input) -> Output, with both types annotated")
    found = hints[parameters[1]], hints["return"]
    for side in found:
        if not _is_object(side):
            raise BadOperation(name, f"{side!r} is no msgspec.Struct, nor a union of tagged ones")
    return found


def _is_object(side: Any) -> bool:
    try:
        if _is_struct(side):
            json_decoder(side)  # all its annotations are read for that, in a tenth of the time of `type_info`
            return not side.__struct_config__.array_like
        kinds = _kinds(side)
    except (TypeError, NameError):
        return False
    return all(isinstance(kind, msgspec.inspect.StructType) and not kind.array_like for kind in kinds)


def _struct_types(side: Any) -> frozenset[type]:
    if _is_struct(side):
        return frozenset({side})
    return frozenset(kind.cls for kind in _kinds(side) if isinstance(kind, msgspec.inspect.StructType))


def _is_struct(side: Any) -> bool:
    return isinstance(side, type) and issubclass(side, msgspec.Struct)


def _kinds(side: Any) -> tuple[msgspec.inspect.Type, ...]:
    info = type_info(side)
    return info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
