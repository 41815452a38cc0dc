"""Operations whose handlers see their cancel token, are slow, asynchronous or held: for tests of the router."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tests.support.python_guest import PythonOperations

from perdure.actors import Admission, BudgetUse, CancelToken, Hold, OperationCall, OperationFailed, Outcome

Handler = Callable[[OperationCall, CancelToken], Any]


class Handlers(PythonOperations):
    """`Operations` of functions ``(call, token) -> bytes | Outcome``, plain or asynchronous.

    Each may take ``seconds``; those named in ``recorded`` do nothing but what their outcome records. A name in ``held``
    waits so many seconds for room, for as long as it is there.
    """

    def __init__(self, seconds: float = 10.0, recorded: tuple[str, ...] = (), **handlers: Handler) -> None:
        super().__init__()
        self.held: dict[str, float] = {}
        self.admitted: list[OperationCall] = []
        self._seconds = seconds
        self._recorded = recorded
        self._handlers = handlers

    def admit(self, call: OperationCall) -> Admission | Hold:
        name = call.method.partition(":")[2]
        if name not in self._handlers:
            raise OperationFailed("unknown_method", f"there is no operation {call.method}")
        if name in self.held:
            return Hold(self.held[name], BudgetUse("requests_per_minute", 1, round(self.held[name] * 1000), "wait"))
        self.admitted.append(call)
        asynchronous = inspect.iscoroutinefunction(self._handlers[name])
        effect = "transactional" if name in self._recorded else "idempotent"
        return Admission(name, call.extension or "(host)", self._seconds, asynchronous, effect)

    def run(self, call: OperationCall, token: CancelToken) -> Outcome:
        return _outcome(call, self._handlers[call.method.partition(":")[2]](call, token))

    async def run_async(self, call: OperationCall, token: CancelToken) -> Outcome:
        return _outcome(call, await self._handlers[call.method.partition(":")[2]](call, token))


def _outcome(call: OperationCall, answer: bytes | Outcome) -> Outcome:
    return answer if isinstance(answer, Outcome) else Outcome(answer=answer, action=call.method.startswith("action:"))
