"""Operations whose answers a test gives. What the host knows of an operation is held against both of its sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Declaration, Effect, Operation
from perdure.runtime.permissions import OperationName

# Takes the payload and gives the answer, both as JSON says them; `OperationFailed` is an answer, too.
Answer = Callable[[Any], Any]
Misfit = Callable[[str], None]

_decode = msgspec.json.Decoder().decode


def fake_operation(name: OperationName, real: Operation | None, answer: Answer, misfit: Misfit) -> Operation:
    """An operation that answers what a test says.

    Args:
        name: its name.
        real: the host's own operation of this name, if it has one: payloads have to fit it, and answers, too.
        answer: gives the answer.
        misfit: is told of an answer that is not what the real one would be.
    """

    def decode(data: bytes) -> Any:
        if real is not None:
            real.decode(data)
        return json.loads(data)

    def handler(context: CallContext, request: Any) -> Any:
        given = answer(request)
        if real is not None:
            try:
                real.decode_answer(msgspec.json.encode(given))
            except msgspec.MsgspecError as error:
                misfit(f"the test's answer of {name} is not one of {name}: {error}")
        return given

    return Operation(
        declaration=real.declaration if real is not None else _declaration(name),
        handler=handler,
        input_type=dict,
        output_type=dict,
        description="An answer of a test.",
        asynchronous=False,
        decode=decode,
        secret_sides=lambda: None,
        answer_types=frozenset({dict, list, str, int, float, bool, type(None)}),
        decode_answer=_decode,
    )


def _declaration(name: OperationName) -> Declaration:
    effect = Effect.IDEMPOTENT if name.kind == "action" else None
    return Declaration(name=name, effect=effect, scope="library", timeout=60.0, sensitive=False, callers="everyone")
