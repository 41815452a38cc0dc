"""Requests of clients to an engine, without HTTP, and operations whose effects can be counted."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.operations import CALL
from perdure.api.scopes import ALL
from perdure.runtime import Runtime
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.table import engine_handlers
from perdure.server.link.messages import LinkRequest


class Amount(msgspec.Struct, frozen=True):
    amount: int = 1


class Total(msgspec.Struct, frozen=True):
    total: int


class Clerk:
    """An engine over a runtime, and who asks it.

    Attributes:
        sent: a folder in which each effect outside leaves a file: by its effect key, or by a number of its own.
    """

    def __init__(self, runtime: Runtime, folder: Path, client: str = "token:00000001") -> None:
        self.runtime = runtime
        self.sent = folder / "sent"
        self.sent.mkdir(exist_ok=True)
        self.engine = Engine(runtime, folder, engine_handlers())
        self.client = client
        self._numbers = itertools.count(1)
        runtime.operations.register(till_put, self._sending("till.send", Effect.IDEMPOTENT))
        runtime.operations.register(self._sending("till.ring", Effect.NON_IDEMPOTENT))

    def _sending(self, name: str, effect: Effect) -> Any:
        @action(name, effect=effect)
        def send(context: CallContext, request: Amount) -> Total:
            """Leave a file."""
            known = context.effect_key.replace(":", "-") if effect is Effect.IDEMPOTENT else uuid4().hex
            (self.sent / known).touch()
            return Total(len(list(self.sent.iterdir())))

        return send

    def ask(
        self, endpoint: Endpoint[Any, Any], key: str | None = None, client: str | None = None, **fields: Any
    ) -> tuple[int, Any]:
        """What is answered: HTTP's status, and JSON."""
        caller = Caller(client=client or self.client, name="a clerk", scopes=ALL)
        body = msgspec.json.encode(msgspec.convert(fields, endpoint.request))
        answer = self.engine.work(LinkRequest(next(self._numbers), endpoint.name, caller, uuid4(), body, key))
        return answer.status, json.loads(answer.body) if answer.body else None

    def call(self, operation: str, key: str | None = None, **request: Any) -> tuple[int, Any]:
        """What an action answers."""
        return self.ask(CALL, key, name=f"action:{operation}", request=request, library_id=UUID(int=7))

    @property
    def total(self) -> int:
        """What is in the till."""
        row = self.runtime.store.row(b"till")
        return int(row.value) if row is not None else 0

    @property
    def outside(self) -> int:
        """How many effects there were outside."""
        return len(list(self.sent.iterdir()))


@action("till.put", effect=Effect.TRANSACTIONAL)
def till_put(context: CallContext, request: Amount) -> Total:
    """Put an amount into the till, each time it is asked."""
    if request.amount < 0:
        raise ValueError("no")
    total = int(context.data.get(b"till") or b"0") + request.amount
    context.data.put(b"till", b"%d" % total)
    return Total(total)
