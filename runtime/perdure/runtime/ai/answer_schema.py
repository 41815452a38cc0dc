"""The schema that an answer has to fit: a guest wrote it, a model the answer; checking either has a bounded cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from perdure.actors.operations import OperationFailed
from perdure.runtime.config.effort import TooMuchEffort, bounded
from perdure.runtime.config.places import FIELD, secret_settings
from perdure.runtime.errors import ManifestError

if TYPE_CHECKING:
    from perdure.runtime.config.schema import ConfigSchema

_UNITS: Final = 10_000  # of `bounded`: an answer is no configuration, and models wait for it


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
        """What is wrong with an answer, each with its place.

        Raises:
            OperationFailed: ``invalid_payload``: the schema asks for more work than is done for anybody.
        """
        try:
            with bounded(_UNITS):
                return [str(fault.problem) for fault in self._checker.check(value)]
        except TooMuchEffort as error:
            raise OperationFailed("invalid_payload", f"schema: {error}") from None
        except (ArithmeticError, ValueError) as error:  # a number that jsonschema cannot work with
            return [f"$: it cannot be checked: {type(error).__name__}"]

    @property
    def is_object(self) -> bool:
        """Whether only objects fit: some servers take no other schema."""
        return self.schema.get("type") == "object"


def _own(field: str) -> str:
    """A place in the schema, as its author knows it: it is no manifest's."""
    return f"schema{field.removeprefix(FIELD)}"
