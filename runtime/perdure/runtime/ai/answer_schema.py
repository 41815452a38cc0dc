"""The schema that an answer has to fit: a guest wrote it, a model the answer; checking either has a bounded cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perdure.actors.operations import OperationFailed
from perdure.runtime.config.places import FIELD, secret_settings
from perdure.runtime.errors import ManifestError

if TYPE_CHECKING:
    from perdure.runtime.config.schema import ConfigSchema


class AnswerSchema:
    """A schema that may be used.

    Raises:
        OperationFailed: ``invalid_payload``: it is none, or one that is not for here; see
            `perdure.runtime.config.schema`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # Here, not above: jsonschema takes 0.2 s to import.
        from perdure.runtime.config.schema import ConfigSchema, check_schema  # noqa: PLC0415

        self.schema = dict(schema)
        try:
            check_schema(self.schema)
        except ManifestError as error:
            raise OperationFailed("invalid_payload", f"{_own(error.field)}: {error.reason}") from None
        for field in secret_settings(self.schema):
            reason = "writeOnly and format: password let no value pass; leave them out"
            raise OperationFailed("invalid_payload", f"{_own(field)}: {reason}")
        self._checker: ConfigSchema = ConfigSchema(self.schema)

    def problems(self, value: Any) -> list[str]:
        """What is wrong with an answer, each with its place."""
        return [str(fault.problem) for fault in self._checker.faults(value)]

    @property
    def is_object(self) -> bool:
        """Whether only objects fit: some servers take no other schema."""
        return self.schema.get("type") == "object"


def _own(field: str) -> str:
    """A place in the schema, as its author knows it: it is no manifest's."""
    return f"schema{field.removeprefix(FIELD)}"
