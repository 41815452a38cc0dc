"""``config.get`` and ``config.set``: an extension's configuration, for all libraries and for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.config.problem import ConfigProblem
from perdure.runtime.errors import ManifestError, UnknownExtension
from perdure.runtime.manifest import Manifest
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.store.rows import row_key

if TYPE_CHECKING:
    from perdure.runtime.config.layers import Effective
    from perdure.runtime.config.schema import ConfigSchema

MAX_CONFIG_BYTES: Final = 64 * 1024
MAX_CONFIG_DEPTH: Final = 32

_TEXT: Final = 2_000  # characters of a refusal

Revision = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class GetConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which configuration: what holds in the library of the call, or ``everywhere``, which is for the host only.

    ``extension`` says whose, when the host calls.
    """

    everywhere: bool = False
    extension: str | None = None


class SetConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``config`` takes the place of all that was set before at this level; null forgets it.

    Nothing is set unless the level is at ``if_revision``, if that is given. The other fields are as in `GetConfig`.
    """

    config: dict[str, Any] | None
    if_revision: Revision | None = None
    everywhere: bool = False
    extension: str | None = None


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration.

    Attributes:
        values: what holds, with the defaults of the manifest's ``config_schema``.
        own: what was set at this level, as it was set; None if nothing was.
        revision: how often something was set at this level.
        left_out: what was set and does not fit the schema of the installed version; the default holds instead.
        problems: what is wrong with ``values``, for example a required setting that is missing.
    """

    values: dict[str, Any]
    own: dict[str, Any] | None
    revision: int
    left_out: list[ConfigProblem] = []
    problems: list[ConfigProblem] = []


class ConfigRow(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of a level: JSON, None if it was forgotten. A new field is added at the end, with a default."""

    revision: int
    config: bytes | None


_NOTHING: Final = ConfigRow(0, None)


class ConfigOperations:
    """The handlers.

    Args:
        manifest_of: the manifest of an installed extension.
    """

    def __init__(self, manifest_of: Callable[[str], Manifest]) -> None:
        self._manifest_of = manifest_of
        self._schemas: dict[str, tuple[Mapping[str, Any], ConfigSchema]] = {}

    @query("config.get")
    def get(self, context: CallContext, request: GetConfig) -> Configuration:
        """Get an extension's configuration, with the defaults of its manifest filled in.

        What is set for the call's library is laid over what is set everywhere: objects are merged, other values
        replaced.
        """
        extension = _whose(context, request)
        levels = _levels(context, extension, everywhere=request.everywhere)
        return _answer(context, levels, self._effective(context, levels, self._schema(extension)))

    @action("config.set", effect=Effect.TRANSACTIONAL)
    def set(self, context: CallContext, request: SetConfig) -> Configuration:
        """Set an extension's configuration in the call's library, or everywhere.

        It has to fit the manifest's ``config_schema``. An extension sets its own, in the libraries that it may use.
        What is set everywhere is the host's to say. The library is told by an event ``config.changed``.
        """
        extension = _whose(context, request)
        schema = self._schema(extension)
        levels = _levels(context, extension, everywhere=request.everywhere)
        row = _row(context, levels[-1])
        if request.if_revision not in (None, row.revision):
            raise OperationFailed(
                "failed",
                f"the configuration is at revision {row.revision}, not at {request.if_revision}; read it again",
            )
        if request.config is not None and schema is None:
            raise OperationFailed("invalid_payload", "the manifest has no config_schema, so there is nothing to set")
        context.data.put(levels[-1], msgspec.msgpack.encode(ConfigRow(row.revision + 1, _encoded(request.config))))
        found = self._effective(context, levels, schema)
        if request.config is not None:
            # What is wrong at the other level was wrong before.
            _check([*found.left_out[-1], *found.problems])
        if not request.everywhere:
            context.publish("config.changed", {"extension": extension, "revision": row.revision + 1})
        return _answer(context, levels, found)

    def _effective(self, context: CallContext, levels: list[bytes], schema: ConfigSchema | None) -> Effective:
        # Here, not above: jsonschema makes every start of the program a fifth of a second longer.
        from perdure.runtime.config.layers import Effective, effective, merged  # noqa: PLC0415

        layers = [_decoded(_row(context, key)) or {} for key in levels]
        if schema is None:
            return Effective(merged(layers), tuple(() for _ in layers), ())
        return effective(schema, layers)

    def _schema(self, extension: str) -> ConfigSchema | None:
        from perdure.runtime.config.schema import checked_schema  # noqa: PLC0415

        try:
            schema = self._manifest_of(extension).config_schema
        except UnknownExtension:
            raise OperationFailed("not_found", f"extension {extension} is not installed") from None
        if schema is None:
            return None
        known = self._schemas.get(extension)
        if known is not None and known[0] == schema:
            return known[1]
        try:
            checked = checked_schema(schema)
        except ManifestError as error:  # it was installed by a release that did not check
            raise OperationFailed("failed", f"the schema of its configuration cannot be used: {error}") from None
        self._schemas[extension] = (schema, checked)
        return checked


def _check(problems: list[ConfigProblem]) -> None:
    if problems:
        shown = "; ".join(map(str, problems))
        raise OperationFailed("invalid_payload", f"invalid configuration: {shown}"[:_TEXT])


def _answer(context: CallContext, levels: list[bytes], found: Effective) -> Configuration:
    row = _row(context, levels[-1])
    return Configuration(
        values=found.values,
        own=_decoded(row),
        revision=row.revision,
        left_out=[problem for level in found.left_out for problem in level],
        problems=list(found.problems),
    )


def _whose(context: CallContext, request: GetConfig | SetConfig) -> str:
    if context.extension is None:
        if request.extension is None:
            raise OperationFailed("invalid_payload", "extension is missing: say whose configuration is meant")
        return request.extension
    if request.extension not in (None, context.extension):
        raise OperationFailed("permission_denied", "an extension has its own configuration, and no other")
    if request.everywhere:
        raise OperationFailed("permission_denied", "what holds everywhere is for the host; leave out everywhere")
    return context.extension


def _levels(context: CallContext, extension: str, *, everywhere: bool) -> list[bytes]:
    """The keys of the rows, the strongest last."""
    try:
        keys = [row_key("config", "x", extension)]
        if not everywhere and context.library_id is not None:
            keys.append(row_key("config", "l", extension, context.library_id.hex))
    except ValueError:
        raise OperationFailed("not_found", "no extension has such an id") from None
    return keys


def _row(context: CallContext, key: bytes) -> ConfigRow:
    data = context.data.get(key)
    return msgspec.msgpack.decode(data, type=ConfigRow) if data is not None else _NOTHING


def _decoded(row: ConfigRow) -> dict[str, Any] | None:
    return msgspec.json.decode(row.config, type=dict[str, Any]) if row.config is not None else None


def _encoded(config: dict[str, Any] | None) -> bytes | None:
    if config is None:
        return None
    if _depth(config) > MAX_CONFIG_DEPTH:
        raise OperationFailed("invalid_payload", f"a configuration may be nested {MAX_CONFIG_DEPTH} deep at most")
    data = json.dumps(config, ensure_ascii=False).encode()
    if len(data) > MAX_CONFIG_BYTES:
        raise OperationFailed(
            "invalid_payload", f"a configuration may have {MAX_CONFIG_BYTES} bytes at most, this one has {len(data)}"
        )
    return data


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def config_operations(manifest_of: Callable[[str], Manifest]) -> list[Callable[..., Any]]:
    """The operations, ready to be registered."""
    operations = ConfigOperations(manifest_of)
    return [operations.get, operations.set]
